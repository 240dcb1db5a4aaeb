"""`hf-textclf push FOLDER --repo you/name`: check, then send in one commit, so that there is no half model."""

import logging
import re
from collections.abc import Container, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import CommitInfo, ModelInfo, SpaceInfo
from huggingface_hub.constants import DEFAULT_REVISION
from transformers import CONFIG_MAPPING

from ..arguments import option
from ..card import CardArguments, is_ours, render_card, write_card
from ..card.merge import read_card
from ..card.metadata import require_license
from ..errors import TOKEN, UserError
from ..files import read_json
from ..inference import Classifier
from ..inference.onnx import export_onnx
from ..models.auto import HOME_MADE, packaged_code
from ..models.loading import load_config
from ..saved_model.facts import Facts, check_model, code_files, is_classifier, onnx_files, outdated, public_run
from ..saved_model.layout import (
    BESIDE,
    CARD,
    HANDLER,
    OUTLIVED,
    REQUIREMENTS,
    RUN_CONFIG,
    TOKENIZER_CONFIG,
    WRITTEN,
    matches,
)
from ..tokenization import check_agreement, load_tokenizer, renew_tokenizer
from .commit import UploadFolder, commit
from .errors import signed_in, with_retries

logger = logging.getLogger(__name__)
# as the extra `chinese`
JIEBA = b"jieba>=0.42.1,<0.43\n"
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
    license: str | None = option(None, "Licence of the model as the Hub names it: apache-2.0, cc-by-4.0, other.")
    license_name: str | None = option(None, "With license other: the name of the licence.")
    license_link: str | None = option(None, "With license other: its address, or LICENSE for a file in the folder.")
    language: list[str] | None = option(None, "ISO 639 codes of the texts' languages, e.g. en zh; or multilingual.")
    dry_run: bool = option(False, "Check, list files and card, and send nothing.")

    def __post_init__(self) -> None:
        check_name(self.repo)
        if not re.fullmatch(r"[\w.-]+(/[\w.-]+)*", self.revision):
            raise UserError(f"revision={self.revision!r}, expected the name of a branch; correct --revision")
        self.card = CardArguments(
            repo=self.repo,
            license=self.license,
            license_name=self.license_name,
            license_link=self.license_link,
            language=self.language,
        )


def push(folder: str, arguments: PushArguments) -> CommitInfo | None:
    """Send a saved folder to the Hub in one commit; return that, or None where the Hub holds all of it already.

    What is there already is not sent again, so an interrupted push can simply be run again. What people wrote into the
    card on the Hub stays, and so does a file of theirs that the model does not need. Files of a former model that this
    one does not have are taken out.

    Raises:
        UserError: as `prepare`, there is no token, or the Hub refuses.
    """
    api = signed_in()
    upload_folder = prepare(Path(folder), arguments)
    repo, revision, create_pr = arguments.repo, arguments.revision, arguments.create_pr

    def send() -> CommitInfo | None:
        if not create_pr:
            api.create_repo(repo, private=arguments.private or None, exist_ok=True)
            # a pull request is there already
            if revision != DEFAULT_REVISION and not revision.startswith("refs/"):
                api.create_branch(repo, branch=revision, exist_ok=True)
        info = api.model_info(repo, revision=revision)
        check_private(info, private=arguments.private)
        options: dict[str, Any] = {"create_pr": create_pr, "revision": revision}
        given = arguments.card.given
        return commit(api, info, upload_folder, "Upload a text classifier", outlived=OUTLIVED, given=given, **options)

    return with_retries(repo, send, idempotent=not create_pr)


