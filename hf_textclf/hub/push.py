"""`hf-textclf push FOLDER --repo you/name`: check, then send in one commit, so that there is no half model."""

import logging
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from huggingface_hub import CommitInfo, CommitOperationAdd, CommitOperationDelete, HfApi, ModelInfo, SpaceInfo
from huggingface_hub.constants import DEFAULT_REVISION

from ..card.merge import merge_cards
from ..errors import UserError
from ..inference.onnx import export_onnx
from ..saved_model.layout import CARD
from .client import persist, signed_in
from .upload_folder import UploadFolder, is_outlived, pack

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
        check_name(self.repo)
        if not re.fullmatch(r"[\w.-]+(/[\w.-]+)*", self.revision):
            raise UserError(f"revision={self.revision!r}, expected the name of a branch; correct --revision")


def check_name(repo: str) -> None:
    """Refuse what is no name of a repository before anything is asked of the Hub."""
    if not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", repo):
        raise UserError(f"repo={repo!r}, expected the form you/name; correct --repo")


def prepare(folder: Path, arguments: PushArguments) -> UploadFolder:
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
    return persist(arguments.repo, lambda: _send(api, parcel, arguments), twice=not arguments.create_pr)


def _send(api: HfApi, parcel: UploadFolder, arguments: PushArguments) -> CommitInfo:
    repo = arguments.repo
    if not arguments.create_pr:
        api.create_repo(repo, private=arguments.private or None, exist_ok=True)
        # a pull request is there already
        if arguments.revision != DEFAULT_REVISION and not arguments.revision.startswith("refs/"):
            api.create_branch(repo, branch=arguments.revision, exist_ok=True)
    info = api.model_info(repo, revision=arguments.revision)
    check_private(info, private=arguments.private)
    present = file_names(info)
    if CARD in present:
        theirs = Path(api.hf_hub_download(repo, CARD, revision=info.sha)).read_bytes().decode()
        parcel = replace(parcel, files=parcel.files | {CARD: merge_cards(theirs, parcel.card).encode()})
    stale = [name for name in present if is_outlived(name, parcel)]
    return commit(
        api,
        info,
        parcel,
        stale,
        message="Upload a text classifier with hf-textclf",
        revision=arguments.revision,
        create_pr=arguments.create_pr,
    )


def check_private(info: ModelInfo | SpaceInfo, *, private: bool) -> None:
    """Refuse a repository that everybody can read where a private one is wanted."""
    if private and not info.private:
        raise UserError(f"{info.id} is public, expected private; change that in its settings first, or drop --private")


def file_names(info: ModelInfo | SpaceInfo) -> list[str]:
    """The files of a repository, in order of their names."""
    return sorted(file.rfilename for file in info.siblings or [])


def commit(
    api: HfApi, info: ModelInfo | SpaceInfo, parcel: UploadFolder, stale: list[str], *, message: str, **options: Any
) -> CommitInfo:
    """Change a repository in one commit. stale: files that go. options: of `HfApi.create_commit`."""
    return api.create_commit(
        info.id,
        operations=[
            *(CommitOperationAdd(name, content) for name, content in parcel.files.items()),
            *(CommitOperationDelete(name) for name in stale),
        ],
        commit_message=message,
        # refused if somebody edits the card between the reading and the writing
        parent_commit=info.sha,
        **options,
    )
