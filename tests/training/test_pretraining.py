"""Language models through the command line, and classifiers that start from them."""

import json
import math
from collections import Counter
from itertools import chain

import pytest
import torch
import yaml
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from hf_textclf.cli.main import main
from hf_textclf.data import TextArguments, load_texts
from hf_textclf.training.pretraining import cut_blocks
from tests.helpers.small_runs import QUIET, empty_config

SMALL = "--vocab_size 600 --embedding_size 13 --hidden_size 9 --num_hidden_layers 2 --block_size 24".split()
PAIR = ["forward", "backward"]
WORDS = list(enumerate(("the", "not", "good")))


def run(command, *tokens):
    return main([command, *map(str, tokens), *QUIET])


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Two language models that share tokenizer and embeddings, hardly trained."""
    folder = tmp_path_factory.mktemp("pair")
    keys = ["--dataset", "samples/opinions_en", "--text_column", "text", "--max_steps", "3", *SMALL]
    assert run("pretrain", *keys, "--output_dir", folder / "forward") == 0
    # the size of a vocabulary is a limit, so a larger one does not contradict
    shared = ["--direction", "backward", "--init_from", folder / "forward", "--vocab_size", 700]
    assert run("pretrain", *keys, *shared, "--output_dir", folder / "backward") == 0
    return folder


@pytest.fixture
def refuse(tmp_path, capsys):
    """Run a command that must be refused in one line, with nothing written; returns the line."""

    def refused(command, *tokens):
        capsys.readouterr()
        assert run(command, *tokens, "--output_dir", tmp_path / "out") == 2
        assert not (tmp_path / "out").exists()
        (line,) = [row for row in capsys.readouterr().err.splitlines() if row.startswith("hf-textclf: error: ")]
        return line

    return refused


def test_learns_more_than_the_frequencies(tmp_path):
    """Its perplexity lies below that of the best model without context, judged on the same blocks."""
    lm = tmp_path / "lm"
    assert run("pretrain", "--config", "demo_lm", "--output_dir", lm) == 0
    results = json.loads((lm / "eval_results.json").read_text())
    tokenizer = AutoTokenizer.from_pretrained(lm)
    texts = load_texts(TextArguments(dataset="samples/news_en"), ["train"])
    blocks = cut_blocks(texts, tokenizer, block_size=32, reads_backwards=False)
    counts = Counter(chain.from_iterable(blocks["train"]["input_ids"]))
    judged = [token for row in blocks["validation"]["input_ids"] for token in row[1:]]
    total = sum(counts.values()) + len(tokenizer)
    loss = -sum(math.log((counts[token] + 1) / total) for token in judged) / len(judged)
    assert results["tokens"]["validation"] == len(judged)
    assert results["metrics"]["perplexity"] == pytest.approx(math.exp(results["metrics"]["loss"]))
    assert results["metrics"]["perplexity"] < 0.95 * math.exp(loss)

    model = AutoModelForCausalLM.from_pretrained(lm)
    with torch.no_grad():
        rows = torch.tensor(blocks["validation"]["input_ids"])
        assert float(model(rows, labels=rows).loss) == pytest.approx(results["metrics"]["loss"], abs=1e-4)
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id == tokenizer.get_vocab()["[EOS]"]
    assert len(tokenizer) <= 2000 == model.config.vocab_size
    # the end of text is never added by the tokenizer itself
    assert tokenizer.eos_token_id not in tokenizer("shares fell")["input_ids"]
    recorded = yaml.safe_load((lm / "run_config.yaml").read_text())
    assert recorded["block_size"] == 32 and recorded["dataset"] == "samples/news_en"


def test_blocks_hold_every_token_once(pair):
    tokenizer = AutoTokenizer.from_pretrained(pair / "forward")
    texts = load_texts(TextArguments(dataset="samples/opinions_en", text_column="text"), ["train", "test"])
    end = tokenizer.eos_token_id
    stream = {
        backwards: [end, *(i for text in texts["train"]["text"] for i in [*tokenizer(text)["input_ids"][::step], end])]
        for backwards, step in ((False, 1), (True, -1))
    }
    for backwards, expected in stream.items():
        blocks = cut_blocks(texts, tokenizer, block_size=7, reads_backwards=backwards)["train"]["input_ids"]
        joined = [blocks[0][0], *(token for row in blocks for token in row[1:])]
        assert joined == expected[: len(joined)] and len(expected) - len(joined) < 7


def test_texts_of_several_splits_and_copies_on_one_side(tmp_path):
    for name, texts in {"train": ["a b", "c d", "a b"], "unsupervised": ["e f", "a b", " ", "g h"]}.items():
        lines = [json.dumps({"text": text, "label": -1}) for text in texts]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    arguments = TextArguments(dataset=str(tmp_path), validation_size=0.5)
    found = load_texts(arguments, ["train", "unsupervised"])
    sides = [set(found[name]["text"]) for name in ("train", "validation")]
    assert sides[0] | sides[1] == {"a b", "c d", "e f", "g h"} and not sides[0] & sides[1]
    assert sum(map(len, found.values())) == 6
    assert set(load_texts(arguments, ["unsupervised"])["train"]["text"]) <= {"e f", "a b", "g h"}


def test_starts_from_word_vectors(tmp_path):
    """Inputs and, tied to them, outputs; with a learning rate of 0 they stay what they were."""
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("".join(f"{word} {' '.join(str(place + 0.5) for _ in range(13))}\n" for place, word in WORDS))
    keys = ["--dataset", "samples/opinions_en", "--text_column", "text", "--max_steps", "1", "--learning_rate", "0"]
    keys += ["--tokenizer_type", "word", "--embeddings_from", vectors, *SMALL, "--output_dir", tmp_path / "lm"]
    assert run("pretrain", *keys) == 0
    model, tokenizer = (each.from_pretrained(tmp_path / "lm") for each in (AutoModelForCausalLM, AutoTokenizer))
    for place, word in WORDS:
        token = tokenizer.convert_tokens_to_ids(word)
        for table in (model.get_input_embeddings(), model.get_output_embeddings()):
            assert (table.weight[token] == place + 0.5).all()


def test_directions_share_tokenizer_and_embeddings(pair):
    weights = [load_file(pair / name / "model.safetensors") for name in PAIR]
    tables = [each["lstm.embed_tokens.weight"] for each in weights]
    assert torch.equal(*tables)
    assert not torch.equal(*(each["lstm.layers.0.lstm.weight_ih_l0"] for each in weights))
    assert (pair / "forward" / "tokenizer.json").read_text() == (pair / "backward" / "tokenizer.json").read_text()
    configs = [json.loads((pair / name / "config.json").read_text()) for name in PAIR]
    assert [config["reads_backwards"] for config in configs] == [False, True]


@pytest.mark.parametrize("directions", [1, 2])
def test_classifier_starts_with_the_states_of_the_language_models(directions, pair, tmp_path):
    """Two layers, texts of different lengths, pads on the left and on the right."""
    folders = [pair / name for name in PAIR[:directions]]
    keys = ["--config", empty_config(tmp_path), "--dataset", "samples/opinions_en", "--label_column", "rating"]
    keys += ["--max_steps", "1", "--learning_rate", "0", "--init_from", *folders, "--output_dir", tmp_path / "run"]
    assert run("train", *keys) == 0
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "run").eval()
    models = [AutoModelForCausalLM.from_pretrained(folder).eval() for folder in folders]
    texts = [torch.randint(2, 599, (length,)) for length in (6, 1, 4)]
    ids, mask = torch.zeros(3, 6, dtype=torch.long), torch.zeros(3, 6, dtype=torch.long)
    for row, (text, start) in enumerate(zip(texts, (0, 5, 1), strict=True)):
        ids[row, start : start + len(text)], mask[row, start : start + len(text)] = text, 1
    for each in (model, *models):
        each.requires_grad_(False)
    states = model.lstm(ids, attention_mask=mask, output_hidden_states=True).hidden_states
    assert len(states) == 3
    for depth, layer in enumerate(states):
        for row, text in enumerate(texts):
            expected = [models[0].lstm(text[None], output_hidden_states=True).hidden_states[depth][0]]
            if directions == 2 and depth:
                turned = models[1].lstm(text[None].flip(1), output_hidden_states=True).hidden_states[depth][0]
                expected.append(turned.flip(0))
            found = layer[row][mask[row].bool()]
            torch.testing.assert_close(found, torch.cat(expected, dim=-1), rtol=0, atol=1e-6)
    assert not model.lstm.embed_tokens.weight[0].any()
    recorded = yaml.safe_load((tmp_path / "run" / "run_config.yaml").read_text())
    assert recorded["init_from"] == list(map(str, folders))
    assert sorted(path.name for path in (tmp_path / "run").glob("modeling*.py")) == ["modeling_lstm.py"]


def test_what_cannot_be_a_start(pair, refuse, tmp_path):
    train = ["train", "--config", empty_config(tmp_path), "--dataset", "samples/opinions_en"]
    train += ["--label_column", "rating", "--init_from"]
    forward, backward = (pair / name for name in PAIR)
    assert "names 3 folders" in refuse(*train, forward, backward, forward)
    assert "reads backward, expected forward" in refuse(*train, backward)
    assert "reads forward, expected backward" in refuse(*train, forward, forward)
    assert "embedding_size=5 contradicts init_from" in refuse(*train, forward, "--embedding_size", 5)
    assert "bidirectional=True contradicts" in refuse(*train, forward, "--bidirectional", "true")
    assert "vocab_size=50" in refuse(*train, forward, "--vocab_size", 50)
    assert "stands beside init_from" in refuse(*train, forward, "--embeddings_from", forward)
    assert "cannot load a tokenizer" in refuse(*train, tmp_path / "none")
    assert run(*train, forward, "--max_steps", 1, "--output_dir", tmp_path / "classifier") == 0
    assert "holds LSTMForSequenceClassification, expected" in refuse(*train, tmp_path / "classifier")
    other = tmp_path / "other"
    keys = ["--dataset", "samples/news_en", "--max_steps", 1, *SMALL, "--direction", "backward"]
    assert run("pretrain", *keys, "--output_dir", other) == 0
    assert "their tokenizers differ" in refuse(*train, forward, other)


def test_what_cannot_be_pretrained(pair, refuse, tmp_path):
    pretrain = ["pretrain", "--dataset", "samples/opinions_en", "--text_column", "text", *SMALL]
    assert "split 'none' is not there" in refuse(*pretrain, "--splits", "none")
    assert "unknown key 'bidirectional'" in refuse(*pretrain, "--bidirectional", "true")
    assert "expected one block at least" in refuse(*pretrain, "--block_size", 100_000)
    assert "block_size=0" in refuse(*pretrain, "--block_size", 0)
    assert "unknown column 'x'" in refuse(*pretrain[:3], "--text_column", "x")
    assert "needs evaluations" in refuse(*pretrain, "--load_best_model_at_end", "true", "--eval_strategy", "no")
    shared = [*pretrain, "--init_from", pair / "forward"]
    assert "embedding_size=5 contradicts init_from" in refuse(*shared, "--embedding_size", 5)
    assert "vocab_size=50 contradicts init_from" in refuse(*shared, "--vocab_size", 50)
    assert "tokenizer_type=word stands beside init_from" in refuse(*shared, "--tokenizer_type", "word")
    assert "locked_dropout=2" in refuse(*pretrain, "--locked_dropout", 2)
