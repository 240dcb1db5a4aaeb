"""`hf-textclf push FOLDER --repo you/name`: check, then send in one commit, so that there is no half model."""

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import CommitInfo, CommitOperationAdd, CommitOperationDelete, HfApi, ModelInfo, SpaceInfo
from huggingface_hub.constants import DEFAULT_REVISION

from ..arguments import option
from ..card import CardArguments, is_ours, render_card
from ..card.merge import merge_cards, read_card
from ..errors import TOKEN, UserError
from ..inference.onnx import export_onnx
from ..saved_model.facts import check_model, code_files, is_classifier, onnx_files, public_run
from ..saved_model.layout import BESIDE, CARD, HANDLER, OUTLIVED, RUN_CONFIG, WRITTEN, matches
from .errors import signed_in, with_retries

logger = logging.getLogger(__name__)
# files that hold no text
BINARY = (".safetensors", ".onnx", ".png", ".jpg")


@dataclass
class PushArguments:
    """Where a saved folder goes on the Hub. The token is that of `hf auth login`, or of HF_TOKEN."""

    repo: str = field(metadata={"help": "Repository on the Hub, you/name; made if it is not there."})
    private: bool = option(False, "Make the new repository private.")
    revision: str = option(DEFAULT_REVISION, "Branch; made from main if it is not there.")
    create_pr: bool = option(False, "Propose the files as a pull request to a repository that is there.")
    with_onnx: bool = option(False, "Make onnx/model.onnx of the network, and send it along; needs the extra `onnx`.")
    dry_run: bool = option(False, "Check, list files and card, and send nothing.")

    def __post_init__(self) -> None:
        check_name(self.repo)
        if not re.fullmatch(r"[\w.-]+(/[\w.-]+)*", self.revision):
            raise UserError(f"revision={self.revision!r}, expected the name of a branch; correct --revision")


@dataclass(frozen=True)
class UploadFolder:
    """What is sent: name in the repository to a local file, or to bytes that differ from it; and what stays here."""

    files: dict[str, Path | bytes]
    kept_local: list[str]

    @property
    def card(self) -> str:
        """The text of the card."""
        return self.read(CARD).decode()

    def read(self, name: str) -> bytes:
        """The content of a file."""
        content = self.files[name]
        return content if isinstance(content, bytes) else content.read_bytes()

    def size(self, name: str) -> int:
        """The size of a file in bytes."""
        content = self.files[name]
        return len(content) if isinstance(content, bytes) else content.stat().st_size


def push(folder: str, arguments: PushArguments) -> CommitInfo:
    """Send a saved folder to the Hub in one commit.

    What is there already is not sent again, so an interrupted push can simply be run again. The text of a card that
    people edited on the Hub stays. Files of a former model that this one does not have are taken out.

    Raises:
        UserError: as `prepare`, there is no token, or the Hub refuses.
    """
    upload_folder, api = prepare(Path(folder), arguments), signed_in()
    repo, revision, create_pr = arguments.repo, arguments.revision, arguments.create_pr

    def send() -> CommitInfo:
        if not create_pr:
            api.create_repo(repo, private=arguments.private or None, exist_ok=True)
            # a pull request is there already
            if revision != DEFAULT_REVISION and not revision.startswith("refs/"):
                api.create_branch(repo, branch=revision, exist_ok=True)
        info = api.model_info(repo, revision=revision)
        check_private(info, private=arguments.private)
        message = "Upload a text classifier with hf-textclf"
        return commit(api, info, upload_folder, message, outlived=OUTLIVED, create_pr=create_pr, revision=revision)

    return with_retries(repo, send, idempotent=not create_pr)


def prepare(folder: Path, arguments: PushArguments) -> UploadFolder:
    """Check a saved folder and collect what `push` sends. A card of ours gets the name of the repository.

    Raises:
        UserError: the folder lacks a file, a licence or a label's name, is of a kind that the Hub cannot load, or
            holds an access token; or, with `with_onnx`, as `export_onnx`.
    """
    if arguments.with_onnx:
        record = export_onnx(folder)
        logger.info("ONNX: its logits differ from those of the model by %.1g at most", record["max_difference"])
    config, card = check_model(folder), folder / CARD
    code = code_files(folder, config)
    text = card.read_text(encoding="utf-8", errors="replace") if card.is_file() else ""
    if not read_card(text, where=str(card)).data.get("license"):
        raise UserError(
            f"license is not given in the model card {str(card)!r}, expected an identifier; run `hf-textclf card "
            f"{folder} --license apache-2.0`, or another one"
        )
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    names = [name for name in names if name in code or matches(name, (*WRITTEN, *BESIDE))]
    files: dict[str, Path | bytes] = {name: folder / name for name in (*names, *onnx_files(folder))}
    if is_classifier(config.get("architectures")):
        files.setdefault(HANDLER, Path(__file__).with_name(HANDLER))
    if RUN_CONFIG in files:
        files[RUN_CONFIG] = yaml.safe_dump(public_run(folder), allow_unicode=True, sort_keys=False).encode()
    tops = {name.partition("/")[0] for name in files}
    kept_local = sorted(path.name + "/" * path.is_dir() for path in folder.iterdir() if path.name not in tops)
    upload_folder = UploadFolder(files, kept_local)
    for name in files:
        if not name.endswith(BINARY) and TOKEN.search(upload_folder.read(name).decode("utf-8", "replace")):
            raise UserError(f"{name} holds what looks like an access token (hf_...); take it out and revoke it")
    if is_ours(card):
        files[CARD] = render_card(folder, CardArguments(repo=arguments.repo)).encode()
    return upload_folder


def check_name(repo: str) -> None:
    """Refuse what is no name of a repository before anything is asked of the Hub."""
    if not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", repo):
        raise UserError(f"repo={repo!r}, expected the form you/name; correct --repo")


def check_private(info: ModelInfo | SpaceInfo, *, private: bool) -> None:
    """Refuse a repository that everybody can read where a private one is wanted."""
    if private and not info.private:
        raise UserError(f"{info.id} is public, expected private; change that in its settings first, or drop --private")


def commit(
    api: HfApi,
    info: ModelInfo | SpaceInfo,
    upload_folder: UploadFolder,
    message: str,
    *,
    outlived: Iterable[str],
    keep_keys: Iterable[str] = (),
    merge_card: bool = True,
    **options: Any,
) -> CommitInfo:
    """Send the files in one commit; what people wrote into the card there stays.

    outlived: patterns of files that go where the new ones lack them. keep_keys: as `merge_cards` takes them. options:
    of `HfApi.create_commit`. `HfApi.upload_folder` splits a commit that fails, so that others load half a model.
    """
    present = sorted(file.rfilename for file in info.siblings or [])
    files = upload_folder.files
    if merge_card and CARD in present:
        path = Path(api.hf_hub_download(info.id, CARD, repo_type=options.get("repo_type"), revision=info.sha))
        card = merge_cards(path.read_bytes().decode(), upload_folder.card, keep_keys=keep_keys)
        files = files | {CARD: card.encode()}
    gone = [name for name in present if name not in files and matches(name, outlived)]
    operations = [CommitOperationAdd(name, content) for name, content in files.items()]
    # refused if somebody edits the card between the reading and the writing
    options |= {"commit_message": message, "parent_commit": info.sha}
    return api.create_commit(info.id, operations=[*operations, *map(CommitOperationDelete, gone)], **options)
