"""Failures on demand: each waits for a request that it matches and then spoils it, a given number of times."""

import re
import time
from dataclasses import dataclass, field


class Dropped(Exception):
    """The connection is to be closed without an answer."""


@dataclass
class Failure:
    """pattern: a regular expression, sought in `METHOD /path?query`. times: how often it strikes, -1 is always.

    status, headers, message, code: the answer in place of the real one; body: what it holds in place of JSON.
    after: bytes of the request's body that are read first, None is all. drop: close the connection without an answer;
    sent: close it after so many bytes of the answer's body. seconds: wait between the pieces of that body. corrupt:
    spoil the bytes of an upload.
    """

    pattern: str
    times: int = 1
    status: int | None = None
    headers: dict = field(default_factory=dict)
    message: str = "made to fail"
    code: str | None = None
    body: bytes | None = None
    after: int | None = None
    drop: bool = False
    sent: int | None = None
    seconds: float = 0.0
    corrupt: bool = False


class Failures:
    """The failures that still wait."""

    def __init__(self):
        self.waiting = []

    def add(self, pattern, **options):
        self.waiting.append(Failure(pattern, **options))

    def clear(self):
        self.waiting.clear()

    def take(self, request):
        """The failure that strikes this request, None if it goes well."""
        for failure in self.waiting:
            if failure.times != 0 and re.search(failure.pattern, request):
                failure.times -= 1
                return failure
        return None


def spoil(content):
    """The same length, another content."""
    return bytes([content[0] ^ 1]) + content[1:] if content else b"?"


def pieces(content, failure):
    """The parts of an answer's body as they are to be sent; raises `Dropped` where the connection breaks."""
    if failure is None or (failure.sent is None and not failure.seconds):
        yield content
        return
    if failure.sent is not None:
        yield content[: failure.sent]
        raise Dropped
    for start in range(0, len(content), max(1, len(content) // 4)):
        time.sleep(failure.seconds)
        yield content[start : start + max(1, len(content) // 4)]
