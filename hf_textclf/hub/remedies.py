"""What the Hub or the network refuses, said in one line with the way out."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from huggingface_hub import constants, get_token
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import parse_ratelimit_headers

from ..errors import TOKEN, UserError

# seconds without a sign of life, after which the connection is taken for dead
TIMEOUT = 60.0
AGAIN = "run the same command again, what has arrived is not sent twice"
REMEDIES = {
    400: "the Hub refuses what was sent; correct what it names",
    401: "the Hub refuses the token; make one at {endpoint}/settings/tokens that may write, then `hf auth login`",
    402: "the Hub wants to be paid for this; see {endpoint}/settings/billing, or push without --private",
    403: "the token may not write to {repo}; log in with one that may (`hf auth login`), or propose with --create_pr",
    409: "another change to {repo} is under way, or its name is taken; wait a minute, then {again}",
    412: "somebody changed {repo} in the meantime; {again}",
    413: "a file is too large for the Hub; make it smaller",
    429: "too many requests; wait {wait}, then {again}",
}
SERVER_FAULT = "the Hub has a fault of its own; wait a few minutes (https://status.huggingface.co), then {again}"


@contextmanager
def explained(
    repo: str, *, flag: str = "--repo", again: str = AGAIN, remedies: dict[int, str] | None = None
) -> Iterator[None]:
    """Turn what the client raises into a `UserError`; what it does not know passes as it is.

    flag: that named the repository. again: the remedy where nothing is wrong with the command itself. remedies: by
    status, where they differ from those above.
    """
    try:
        yield
    except (UserError, KeyboardInterrupt):
        raise
    except Exception as error:
        if (line := _explain(error, repo, flag, again, REMEDIES | (remedies or {}))) is None:
            raise
        # without the chain: it may hold the headers of the request
        raise UserError(line) from None


def _explain(error: Exception, repo: str, flag: str, again: str, remedies: dict[int, str]) -> str | None:
    if isinstance(error, ValueError) and "Invalid metadata in README.md" in str(error):
        return f"the Hub refuses the card ({_plain(str(error))}); correct what stands between its first two lines ---"
    if isinstance(error, json.JSONDecodeError):
        return f"{constants.ENDPOINT} answers with something that is no JSON, as a proxy may; check it, then {again}"
    found = root_of(error)
    if isinstance(found, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set, expected a way to the Hub; unset it for this command"
    if isinstance(found, HFValidationError):
        return f"repo {repo!r} is no name that the Hub takes, expected you/name; correct {flag}"
    if isinstance(found, httpx2.TimeoutException):
        return f"{constants.ENDPOINT} did not answer within {TIMEOUT:g} seconds; check the connection, then {again}"
    if isinstance(found, httpx2.TransportError):
        return f"no connection to {constants.ENDPOINT} ({_plain(str(found))}); check network and proxy, then {again}"
    if isinstance(found, HfHubHTTPError):
        return _of_status(found, repo, flag, again, remedies)
    # how the two ways of sending large files report a failure
    if isinstance(error, ConnectionError | RuntimeError):
        return f"the upload broke off ({_plain(str(error))}); {again}"
    return None


def _of_status(error: HfHubHTTPError, repo: str, flag: str, again: str, remedies: dict[int, str]) -> str:
    status = error.response.status_code
    said = _plain(error.server_message or error.response.headers.get("X-Error-Message") or "")
    said = f"{status}: {said}" if said else str(status)
    if isinstance(error, RevisionNotFoundError):
        flag = "--revision" if flag == "--repo" else flag
        return f"{repo} has no such revision ({said}), expected one; correct {flag}"
    # who is nobody is told 401 either way
    if isinstance(error, RepositoryNotFoundError) and (status == 404 or get_token() is None):
        return f"{repo} is not there or not yours to see ({said}); correct {flag}, or log in with `hf auth login`"
    if request_of(error).url.path.endswith("/verify"):
        return f"a large file arrived damaged ({said}); {again}"
    remedy = SERVER_FAULT if status >= 500 else remedies.get(status, "the Hub refuses this; {again}")
    seconds = retry_after(error)
    wait = f"{seconds:g} seconds" if seconds else "a few minutes"
    # what the Hub said comes after the remedy's first half, so that the way out stays at the end
    problem, _, way_out = remedy.format(repo=repo, endpoint=constants.ENDPOINT, wait=wait, again=again).partition("; ")
    return f"{problem} ({said}); {way_out}"


def root_of(error: BaseException) -> BaseException:
    """The error of ours to explain: the first in the chain that comes from the Hub or the network."""
    known = (HfHubHTTPError, httpx2.TransportError, OfflineModeIsEnabled, HFValidationError)
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, known):
            return link
        link = link.__cause__
    return error


def request_of(error: HfHubHTTPError | httpx2.TransportError) -> httpx2.Request:
    """The request that failed."""
    return error.response.request if isinstance(error, HfHubHTTPError) else error.request


def retry_after(error: HfHubHTTPError) -> float | None:
    """Seconds that the Hub asks to wait, in either of the ways it says so."""
    headers = error.response.headers
    if (limit := parse_ratelimit_headers(headers)) is not None:
        return float(limit.reset_in_seconds)
    value = headers.get("Retry-After", "")
    return float(value) if value.isdigit() else None


def _plain(text: str) -> str:
    """One short line without anything that looks like a token."""
    return TOKEN.sub("hf_...", " ".join(text.split()))[:200]
