"""`hf-textclf push FOLDER --repo you/name`: check, then send in one commit, so that there is no half model."""

import logging
import re
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from huggingface_hub import (
    CommitInfo,
    CommitOperationAdd,
    CommitOperationDelete,
    HfApi,
    ModelInfo,
    get_session,
    get_token,
)
from huggingface_hub.constants import DEFAULT_REVISION

from ..errors import UserError
from ..export import export_onnx
from . import remedies
from .cards import merge_cards
from .parcel import CARD, Parcel, is_written, pack

logger = logging.getLogger(__name__)


@dataclass
class PushArguments:
    """Where a saved folder goes on the Hub. The token is that of `hf auth login`, or of HF_TOKEN."""

    repo: str = field(metadata={"help": "Repository on the Hub, you/name; made if it is not there."})
    private: bool = field(default=False, metadata={"help": "Make the new repository private."})
    revision: str = field(default=DEFAULT_REVISION, metadata={"help": "Branch; made from main if it is not there."})
    create_pr: bool = field(
        default=False, metadata={"help": "Propose the files as a pull request to a repository that is there."}
    )
    with_onnx: bool = field(
        default=False,
        metadata={"help": "Make onnx/model.onnx of the network, and send it along; needs the extra `onnx`."},
    )
    dry_run: bool = field(default=False, metadata={"help": "Check, list files and card, and send nothing."})

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", self.repo):
            raise UserError(f"repo={self.repo!r}, expected the form you/name; correct --repo")


def prepare(folder: Path, arguments: PushArguments) -> Parcel:
    """Make what is wanted beside the weights, and collect what `push` sends.

    Raises:
        UserError: the network cannot be exported (see `export_onnx`), or the folder is not fit (see `pack`).
    """
    if arguments.with_onnx:
        record = export_onnx(folder)
        logger.info("ONNX: its logits differ from those of the model by %.1g at most", record["max_difference"])
    return pack(folder, arguments.repo)


def push(folder: str, arguments: PushArguments) -> CommitInfo:
    """Send a saved folder to the Hub in one commit.

    What is there already is not sent again, so an interrupted push can simply be run again. The text of a card that
    people edited on the Hub stays. Files of a former model that this one does not have are taken out.

    Raises:
        UserError: as `prepare`, there is no token, or the Hub refuses.
    """
    parcel = prepare(Path(folder), arguments)
    api = signed_in()
    attempt = 0
    with remedies.explained(arguments.repo):
        while True:
            attempt += 1
            # the client itself would wait for ever
            get_session().timeout = remedies.TIMEOUT
            try:
                return _send(api, parcel, arguments)
            except Exception as error:
                wait = remedies.seconds_until_retry(error, attempt, twice=not arguments.create_pr)
                if wait is None:
                    raise
                logger.warning("the Hub or the way to it failed; next try in %g seconds", wait)
                time.sleep(wait)


def signed_in() -> HfApi:
    """The client, as the one whose token is found.

    Raises:
        UserError: there is no token.
    """
    if (token := get_token()) is None:
        raise UserError("no access token found, expected one that may write; run `hf auth login`, or set HF_TOKEN")
    return HfApi(token=token)


def check_private(info: ModelInfo, *, private: bool) -> None:
    """Refuse a repository that everybody can read where a private one is wanted."""
    if private and not info.private:
        raise UserError(f"{info.id} is public, expected private; change that in its settings first, or drop --private")


def _send(api: HfApi, parcel: Parcel, arguments: PushArguments) -> CommitInfo:
    repo = arguments.repo
    if not arguments.create_pr:
        api.create_repo(repo, private=arguments.private or None, exist_ok=True)
        if arguments.revision != DEFAULT_REVISION:
            api.create_branch(repo, branch=arguments.revision, exist_ok=True)
    info = api.model_info(repo, revision=arguments.revision)
    check_private(info, private=arguments.private)
    present = {file.rfilename for file in info.siblings or []}
    if CARD in present:
        theirs = Path(api.hf_hub_download(repo, CARD, revision=info.sha)).read_bytes().decode()
        parcel = replace(parcel, files=parcel.files | {CARD: merge_cards(theirs, parcel.card).encode()})
    stale = [name for name in sorted(present) if is_written(name) and name not in parcel.files]
    return api.create_commit(
        repo,
        operations=[
            *(CommitOperationAdd(name, content) for name, content in parcel.files.items()),
            *(CommitOperationDelete(name) for name in stale),
        ],
        commit_message="Upload a text classifier with hf-textclf",
        revision=arguments.revision,
        create_pr=arguments.create_pr,
        # refused if somebody edits the card between the reading and the writing
        parent_commit=info.sha,
    )