def prepare(folder: Path, arguments: PushArguments) -> UploadFolder:
    """Check a saved folder and collect what `push` sends. A card of ours gets the name of the repository, and what
    the arguments say of licence and language; unless nothing is to be sent, that is written into the folder as well.

    Raises:
        UserError: the folder lacks a file, a licence or a label's name, is of a kind that the Hub cannot load, or
            holds an access token; or, with `with_onnx`, as `export_onnx`.
    """
    config, card = check_model(folder), folder / CARD
    _check_licence(folder, arguments)
    check_code(folder, code_files(folder, config), config.get("model_type"))
    check_opens(folder, config)
    if arguments.card.given and not arguments.dry_run:
        write_card(folder, replace(arguments.card, repo=None))
    if not arguments.dry_run:
        # of an older version, whose words or cuts others would not know
        renew_tokenizer(folder)
    code = code_files(folder, config)
    if arguments.with_onnx:
        record = export_onnx(folder)
        logger.info("ONNX: its logits differ from those of the model by %.1g at most", record["max_difference"])
    names = _current(folder, code)
    files: dict[str, Path | bytes] = {name: folder / name for name in (*names, *onnx_files(folder))}
    # what people put there goes in the place of ours
    files = files | endpoint_files(folder, config) | files
    if RUN_CONFIG in files:
        files[RUN_CONFIG] = yaml.safe_dump(public_run(folder), allow_unicode=True, sort_keys=False).encode()
    tops = {name.partition("/")[0] for name in files}
    kept_local = sorted(path.name + "/" * path.is_dir() for path in folder.iterdir() if path.name not in tops)
    upload_folder = UploadFolder(files, kept_local)
    refuse_tokens(upload_folder)
    if is_ours(card) or arguments.card.given or not card.is_file():
        files[CARD] = render_card(folder, arguments.card).encode()
    return upload_folder


def _current(folder: Path, code: Container[str]) -> list[str]:
    """The files of a folder that are for others, but for figures and pictures of other weights."""
    if stale := outdated(Facts(folder, name=folder.name)):
        logger.warning("%s: of other weights or another config.json, and not sent; measure again", ", ".join(stale))
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    return [name for name in names if name in code or matches(name, (*WRITTEN, *BESIDE)) and name not in stale]


def refuse_tokens(upload_folder: UploadFolder) -> None:
    """Raise UserError: a file holds an access token."""
    for name in upload_folder.files:
        if not name.endswith(BINARY) and TOKEN.search(upload_folder.read(name).decode("utf-8", "replace")):
            raise UserError(f"{name} holds what looks like an access token (hf_...); take it out and revoke it")


def endpoint_files(folder: Path, config: dict[str, Any]) -> dict[str, Path | bytes]:
    """What Inference Endpoints need of a classifier beside its folder."""
    if not is_classifier(config.get("architectures")):
        return {}
    needs_jieba = "segmenter" in read_json(folder / TOKENIZER_CONFIG)
    return {HANDLER: Path(__file__).with_name(HANDLER)} | ({REQUIREMENTS: JIEBA} if needs_jieba else {})


def check_code(folder: Path, code: Iterable[str], model_type: str | None) -> None:
    """Refuse code of a home-made model that is not this package's, which strangers would run.
    code: the files that the Auto classes ask for.
    """
    ours, packaged = model_type in HOME_MADE, packaged_code()
    for name in sorted(code):
        path = packaged.get(name)
        differs = ours if path is None else path.read_bytes() != (folder / name).read_bytes()
        if differs:
            raise UserError(
                f"{str(folder / name)!r} is not the file of the installed hf-textclf, expected that; open the model "
                "with `from_pretrained` and save it again with `save_pretrained`, which puts it there"
            )


def check_opens(folder: Path, config: dict[str, Any]) -> None:
    """Open a folder as those who load it will, and let a classifier answer. Code of others is not run.
    Raises UserError: it does not open, or puts out what is no number.
    """
    kind = config.get("model_type")
    if kind not in HOME_MADE and kind not in CONFIG_MAPPING:
        return
    if is_classifier(config.get("architectures")):
        Classifier(str(folder), device="cpu").logits(["a"])
    else:
        check_agreement(load_tokenizer(str(folder)), load_config(str(folder)))


def _check_licence(folder: Path, arguments: PushArguments) -> None:
    """Raises UserError: neither the card nor the arguments say how the model may be used."""
    card = folder / CARD
    text = card.read_text(encoding="utf-8", errors="replace") if card.is_file() else ""
    if arguments.card.given:
        text = render_card(folder, arguments.card)
    if not arguments.private:
        require_license(read_card(text, where=str(card)).data, where=f"the model card {str(card)!r}")


def check_name(repo: str) -> None:
    """Refuse what is no name of a repository before anything is asked of the Hub."""
    if not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", repo):
        raise UserError(f"repo={repo!r}, expected the form you/name; correct --repo")


def check_private(info: ModelInfo | SpaceInfo, *, private: bool) -> None:
    """Refuse a repository that everybody can read where a private one is wanted."""
    if private and not info.private:
        raise UserError(f"{info.id} is public, expected private; change that in its settings first, or drop --private")
