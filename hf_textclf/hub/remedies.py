"""What the Hub or the network refuses, said in one line with the way out; and when it is worth another try."""

import json
import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import httpx2
from huggingface_hub import HfApi, constants, get_session, get_token
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from ..errors import UserError

logger = logging.getLogger(__name__)
T = TypeVar("T")
# seconds without a sign of life, after which the connection is taken for dead
TIMEOUT = 60.0
# seconds before the second and the third try
WAITS = (1.0, 4.0)
LONGEST_WAIT = 120.0
AGAIN = "run the same command again, what has arrived is not sent twice"
REMEDIES = {
    400: "the Hub refuses what was sent; correct what it names",
    401: "the Hub refuses the token; make one at {endpoint}/settings/tokens that may write, then `hf auth login`",
    402: "the Hub wants to be paid for this; see {endpoint}/settings/billing, or push without --private",
    403: "the token may not write to {repo}; log in with one that may (`hf auth login`), or propose with --create_pr",
    409: f"another change to {{repo}} is under way, or its name is taken; wait a minute, then {AGAIN}",
    412: f"somebody changed {{repo}} in the meantime; {AGAIN}",
    413: "a file is too large for the Hub; make it smaller",
    429: f"too many requests; wait {{wait}}, then {AGAIN}",
}
SERVER_FAULT = f"the Hub has a fault of its own; wait a few minutes (https://status.huggingface.co), then {AGAIN}"


def signed_in() -> HfApi:
    """The client, as the one whose token is found.

    Raises:
        UserError: there is no token.
    """
    if (token := get_token()) is None:
        raise UserError("no access token found, expected one that may write; run `hf auth login`, or set HF_TOKEN")
    return HfApi(token=token)


def persist(
    repo: str,
    action: Callable[[], T],
    *,
    twice: bool = True,
    flag: str = "--repo",
    remedies: dict[int, str] | None = None,
) -> T:
    """Talk to the Hub, again where it or the way to it failed and another try is worth while.

    twice: as in `seconds_until_retry`. flag, remedies: as in `explained`.
    """
    attempt = 0
    with explained(repo, flag=flag, remedies=remedies):
        while True:
            attempt += 1
            # the client itself would wait for ever
            get_session().timeout = TIMEOUT
            try:
                return action()
            except Exception as error:
                wait = seconds_until_retry(error, attempt, twice=twice)
                if wait is None:
                    raise
                logger.warning("the Hub or the way to it failed; next try in %g seconds", wait)
                time.sleep(wait)


@contextmanager
def explained(repo: str, *, flag: str = "--repo", remedies: dict[int, str] | None = None) -> Iterator[None]:
    """Turn what the client raises into a `UserError`; what it does not know passes as it is.

    flag: that named the repository. remedies: by status, where they differ from those above.
    """
    try:
        yield
    except (UserError, KeyboardInterrupt):
        raise
    except Exception as error:
        if (line := _explain(error, repo, flag, REMEDIES | (remedies or {}))) is None:
            raise
        # without the chain: it may hold the headers of the request
        raise UserError(line) from None


def seconds_until_retry(error: Exception, attempt: int, *, twice: bool) -> float | None:
    """How long to wait before another try; None where it would not help or not be safe.

    attempt: number of tries so far. twice: whether the commit may be sent a second time, which opens a second pull
    request but changes nothing on a branch.
    """
    found = _root(error)
    if attempt > len(WAITS) or not isinstance(found, HfHubHTTPError | httpx2.TransportError):
        return None
    request = _request_of(found)
    path = request.url.path
    # the client has tried these several times already
    if request.method == "PUT" or "/preupload/" in path or "/info/lfs/" in path:
        return None
    if "/commit/" in path and not twice:
        return None
    if not isinstance(found, HfHubHTTPError):
        return WAITS[attempt - 1]
    status = found.response.status_code
    if status == 412:
        return 0.0
    if status == 429:
        wait = _retry_after(found) or 30.0
        return wait if wait <= LONGEST_WAIT else None
    return WAITS[attempt - 1] if status in (500, 502, 503, 504) else None


def _explain(error: Exception, repo: str, flag: str, remedies: dict[int, str]) -> str | None:
    if isinstance(error, ValueError) and "Invalid metadata in README.md" in str(error):
        return f"the Hub refuses the card ({_plain(str(error))}); correct what stands between its first two lines ---"
    if isinstance(error, json.JSONDecodeError):
        return f"{constants.ENDPOINT} answers with something that is no JSON, as a proxy may; check it, then {AGAIN}"
    found = _root(error)
    if isinstance(found, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set, expected a way to the Hub; unset it for this command"
    if isinstance(found, HFValidationError):
        return f"repo {repo!r} is no name that the Hub takes, expected you/name; correct {flag}"
    if isinstance(found, httpx2.TimeoutException):
        return f"{constants.ENDPOINT} did not answer within {TIMEOUT:g} seconds; check the connection, then {AGAIN}"
    if isinstance(found, httpx2.TransportError):
        return f"no connection to {constants.ENDPOINT} ({_plain(str(found))}); check network and proxy, then {AGAIN}"
    if isinstance(found, HfHubHTTPError):
        return _of_status(found, repo, flag, remedies)
    # how the two ways of sending large files report a failure
    if isinstance(error, ConnectionError | RuntimeError):
        return f"the upload broke off ({_plain(str(error))}); {AGAIN}"
    return None


def _of_status(error: HfHubHTTPError, repo: str, flag: str, remedies: dict[int, str]) -> str:
    status = error.response.status_code
    said = _plain(error.server_message or error.response.headers.get("X-Error-Message") or "")
    said = f"{status}: {said}" if said else str(status)
    if isinstance(error, RevisionNotFoundError):
        flag = "--revision" if flag == "--repo" else flag
        return f"{repo} has no such revision ({said}), expected one; correct {flag}"
    # who is nobody is told 401 either way
    if isinstance(error, RepositoryNotFoundError) and (status == 404 or get_token() is None):
        return f"{repo} is not there or not yours to see ({said}); correct {flag}, or log in with `hf auth login`"
    if _request_of(error).url.path.endswith("/verify"):
        return f"a large file arrived damaged ({said}); {AGAIN}"
    remedy = SERVER_FAULT if status >= 500 else remedies.get(status, f"the Hub refuses this; {AGAIN}")
    seconds = _retry_after(error)
    wait = f"{seconds:g} seconds" if seconds else "a few minutes"
    # what the Hub said comes after the remedy's first half, so that the way out stays at the end
    problem, _, way_out = remedy.format(repo=repo, endpoint=constants.ENDPOINT, wait=wait).partition("; ")
    return f"{problem} ({said}); {way_out}"


def _root(error: BaseException) -> BaseException:
    """The error of ours to explain: the first in the chain that comes from the Hub or the network."""
    known = (HfHubHTTPError, httpx2.TransportError, OfflineModeIsEnabled, HFValidationError)
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, known):
            return link
        link = link.__cause__
    return error


def _request_of(error: HfHubHTTPError | httpx2.TransportError) -> httpx2.Request:
    return error.response.request if isinstance(error, HfHubHTTPError) else error.request


def _retry_after(error: HfHubHTTPError) -> float | None:
    value = error.response.headers.get("Retry-After", "")
    return float(value) if value.isdigit() else None


def _plain(text: str) -> str:
    """One short line without anything that looks like a token."""
    return re.sub(r"\bhf_\w+", "hf_...", " ".join(text.split()))[:200]
