"""The models of a Space: found, pinned to a commit, and looked at before anything is built."""

from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi, ModelInfo
from transformers import PreTrainedConfig

from ...errors import UserError
from ...files import read_json
from ...models.loading import load_config
from ...provenance import HUB_ID
from ...saved_model.layout import CARD, CONFIG, TOKENIZER, TOKENIZER_CONFIG, WEIGHTS, WEIGHTS_INDEX
from ..client import persist
from ..upload_folder import check_labels, check_model, is_written


@dataclass(frozen=True)
class SpaceModel:
    """A model that a Space shows.

    name: Hub id, or the absolute path of a folder. commit: None for a folder. files: those that the page reads.
    needs_token: whether the Hub shows it to some only. segmenter: what cuts texts into words before its tokenizer.
    """

    name: str
    commit: str | None
    files: tuple[str, ...] = ()
    needs_token: bool = False
    segmenter: str | None = None

    @property
    def source(self) -> str:
        """The name as `app.py` takes it."""
        return f"{self.name}@{self.commit}" if self.commit else self.name


def find_models(api: HfApi, names: list[str], *, folders: bool) -> list[SpaceModel]:
    """Find models and check that the page can show them.

    names: owner/name, of the main branch or with @REVISION; with `folders` also folders of this machine.

    Raises:
        UserError: a model that is not there, named twice, not whole, no text classifier, or without names of labels.
    """
    models: list[SpaceModel] = []
    for name in names:
        model = _find(api, name, folders=folders)
        if model.source in {other.source for other in models}:
            raise UserError(f"models names {model.source} twice, expected each once; drop one from --models")
        models.append(model)
    return models


def _find(api: HfApi, given: str, *, folders: bool) -> SpaceModel:
    if Path(given).is_dir():
        if not folders:
            raise UserError(
                f"{given!r} is a folder of this machine, expected you/name on the Hub; send it there with "
                "`hf-textclf push`, or try it here with --local"
            )
        folder = Path(given).resolve()
        check_model(folder)
        _check_classifier(load_config(str(folder)), given)
        return SpaceModel(str(folder), None, segmenter=read_json(folder / TOKENIZER_CONFIG).get("segmenter"))
    name, _, revision = given.partition("@")
    if not HUB_ID.fullmatch(name):
        raise UserError(
            f"{given!r} is neither a folder nor a model on the Hub, expected you/name or you/name@REVISION; "
            "correct --models"
        )
    return persist(name, lambda: _on_hub(api, name, revision or None), flag="--models")


def _on_hub(api: HfApi, name: str, revision: str | None) -> SpaceModel:
    info = api.model_info(name, revision=revision)
    present = {file.rfilename for file in info.siblings or []}
    _check_files(info, present)
    _check_classifier(load_config(name, revision=str(info.sha)), name)
    segmenter = None
    if TOKENIZER_CONFIG in present:
        segmenter = read_json(Path(api.hf_hub_download(name, TOKENIZER_CONFIG, revision=info.sha))).get("segmenter")
    return SpaceModel(
        name,
        info.sha,
        # a network as ONNX lies in a folder of its own
        files=tuple(sorted(file for file in present if file == CARD or is_written(file) and "/" not in file)),
        needs_token=bool(info.private or info.gated),
        segmenter=segmenter,
    )


def _check_files(info: ModelInfo, present: set[str]) -> None:
    for needed in ((CONFIG,), (WEIGHTS, WEIGHTS_INDEX), (TOKENIZER, TOKENIZER_CONFIG)):
        if present.isdisjoint(needed):
            raise UserError(f"{info.id} has no {needed[0]}, expected a whole text classifier; choose another model")


def _check_classifier(config: PreTrainedConfig, where: str) -> None:
    kind = (config.architectures or ["a model without a name"])[0]
    if not kind.endswith("ForSequenceClassification"):
        raise UserError(f"{where!r} holds {kind}, expected a text classifier; choose another model")
    check_labels(config.id2label.values(), where=where)
