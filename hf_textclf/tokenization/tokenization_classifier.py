"""A fast tokenizer for models that read texts as no tokenizer.json can say: Chinese words are found by jieba first, a
long text is cut in its middle, or is read in chunks, which hf-textclf does and this class refuses.

This file travels to the Hub with such a model, and imports nothing but its neighbour and libraries. The tokenizer.json
beside it is marked, so that whoever reads it without this class gets the reason and not other tokens.
"""

import importlib
import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from transformers import BatchEncoding, PreTrainedTokenizerFast
from transformers.tokenization_utils_base import PaddingStrategy, TruncationStrategy

from .sentences import split_sentences

# keys of tokenizer_config.json, each with what is special about a tokenizer that has it
SETTINGS = {
    "segmenter": "finds Chinese words first",
    "head_tokens": "keeps both ends of a long text",
    "document_strategy": "reads long texts in chunks",
}
VERSION = "1.0"
REMEDY = "open it with the package hf-textclf, or with trust_remote_code=True"
# jieba's time grows with the square of what stands without punctuation
ENDLESS = re.compile("([\u4e00-\u9fff]{1000})")


@cache
def load_jieba() -> Any:
    """jieba with its own dictionary. Raises ImportError: it is not installed."""
    # not an import statement: only some models need it, and Transformers asks for all that a file imports
    jieba = importlib.import_module("jieba")
    words = jieba.Tokenizer()
    # what `initialize` does, but for `jieba.cache` in the machine's temporary folder, where another user may leave one
    words.FREQ, words.total = words.gen_pfdict(words.get_dict_file())
    words.initialized = True
    return words


def cut_words(texts: Iterable[str]) -> list[str]:
    """Cut texts into words and join these by blanks. What is not Chinese keeps its own blanks.
    Raises ImportError: jieba is not installed."""
    words = load_jieba()
    return [" ".join(words.cut(ENDLESS.sub(r"\1 ", text))) for text in texts]


def mark(content: dict[str, Any], settings: Iterable[str]) -> dict[str, Any]:
    """The content of a tokenizer.json that nobody reads without knowing what is special about it: `tokenizers` gives
    the version as its reason, and what does not look at that stumbles over the normalizer. settings: keys of the
    configuration, those in `SETTINGS` among them."""
    special = " and ".join(SETTINGS[name] for name in settings if name in SETTINGS)
    reason = f"{VERSION} of a tokenizer that {special}; {REMEDY}"
    return content | {"version": reason, "normalizer": {"type": reason, "normalizer": content["normalizer"]}}


class ClassifierTokenizer(PreTrainedTokenizerFast):
    """The stock fast tokenizer, with `SETTINGS` of its tokenizer_config.json obeyed.

    segmenter: `jieba`. head_tokens: how many tokens of a longer text are kept at its head; the rest, up to max_length,
    is its tail. document_strategy, num_sentences: how hf-textclf reads long texts; those are refused here. Raises
    ImportError: the segmenter is not installed. Calls raise ValueError: a text that is read in chunks, or pairs.
    """

    # set by hf-textclf, which segments, cuts and chunks by itself
    as_is = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.init_kwargs.get("segmenter"):
            try:
                importlib.import_module("jieba")
            except ImportError as error:
                raise ImportError(
                    "this tokenizer finds Chinese words by jieba, which is not installed; pip install jieba"
                ) from error

    @classmethod
    def convert_to_native_format(cls, trust_remote_code: bool = False, **kwargs: Any) -> dict[str, Any]:
        """Called by `from_pretrained`: tokenizer.json without its marks."""
        content = json.loads(Path(kwargs.pop("tokenizer_file")).read_text(encoding="utf-8"))
        if content["version"] != VERSION:
            content |= {"version": VERSION, "normalizer": content["normalizer"]["normalizer"]}
        return kwargs | {"tokenizer_object": Tokenizer.from_str(json.dumps(content))}

    def _save_pretrained(self, save_directory: Any, file_names: Any, **options: Any) -> tuple[str, ...]:
        self.backend_tokenizer.no_truncation()
        saved = super()._save_pretrained(save_directory, file_names, **options)
        if settings := [name for name in SETTINGS if self.init_kwargs.get(name)]:
            file = Path(saved[-1])
            content = mark(json.loads(file.read_text(encoding="utf-8")), settings)
            file.write_text(json.dumps(content, ensure_ascii=False, indent=2), encoding="utf-8")
        return saved

    def _encode_plus(self, text: Any, text_pair: Any = None, **options: Any) -> BatchEncoding:
        settings = self.init_kwargs
        if self.as_is or not any(settings.get(name) for name in SETTINGS):
            return super()._encode_plus(text, text_pair, **options)
        texts = [text] if isinstance(text, str) else list(text)
        if text_pair or options.get("is_split_into_words") or not all(isinstance(each, str) for each in texts):
            raise ValueError(
                "expected a text or a list of texts, which this model reads one by one; no pairs or words"
            )
        words = cut_words(texts) if settings.get("segmenter") else texts
        plain: Any = {"truncation_strategy": TruncationStrategy.DO_NOT_TRUNCATE, "verbose": False}
        plain |= {"padding_strategy": PaddingStrategy.DO_NOT_PAD, "return_tensors": None}
        whole = super()._encode_plus(words, **options | plain)
        for each, ids in zip(texts, whole["input_ids"], strict=True):
            self._refuse_chunks(each, length=len(ids))
        head, limit = settings.get("head_tokens"), options.get("max_length")
        strategy = options.get("truncation_strategy", TruncationStrategy.DO_NOT_TRUNCATE)
        if not head or not limit or strategy == TruncationStrategy.DO_NOT_TRUNCATE:
            return super()._encode_plus(words[0] if isinstance(text, str) else words, **options)
        head = min(head, limit - 1)
        cut = {
            name: [row if len(row) <= limit else row[:head] + row[len(row) - limit + head :] for row in rows]
            for name, rows in whole.items()
        }
        padding = {name: options.get(name) for name in ("pad_to_multiple_of", "padding_side", "return_tensors")}
        strategy = options.get("padding_strategy", PaddingStrategy.DO_NOT_PAD)
        batch = self.pad(cut, padding=strategy, max_length=limit, verbose=False, **padding)
        if isinstance(text, str) and options.get("return_tensors") is None:
            return BatchEncoding({name: rows[0] for name, rows in batch.items()})
        return batch

    def _refuse_chunks(self, text: str, *, length: int) -> None:
        """length: of the whole text in tokens."""
        strategy = self.init_kwargs.get("document_strategy")
        too_long = strategy in ("windows", "sentences") and length > self.model_max_length
        if strategy in ("sentences", "key_sentences"):
            most = 1 if strategy == "sentences" else self.init_kwargs["num_sentences"]
            too_long = too_long or len(split_sentences(text)) > most
        if too_long:
            raise ValueError(
                f"the model reads a text of {length} tokens in chunks (document_strategy {strategy}), which only "
                "hf-textclf does, expected a shorter text; read it with hf_textclf.Classifier"
            )
