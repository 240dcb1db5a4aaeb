"""`hf-textclf push FOLDER --repo you/name`: check, then send in one commit, so that there is no half model."""

import logging
import re
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import yaml
from huggingface_hub import CommitInfo, HfApi
from huggingface_hub.constants import DEFAULT_REVISION

from ..card import CardArguments, is_ours, render_card
from ..card.merge import read_card
from ..errors import TOKEN, UserError
from ..inference.onnx import export_onnx
from ..saved_model.check import check_model, code_files, is_classifier, onnx_files
from ..saved_model.facts import public_run
from ..saved_model.layout import BESIDE, CARD, HANDLER, OUTLIVED, RUN_CONFIG, WRITTEN, matches
from .errors import signed_in, with_retries
from .upload_folder import UploadFolder, check_name, check_private, commit

logger = logging.getLogger(__name__)
# files that hold no text
BINARY = (".safetensors", ".onnx", ".png", ".jpg")


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


def push(folder: str, arguments: PushArguments) -> CommitInfo:
    """Send a saved folder to the Hub in one commit.

    What is there already is not sent again, so an interrupted push can simply be run again. The text of a card that
    people edited on the Hub stays. Files of a former model that this one does not have are taken out.

    Raises:
        UserError: as `prepare`, there is no token, or the Hub refuses.
    """
    send = partial(_send, upload_folder=prepare(Path(folder), arguments), arguments=arguments, api=signed_in())
    return with_retries(arguments.repo, send, idempotent=not arguments.create_pr)


def prepare(folder: Path, arguments: PushArguments) -> UploadFolder:
    """Check a saved folder and collect what `push` sends. A card of ours gets the name of the repository.

    Raises:
        UserError: the folder lacks a file, a licence or a label's name, is of a kind that the Hub cannot load, or
            holds an access token; or, with `with_onnx`, as `export_onnx`.
    """
    if arguments.with_onnx:
        record = export_onnx(folder)
        logger.info("ONNX: its logits differ from those of the model by %.1g at most", record["max_difference"])
    config = check_model(folder)
    code = code_files(folder, config)
    _check_license(folder / CARD)
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
    if is_ours(folder / CARD):
        files[CARD] = render_card(folder, CardArguments(repo=arguments.repo)).encode()
    return upload_folder


def _check_license(path: Path) -> None:
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    if not read_card(text, where=str(path)).data.get("license"):
        raise UserError(
            f"license is not given in the model card {str(path)!r}, expected an identifier; run `hf-textclf card "
            f"{path.parent} --license apache-2.0`, or another one"
        )


def _send(api: HfApi, upload_folder: UploadFolder, arguments: PushArguments) -> CommitInfo:
    repo, revision = arguments.repo, arguments.revision
    if not arguments.create_pr:
        api.create_repo(repo, private=arguments.private or None, exist_ok=True)
        # a pull request is there already
        if revision != DEFAULT_REVISION and not revision.startswith("refs/"):
            api.create_branch(repo, branch=revision, exist_ok=True)
    info = api.model_info(repo, revision=revision)
    check_private(info, private=arguments.private)
    return commit(
        api,
        info,
        upload_folder,
        outlived=OUTLIVED,
        message="Upload a text classifier with hf-textclf",
        revision=revision,
        create_pr=arguments.create_pr,
    )
