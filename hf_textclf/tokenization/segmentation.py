"""Chinese words by jieba, for those who ask for them: a text is cut into words before its tokenizer sees it.

What would surprise you:
- `tokenizers` cannot save a pre-tokenizer written in Python. So the words are joined by blanks, the stock tokenizer
  parts them at the blanks, and that a text has to be cut first stands in tokenizer_config.json under `segmenter`.
  `encode` heeds it wherever a text is encoded here. A stock pipeline over the same folder does not know it: it takes
  what stands between two marks of punctuation for one word, and its answers differ.
- jieba keeps its dictionary as `jieba.cache` in the machine's folder for temporary files and reads whatever lies
  there, also what another user left. Here it is built from the installed package, once a process (a second), and
  nothing is written or read elsewhere.
"""

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

from transformers import PreTrainedTokenizerFast

from ..errors import UserError

SEGMENTERS = ("jieba",)
# jieba's time grows with the square of what stands without punctuation
ENDLESS = re.compile("([\u4e00-\u9fff]{1000})")


def set_segmenter(tokenizer: PreTrainedTokenizerFast, segmenter: str | None) -> None:
    """Decide whether `encode` cuts texts into words first, now and after saving and loading."""
    tokenizer.init_kwargs.pop("segmenter", None)
    if segmenter is not None:
        tokenizer.init_kwargs["segmenter"] = segmenter


def segmented(tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> list[str]:
    """The texts as this tokenizer wants them: cut into words where it was trained on such texts.

    Raises:
        UserError: as `segment`.
    """
    segmenter = tokenizer.init_kwargs.get("segmenter")
    return texts if segmenter is None else segment(texts, segmenter)


def segment(texts: Iterable[str], segmenter: str) -> list[str]:
    """Cut texts into words and join these by blanks. What is not Chinese keeps its own blanks.

    Raises:
        UserError: an unknown segmenter, or one that is not installed.
    """
    if segmenter not in SEGMENTERS:
        raise UserError(f"segmenter {segmenter!r} is unknown; choose one of {', '.join(SEGMENTERS)}")
    words = _jieba()
    return [" ".join(words.cut(ENDLESS.sub(r"\1 ", text))) for text in texts]


@cache
def _jieba() -> Any:
    """jieba's dictionary in memory."""
    try:
        import jieba
    except ImportError as error:
        raise UserError(
            "segmenter 'jieba' needs the package jieba, which is not installed; pip install 'hf-textclf[chinese]'"
        ) from error
    words = jieba.Tokenizer()
    # what `initialize` does, without its cache file
    words.FREQ, words.total = words.gen_pfdict(words.get_dict_file())
    words.initialized = True
    return words


__all__ = ["SEGMENTERS", "segment", "segmented", "set_segmenter"]
