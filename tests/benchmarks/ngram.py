"""An n-gram model on the tokens that a language model learnt from, and both judged on the same held-out texts.

    python -m tests.benchmarks.ngram --model LM_FOLDER --dataset DIR [--order 4]

Interpolated Kneser-Ney (Chen & Goodman 1999, "An empirical study of smoothing techniques for language modeling",
section 3) over the very blocks of token ids of the run that made the folder, so that neither gains from unknown words
or from a longer context. Both also write on from the same words, by sampling. The last line of output is the result.
"""

import argparse
import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

import hf_textclf  # noqa: F401
from hf_textclf.data import TextArguments, load_texts
from hf_textclf.files import read_yaml
from hf_textclf.saved_model.layout import RUN_CONFIG
from hf_textclf.training.arguments import PretrainingArguments
from hf_textclf.training.pretraining import cut_blocks

PROMPTS = ("this film is", "the worst thing about", "i laughed when")


@dataclass(frozen=True)
class Level:
    """The k-grams of one length. keys: sorted, id of the (k-1)-gram before * vocabulary + last token, so that the
    position of a key is the id of its k-gram. discounted: of each k-gram, its count over that of its context;
    left: of each context, the share that the discount leaves to shorter contexts."""

    keys: np.ndarray
    discounted: np.ndarray
    left: np.ndarray


