"""The models of a Space, pinned to a commit, and its files: `spaces_app`, the package beside it, the models' names.

`spaces_app/README.md` and `spaces_app/requirements.txt` are the templates; what differs from Space to Space is written
here and stands nowhere else.
"""

from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi, SpaceCard, SpaceCardData, constants
from transformers import PreTrainedConfig

from ..card.merge import merge_sections, section
from ..errors import UserError
from ..files import PACKAGE, bundled, read_json
from ..models.loading import load_config
from ..provenance import HUB_ID
from ..saved_model import layout
from ..saved_model.facts import check_labels, check_model, is_classifier
from .commit import UploadFolder
from .errors import with_retries

APP, MODELS = "app.py", "models.txt"
CODE = "hf_textclf"
# folders of data, some of which a wheel has inside the package
DATA = {"configs", "model_cards", "samples", "spaces_app", "__pycache__"}
# of each group a model has one
NEEDED = [[layout.CONFIG], [layout.WEIGHTS, layout.WEIGHTS_INDEX], [layout.TOKENIZER, layout.TOKENIZER_CONFIG]]
ZERO_GPU = "zero-a10g"
# ZeroGPU brings these, and `spaces`, at versions of its own; of Python it knows 3.10 and 3.12
ZERO_GPU_BRINGS = {"gradio", "huggingface_hub", "torch"}
ZERO_GPU_PYTHON = "3.12"


@dataclass(frozen=True)
class SpaceModel:
    """A model that a Space shows.

    name: Hub id, or the absolute path of a folder. commit: None for a folder. files: those that the page reads.
    private: whether nobody else may know its name. needs_token: whether the Hub shows it to some only. segmenter: what
    cuts texts into words before its tokenizer.
    """

    name: str
    commit: str | None
    files: tuple[str, ...] = ()
    private: bool = False
    needs_token: bool = False
    segmenter: str | None = None

    @property
    def source(self) -> str:
        """The name as `app.py` takes it."""
        return f"{self.name}@{self.commit}" if self.commit else self.name


def find_models(api: HfApi, names: list[str], *, folders: bool) -> list[SpaceModel]:
    """Find models and check that the page can show them.

    names: owner/name, of the main branch or with @REVISION; with `folders` also folders of this machine.
    Raises UserError: a model that is not there, named twice, not whole, no text classifier, or without names of
    labels.
    """
    models = [_find(api, name, folders=folders) for name in names]
    sources = [model.source for model in models]
    if twice := [source for source in sources if sources.count(source) > 1]:
        raise UserError(f"models names {twice[0]} twice, expected each once; drop one from --models")
    return models


def _find(api: HfApi, source: str, *, folders: bool) -> SpaceModel:
    if Path(source).is_dir():
        if not folders:
            raise UserError(
                f"{source!r} is a folder of this machine, expected you/name on the Hub; send it there with "
                "`hf-textclf push`, or try it here with --local"
            )
        folder = Path(source).resolve()
        check_model(folder)
        _check_classifier(load_config(str(folder)), source)
        return SpaceModel(str(folder), None, segmenter=read_json(folder / layout.TOKENIZER_CONFIG).get("segmenter"))
    name, _, revision = source.partition("@")
    if not HUB_ID.fullmatch(name):
        raise UserError(
            f"{source!r} is neither a folder nor a model on the Hub, expected you/name or you/name@REVISION; "
            "correct --models"
        )
    return with_retries(name, lambda: _on_hub(api, name, revision or None), flag="--models")


