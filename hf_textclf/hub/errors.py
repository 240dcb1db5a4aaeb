"""The client of the Hub: what is tried again, and what the Hub or the network refuses in one line with the way out.

The client itself waits for ever, and tries large files again, but no new repository, no check of a card, no commit.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx2
from huggingface_hub import HfApi, constants, get_session, get_token
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled, RevisionNotFoundError
from huggingface_hub.utils import RepositoryNotFoundError, parse_ratelimit_headers

from ..errors import TOKEN, UserError

logger = logging.getLogger(__name__)
T = TypeVar("T")
# seconds without a sign of life, after which the connection is taken for dead
TIMEOUT = 60.0
# seconds before the second and the third try
WAITS = (1.0, 4.0)
LONGEST_WAIT = 120.0
AGAIN = "run the same command again, what has arrived is not sent twice"
REMEDIES = {
    401: "the Hub refuses the token; make one at {endpoint}/settings/tokens that may write, then `hf auth login`",
    402: "the Hub wants to be paid for this; see {endpoint}/settings/billing, or push without --private",
    403: "the token may not write to {repo}; log in with one that may (`hf auth login`), or propose with --create_pr",
    409: "another change to {repo} is under way, or its name is taken; wait a minute, then {again}",
    412: "somebody changed {repo} in the meantime; {again}",
    429: "too many requests; wait {wait}, then {again}",
}
REFUSAL = "the Hub refuses what was sent; correct what it names"
SERVER_FAULT = "the Hub has a fault of its own; wait a few minutes (https://status.huggingface.co), then {again}"


def signed_in() -> HfApi:
    """The client, as the one whose token is found. Raises UserError where there is none."""
    if (token := get_token()) is None:
        raise UserError("no access token found, expected one that may write; run `hf auth login`, or set HF_TOKEN")
    return HfApi(token=token)


def with_retries(repo: str, action: Callable[[], T], *, idempotent: bool = True, **words: Any) -> T:
    """Talk to the Hub, again where it or the way to it failed and another try may help.

    idempotent: whether a commit may be sent a second time: that changes nothing on a branch, but opens a second pull
    request. words: as `explained` takes them.
    """
    attempt = 0
    with explained(repo, **words):
        while True:
            attempt += 1
            # the client makes a new session, without a limit, after some failures
            get_session().timeout = TIMEOUT
            try:
                return action()
            except Exception as error:
                wait = _seconds_until_retry(_cause(error), attempt, idempotent=idempotent)
                if wait is None:
                    raise
                logger.warning("the Hub or the way to it failed; next try in %g seconds", wait)
                time.sleep(wait)


def _seconds_until_retry(cause: BaseException, attempt: int, *, idempotent: bool) -> float | None:
    """How long to wait before another try; None where it would not help or not be safe. attempt: tries so far."""
    if attempt > len(WAITS) or not isinstance(cause, HfHubHTTPError | httpx2.TransportError):
        return None
    # the client's own error forgets its request
    request = cause.response.request if isinstance(cause, HfHubHTTPError) else cause.request
    path = request.url.path
    # the client has tried these several times already
    tried = request.method == "PUT" or "/preupload/" in path or "/info/lfs/" in path
    if tried or "/commit/" in path and not idempotent:
        return None
    if not isinstance(cause, HfHubHTTPError):
        return WAITS[attempt - 1]
    wait = {412: 0.0, 429: _retry_after(cause) or 30.0} | dict.fromkeys((500, 502, 503, 504), WAITS[attempt - 1])
    seconds = wait.get(cause.response.status_code)
    return None if seconds is None or seconds > LONGEST_WAIT else seconds


@contextmanager
def explained(
    repo: str, *, flag: str = "--repo", again: str = AGAIN, remedies: dict[int, str] | None = None
) -> Iterator[None]:
    """Turn what the client raises into a `UserError`; what it does not know passes as it is.

    flag: that named the repository. again: the remedy where nothing is wrong with the command itself. remedies: by
    status, where they differ from those above.
    """
    get_session().timeout = TIMEOUT
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if (line := _explain(error, repo, flag, again, REMEDIES | (remedies or {}))) is None:
            raise
        # without the chain: it may hold the headers of the request
        raise UserError(line) from None


def _explain(error: Exception, repo: str, flag: str, again: str, remedies: dict[int, str]) -> str | None:
    if "Invalid metadata in README.md" in str(error):
        return f"the Hub refuses the card ({_plain(error)}); correct what stands between its first two lines ---"
    hub = constants.ENDPOINT
    match _cause(error):
        case HfHubHTTPError() as cause:
            return _explain_status(cause, repo, flag, again, remedies)
        case OfflineModeIsEnabled():
            return "HF_HUB_OFFLINE is set, expected a way to the Hub; unset it for this command"
        case HFValidationError():
            return f"repo {repo!r} is no name that the Hub takes, expected you/name; correct {flag}"
        case httpx2.TimeoutException():
            return f"{hub} did not answer within {TIMEOUT:g} seconds; check the connection, then {again}"
        case httpx2.TransportError() as cause:
            return f"no connection to {hub} ({_plain(cause)}); check network and proxy, then {again}"
        case json.JSONDecodeError():
            return f"{hub} answers with something that is no JSON, as a proxy may; check it, then {again}"
        # how the two ways of sending large files report a failure
        case (ConnectionError() | RuntimeError()) as cause:
            return f"the upload broke off ({_plain(cause)}); {again}"
    return None


def _explain_status(error: HfHubHTTPError, repo: str, flag: str, again: str, remedies: dict[int, str]) -> str:
    status = error.response.status_code
    message = _plain(error.server_message or error.response.headers.get("X-Error-Message") or "")
    answer = f"{status}: {message}" if message else str(status)
    if isinstance(error, RevisionNotFoundError):
        flag = "--revision" if flag == "--repo" else flag
        return f"{repo} has no such revision ({answer}), expected one; correct {flag}"
    # who is nobody is told 401 either way
    if isinstance(error, RepositoryNotFoundError) and (status == 404 or get_token() is None):
        return f"{repo} is not there or not yours to see ({answer}); correct {flag}, or log in with `hf auth login`"
    if error.response.request.url.path.endswith("/verify"):
        return f"a large file arrived damaged ({answer}); {again}"
    remedy = SERVER_FAULT if status >= 500 else remedies.get(status, REFUSAL)
    seconds = _retry_after(error)
    wait = f"{seconds:g} seconds" if seconds else "a few minutes"
    # what the Hub said comes after the remedy's first half, so that the way out stays at the end
    problem, _, way_out = remedy.format(repo=repo, endpoint=constants.ENDPOINT, wait=wait, again=again).partition("; ")
    return f"{problem} ({answer}); {way_out}"


def _cause(error: BaseException) -> BaseException:
    """The error to explain: the first in the chain that comes from the Hub or the network, else the last raised."""
    known = (HfHubHTTPError, httpx2.TransportError, OfflineModeIsEnabled, HFValidationError)
    link: BaseException | None = error
    while link is not None and not isinstance(link, known):
        link = link.__cause__
    return link or error


def _retry_after(error: HfHubHTTPError) -> float | None:
    """Seconds that the Hub asks to wait, in either of the ways it says so."""
    limit = parse_ratelimit_headers(error.response.headers)
    value = str(limit.reset_in_seconds) if limit else error.response.headers.get("Retry-After", "")
    return float(value) if value.isdigit() else None


def _plain(text: object) -> str:
    """One short line without anything that looks like a token."""
    return TOKEN.sub("hf_...", " ".join(str(text).split()))[:200]
