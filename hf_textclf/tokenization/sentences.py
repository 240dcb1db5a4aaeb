"""Sentences of English and Chinese texts, by rules; nothing is downloaded.

Of the libraries, pysbd (0.3.4) loses white space and sentencex (1.0.32) takes minutes for a page of opening quotes.
Here every pattern is anchored so that the time grows with the length of the text alone.
"""

import re

# what may stand between the mark and the end of its sentence
_CLOSERS = r"[\"'”’»)\]）」』】》]*+"
_ENDS = re.compile(
    rf"""
    (?: [。！？｡][。！？｡!?…]*+ {_CLOSERS}          # full-width marks end a sentence wherever they stand
      | (?<![.!?…])[.!?…]++ {_CLOSERS}           # the others where a gap or a Chinese character follows
        (?= \s | <br | [\u3400-\u9fff] | \Z )
      | (?<=[a-z][a-z])[.!?] (?=[A-Z])            # a gap forgotten.As here
      | \n[^\S\n]*+\n | <br\s*+/?>                # an empty line, a line break of HTML
    ) (?: \s | <br\s*+/?> )*+
    """,
    re.VERBOSE,
)
# a sentence holds more than marks: a letter, a digit, or anything that is not ASCII
_CONTENT = re.compile(r"[A-Za-z0-9]|[^\x00-\x7f]")
_ABBREVIATIONS = frozenset(
    "mr mrs ms dr prof rev gen sen rep gov lt col sgt capt st jr sr vs etc al approx ca cf fig vol pp "
    "inc ltd co corp dept jan feb mar apr jun jul aug sep sept oct nov dec".split()
)
# the longest of these, with its points, is shorter
_LOOK_BACK = 12


def split_sentences(text: str) -> list[str]:
    """Split a text into sentences, each with the white space behind it: joined they are the text again.

    A full stop behind an abbreviation, an initial or the number of a list ends nothing, nor do three before a small
    letter: rather two sentences in one than one in two. There is always one sentence, of an empty text the empty one.
    """
    sentences: list[str] = []
    start = seen = 0
    has_content = False
    for end in _ENDS.finditer(text):
        has_content = has_content or _CONTENT.search(text, seen, end.start()) is not None
        seen = end.end()
        if has_content and not _goes_on(text, start, end):
            sentences.append(text[start:seen])
            start, has_content = seen, False
    if not sentences or _CONTENT.search(text, seen) is not None:
        sentences.append(text[start:])
    else:
        sentences[-1] += text[start:]
    return sentences


def _goes_on(text: str, start: int, end: re.Match[str]) -> bool:
    """Say whether a sentence that began at `start` goes on behind a mark."""
    mark = end.group().rstrip()
    follower = text[end.end() : end.end() + 1]
    if mark.startswith(("...", "…")):
        return follower.islower()
    if mark != ".":
        # "Why?" he asked
        return follower.islower() and mark.endswith(tuple("\"'”’)"))
    before = text[max(start, end.start() - _LOOK_BACK) : end.start()]
    word = re.split(r"[^\w.]", before)[-1].lower()
    initials = all(len(piece) < 3 for piece in word.split(".")) and "." in word
    initial = len(word) == 1 and word.isalpha() and word.isascii() and word != "i"
    numbered = word.isdigit() and before == text[start : end.start()]
    return word in _ABBREVIATIONS or initials or initial or numbered
