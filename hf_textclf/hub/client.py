"""The client of the Hub, with somebody's token; and when what failed is worth another try."""

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

import httpx2
from huggingface_hub import HfApi, get_session, get_token
from huggingface_hub.errors import HfHubHTTPError

from ..errors import UserError
from . import remedies
from .remedies import explained, request_of, retry_after, root_of

logger = logging.getLogger(__name__)
T = TypeVar("T")
# seconds before the second and the third try
WAITS = (1.0, 4.0)
LONGEST_WAIT = 120.0


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
    **words: Any,
) -> T:
    """Talk to the Hub, again where it or the way to it failed and another try is worth while.

    twice: as in `seconds_until_retry`. words: as `explained` takes them.
    """
    attempt = 0
    with explained(repo, **words):
        while True:
            attempt += 1
            # the client itself would wait for ever
            get_session().timeout = remedies.TIMEOUT
            try:
                return action()
            except Exception as error:
                wait = seconds_until_retry(error, attempt, twice=twice)
                if wait is None:
                    raise
                logger.warning("the Hub or the way to it failed; next try in %g seconds", wait)
                time.sleep(wait)


def seconds_until_retry(error: Exception, attempt: int, *, twice: bool) -> float | None:
    """How long to wait before another try; None where it would not help or not be safe.

    attempt: number of tries so far. twice: whether the commit may be sent a second time, which opens a second pull
    request but changes nothing on a branch.
    """
    found = root_of(error)
    if attempt > len(WAITS) or not isinstance(found, HfHubHTTPError | httpx2.TransportError):
        return None
    request = request_of(found)
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
        wait = retry_after(found) or 30.0
        return wait if wait <= LONGEST_WAIT else None
    return WAITS[attempt - 1] if status in (500, 502, 503, 504) else None