class KneserNey:
    """Interpolated Kneser-Ney over token ids.

    rows: (rows, length) token ids; n-grams never cross a row. order: n.
    """

    def __init__(self, rows: np.ndarray, *, vocab_size: int, order: int) -> None:
        self.vocab_size, self.order = vocab_size, order
        keys, ids = [np.arange(vocab_size)], [rows.astype(np.int64)]
        for _ in range(1, order):
            # of each position the id of the shorter gram that ends before it
            found, inverse = np.unique(ids[-1][:, :-1] * vocab_size + rows[:, len(ids) :], return_inverse=True)
            keys.append(found)
            ids.append(inverse.reshape(len(rows), -1))
        counts = [np.bincount(ids[-1].ravel(), minlength=len(keys[-1]))]
        for k in range(order - 1, 0, -1):
            # a shorter gram counts once for each different token before it
            last = np.zeros(len(keys[k]), np.int64)
            last[ids[k].ravel()] = ids[k - 1][:, 1:].ravel()
            counts.insert(0, np.bincount(last, minlength=len(keys[k - 1])))
        self.levels = [self._level(keys[k], counts[k], len(keys[k - 1]) if k else 1) for k in range(order)]

    def _level(self, keys: np.ndarray, counts: np.ndarray, contexts: int) -> Level:
        context = keys // self.vocab_size
        once, twice = (counts == 1).sum(), (counts == 2).sum()
        # where the estimate has nothing to go by, the usual value
        discount = once / (once + 2 * twice) if once else 0.75
        total = np.bincount(context, weights=counts, minlength=contexts)
        seen = np.bincount(context, weights=counts > 0, minlength=contexts)
        with np.errstate(invalid="ignore", divide="ignore"):
            left = np.where(total > 0, discount * seen / total, 1.0)
            discounted = np.maximum(counts - discount, 0) / total[context]
        return Level(keys, np.nan_to_num(discounted), left)

    def _find(self, level: Level, context: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """The ids of grams, -1 for those never seen. context, tokens: any one shape."""
        keys = context * self.vocab_size + tokens
        place = np.minimum(np.searchsorted(level.keys, keys), len(level.keys) - 1)
        return np.where((context >= 0) & (level.keys[place] == keys), place, -1)

    def probabilities(self, rows: np.ndarray) -> np.ndarray:
        """Of each token but the first of each row, (rows, length - 1)."""
        rows = rows.astype(np.int64)
        known = np.full(rows.shape, 1 / self.vocab_size)
        ids, contexts = rows, np.zeros_like(rows)
        for k, level in enumerate(self.levels):
            if k:
                # the gram one shorter that ended a step before; what has no room for it keeps the shorter answer
                contexts = np.concatenate([np.full((len(rows), 1), -1), ids[:, :-1]], axis=1)
                ids = self._find(level, contexts, rows)
            share = np.where(ids >= 0, level.discounted[ids], 0)
            left = np.where(contexts >= 0, level.left[contexts], 1.0)
            known = share + left * known
        return known[:, 1:]

    def distribution(self, before: list[int]) -> np.ndarray:
        """Of every token after some others, (vocab_size,)."""
        known = np.full(self.vocab_size, 1 / self.vocab_size)
        for k, level in enumerate(self.levels):
            context = self._context(before[len(before) - k :]) if k <= len(before) else -1
            if context < 0:
                break
            ends = np.searchsorted(level.keys, [context * self.vocab_size, (context + 1) * self.vocab_size])
            known = level.left[context] * known
            known[level.keys[slice(*ends)] % self.vocab_size] += level.discounted[slice(*ends)]
        return known

    def _context(self, tokens: list[int]) -> int:
        """The id of a gram, 0 for the empty one, -1 where it was never seen."""
        gram = np.array(tokens[:1] or [0])
        for level, token in zip(self.levels[1:], tokens[1:], strict=False):
            gram = self._find(level, gram, np.array([token]))
        return int(gram[0])

    def sample(self, before: list[int], *, length: int, seed: int) -> list[int]:
        """Go on from some tokens."""
        random, tokens = np.random.default_rng(seed), list(before)
        for _ in range(length):
            p = self.distribution(tokens[-(self.order - 1) :] if self.order > 1 else [])
            tokens.append(int(random.choice(self.vocab_size, p=p / p.sum())))
        return tokens


@torch.inference_mode()
def perplexity(model, rows: np.ndarray, batch_size: int = 16) -> float:
    """Of each token but the first of each row. rows: (rows, length)."""
    loss = 0.0
    for start in range(0, len(rows), batch_size):
        ids = torch.tensor(rows[start : start + batch_size], dtype=torch.long)
        loss += model(input_ids=ids, labels=ids).loss.item() * len(ids)
    return math.exp(loss / len(rows))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--order", type=int, default=4)
    options = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    model = AutoModelForCausalLM.from_pretrained(options.model).eval()
    # what a run leaves at its default it does not write down
    run = {"block_size": PretrainingArguments.block_size} | read_yaml(Path(options.model) / RUN_CONFIG)
    data = TextArguments(dataset=options.dataset)
    data.validation_size = run.get("validation_size", data.validation_size)
    texts = load_texts(data, run.get("splits", ["train"]))
    blocks = cut_blocks(
        texts, tokenizer, block_size=run["block_size"], reads_backwards=model.config.reads_backwards
    ).with_format("numpy")
    train, held_out = blocks["train"]["input_ids"][:], blocks["validation"]["input_ids"][:]
    ngram = KneserNey(train, vocab_size=model.config.vocab_size, order=options.order)
    result = {
        "command": f"python -m tests.benchmarks.ngram --model LM --dataset DIR --order {options.order}",
        "train_tokens": int(train.size),
        "held_out_tokens": int(held_out[:, 1:].size),
        "order": options.order,
        "ngram_perplexity": math.exp(-np.log(ngram.probabilities(held_out)).mean()),
        "lstm_perplexity": perplexity(model, held_out),
        "samples": [],
    }
    for seed, prompt in enumerate(PROMPTS):
        before = tokenizer(prompt)["input_ids"]
        torch.manual_seed(seed)
        written = model.generate(torch.tensor([before]), do_sample=True, max_new_tokens=40)[0].tolist()
        result["samples"].append(
            {
                "prompt": prompt,
                "lstm": tokenizer.decode(written, skip_special_tokens=True),
                "ngram": tokenizer.decode(ngram.sample(before, length=40, seed=seed), skip_special_tokens=True),
            }
        )
    print(json.dumps(result))


if __name__ == "__main__":
    main()
