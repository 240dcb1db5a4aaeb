"""Sentences of English and Chinese: nothing is lost, and no text takes long."""

import random

import pytest

from hf_textclf.tokenization import split_sentences

CASES = [
    "Mr. Smith went to the U.S. last year. |He paid $3.50 for it! |Did he? |Yes.",
    'She said "It is bad. |Really." |Then she left. |It cost 2.5 million... and more.',
    '"Why?" he asked. |"I know!" |Then. |(He left.) |And so on',
    "e.g. this one, vs. the other. |Dr. No, Ph.D. and J. R. R. Tolkien wrote. |10 p.m. is late.",
    "It is my wife and I. |We live in St. Paul. |Did you like it? |No. |Me neither.",
    "1. First item. |2. Second item.\n\n|3. Third",
    "WOW!!! |What a movie... i hated it. |it sucks.|The end",
    "Great film!<br /><br />|I loved it. |The end.<br>|Bye<br/>",
    "A wrapped\nline ends nothing.\n \n|An empty one does\n\n|and. |so",
    "房间很好，下次还来。|服务太差了！|“真的吗？”|他问。|他说：“好的。”|然后走了。|最后一句",
    "太差了!|再也不来.|真的?|好吧。。。|价格3.5元，Mr.王说的",
    "第一句。|second sentence here. |第三句！！！|好吗？？|行",
    "  lead. |trail  ",
    "👍. |👎! |ok",
    "\ufeffHi.\r\n\r\n|There. |A",
    "See www.example.com/a.b?c=d now. |End",
    "no end",
    "!!! ... ",
    "<br /><br />... Well. <br />",
    "",
    " \n ",
]
HOSTILE = [
    "“",
    "(a. ",
    "Mr. ",
    '"A. ',
    "A.",
    ".",
    "! ",
    "“a。",
    "\n",
    "a\n",
    "<br ",
    "<br/>",
    "1. ",
    "a",
    "。",
    ".<br   ",
]


@pytest.mark.parametrize("marked", CASES)
def test_sentences(marked):
    assert split_sentences(marked.replace("|", "")) == marked.split("|")


def test_nothing_is_lost():
    draw = random.Random(1)
    pieces = [*"a .!?\"“”()[]。！\n」'1…Bé ", "<br />", "Mr. ", "it", "很好", "\r\n", "👍", "\x00"]
    for _ in range(2000):
        text = "".join(draw.choices(pieces, k=draw.randrange(40)))
        sentences = split_sentences(text)
        assert "".join(sentences) == text
        assert all(sentences) or sentences == [""]


@pytest.mark.parametrize("piece", HOSTILE)
def test_time_grows_with_the_text_alone(piece):
    """With time that grows with the square of the length, each of these would take an hour."""
    text = piece * (300_000 // len(piece)) + "x"
    assert "".join(split_sentences(text)) == text
    assert "".join(split_sentences("." + text)) == "." + text
