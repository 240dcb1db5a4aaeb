"""The files of a Space: `spaces_app`, the package beside it, and what names the models.

`spaces_app/README.md` and `spaces_app/requirements.txt` are the templates; what differs from Space to Space is written
here and stands nowhere else.
"""

from collections.abc import Iterator
from pathlib import Path

from huggingface_hub import SpaceCard, SpaceCardData, constants

from ...card.writing import SECTION
from ...files import PACKAGE, bundled
from ...saved_model.layout import CARD
from ..upload_folder import UploadFolder
from .models import SpaceModel

APP, LIST, REQUIREMENTS = "app.py", "models.txt", "requirements.txt"
CODE = "hf_textclf"
# folders of data, some of which a wheel has inside the package
DATA = {"configs", "model_cards", "samples", "spaces_app", "__pycache__"}
ZERO_GPU = "zero-a10g"
# ZeroGPU brings these, and `spaces`, at versions of its own; of Python it knows 3.10 and 3.12
ZERO_GPU_BRINGS = {"gradio", "huggingface_hub", "torch"}
ZERO_GPU_PYTHON = "3.12"


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
    files |= {f"{CODE}/{path.relative_to(PACKAGE).as_posix()}": path for path in _code()}
    pins = dict(line.split("==") for line in (app / REQUIREMENTS).read_text(encoding="utf-8").split())
    needed = [f"{name}=={version}\n" for name, version in pins.items() if name not in _unneeded(models, hardware)]
    files[REQUIREMENTS] = "".join(needed).encode()
    files[LIST] = "".join(f"{model.source}\n" for model in models).encode()
    template = SpaceCard((app / CARD).read_text(encoding="utf-8"))
    files[CARD] = _filled(template, models, repo=repo, gradio=pins["gradio"], hardware=hardware).encode()
    return UploadFolder(files, left=[])


def is_code(name: str) -> bool:
    """Whether a file of a Space is a module of the package, which goes when a newer version lacks it."""
    return name.startswith(f"{CODE}/") and name.endswith(".py")


def _code() -> Iterator[Path]:
    for path in sorted(PACKAGE.rglob("*.py")):
        if DATA.isdisjoint(path.relative_to(PACKAGE).parts):
            yield path


def _unneeded(models: list[SpaceModel], hardware: str | None) -> set[str]:
    """The pins that these models and this hardware do without."""
    brought = ZERO_GPU_BRINGS if hardware == ZERO_GPU else set()
    return brought if any(model.segmenter for model in models) else {"jieba", *brought}


def _filled(card: SpaceCard, models: list[SpaceModel], *, repo: str, gradio: str, hardware: str | None) -> str:
    """The README of a Space: the template with models and versions."""
    data = card.data.to_dict()
    data["sdk_version"] = gradio
    if hardware == ZERO_GPU:
        data["python_version"] = ZERO_GPU_PYTHON
    on_hub = [model for model in models if model.commit]
    # what only some may see cannot be fetched while the Space is built
    preloaded = [f"{model.name} {','.join(model.files)} {model.commit}" for model in on_hub if not model.needs_token]
    data |= {"models": list(dict.fromkeys(model.name for model in on_hub)), "preload_from_hub": preloaded}
    card.data = SpaceCardData(**{key: value for key, value in data.items() if value})
    body = "\n".join(_named(model) for model in models)
    body += (
        f'\n\nFrom Python: `gradio_client.Client("{repo}").predict("a text", api_name="/classify")` returns what each '
        "of them says."
    )
    card.text = SECTION.sub(
        lambda found: f"<!-- hf-textclf:{found[1]} -->\n{body}\n<!-- /hf-textclf:{found[1]} -->", card.text
    )
    return str(card)


def _named(model: SpaceModel) -> str:
    if model.commit is None:
        return f"- {Path(model.name).name}"
    address = f"{constants.ENDPOINT}/{model.name}"
    return f"- [{model.name}]({address}), [commit {model.commit[:7]}]({address}/tree/{model.commit})"