def _on_hub(api: HfApi, name: str, revision: str | None) -> SpaceModel:
    info = api.model_info(name, revision=revision)
    # a network as ONNX lies in a folder of its own
    present = sorted(file.rfilename for file in info.siblings or [] if "/" not in file.rfilename)
    for names in NEEDED:
        if not any(file in present for file in names):
            raise UserError(f"{info.id} has no {names[0]}, expected a whole text classifier; choose another model")
    _check_classifier(load_config(name, revision=str(info.sha)), name)
    settings = {}
    if layout.TOKENIZER_CONFIG in present:
        settings = read_json(Path(api.hf_hub_download(name, layout.TOKENIZER_CONFIG, revision=info.sha)))
    files = tuple(file for file in present if layout.matches(file, (layout.CARD, *layout.WRITTEN)))
    private, gated = bool(info.private), bool(info.gated)
    return SpaceModel(name, info.sha, files, private, private or gated, settings.get("segmenter"))


def _check_classifier(config: PreTrainedConfig, where: str) -> None:
    if not is_classifier(config.architectures):
        kind = (config.architectures or ["a model without a name"])[0]
        raise UserError(f"{where!r} holds {kind}, expected a text classifier; choose another model")
    check_labels(config.id2label.values(), where=where)


def space_folder(models: list[SpaceModel], *, repo: str, hardware: str | None) -> UploadFolder:
    """The files of a Space.

    repo: its name, for the example in its README. hardware: as the Hub calls it, by default its free CPU.
    """
    app = bundled("spaces_app")
    files: dict[str, Path | bytes] = {
        path.relative_to(app).as_posix(): path
        for path in sorted(app.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }
    code = [path.relative_to(PACKAGE) for path in sorted(PACKAGE.rglob("*.py"))]
    files |= {f"{CODE}/{name.as_posix()}": PACKAGE / name for name in code if DATA.isdisjoint(name.parts)}
    pins = dict(line.split("==") for line in (app / layout.REQUIREMENTS).read_text(encoding="utf-8").split())
    unneeded = set() if any(model.segmenter for model in models) else {"jieba"}
    unneeded |= ZERO_GPU_BRINGS if hardware == ZERO_GPU else set()
    needed = [f"{name}=={version}\n" for name, version in pins.items() if name not in unneeded]
    files[layout.REQUIREMENTS] = "".join(needed).encode()
    files[MODELS] = "".join(f"{model.source}\n" for model in models).encode()
    files[layout.CARD] = _readme(models, repo=repo, gradio=pins["gradio"], hardware=hardware).encode()
    return UploadFolder(files, kept_local=[])


def _readme(models: list[SpaceModel], *, repo: str, gradio: str, hardware: str | None) -> str:
    """The README of a Space: the template with models and versions."""
    card = SpaceCard((bundled("spaces_app") / layout.CARD).read_text(encoding="utf-8"))
    on_hub = [model for model in models if model.commit]
    # what only some may see cannot be fetched while the Space is built
    public = [model for model in on_hub if not model.needs_token]
    data = card.data.to_dict() | {"sdk_version": gradio, "models": list(dict.fromkeys(model.name for model in on_hub))}
    data["preload_from_hub"] = [f"{model.name} {','.join(model.files)} {model.commit}" for model in public]
    shown = f"Texts read by {', '.join(dict.fromkeys(Path(model.name).name for model in models))}"
    # the Hub takes 60 characters
    data["short_description"] = shown if len(shown) <= 60 else f"Texts read by {len(models)} models"
    if hardware == ZERO_GPU:
        data["python_version"] = ZERO_GPU_PYTHON
    card.data = SpaceCardData(**{key: value for key, value in data.items() if value})
    lines = []
    for model in models:
        address = f"{constants.ENDPOINT}/{model.name}"
        link = f"[{model.name}]({address}), [commit {str(model.commit)[:7]}]({address}/tree/{model.commit})"
        lines.append(f"- {link if model.commit else Path(model.name).name}")
    example = f'`gradio_client.Client("{repo}").predict("a text", api_name="/classify")`'
    lines += ["", f"From Python: {example} returns what each of them says."]
    models_section = section("models", "\n".join(lines))
    card.text = merge_sections(card.text, models_section, metadata=(card.data, card.data), given=["models"])
    return str(card)
