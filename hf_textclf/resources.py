"""Where the folders that travel with the package are: beside it in a checkout, inside it in a wheel."""

from pathlib import Path

from .errors import UserError

PACKAGE = Path(__file__).parent
SAMPLES = PACKAGE / "samples"


def bundled(folder: str) -> Path:
    """The path of `configs`, `model_cards` or `spaces_app`."""
    inside = PACKAGE / folder
    return inside if inside.is_dir() else PACKAGE.parent / folder


def find_config(name: str) -> Path:
    """Find a YAML file: a path, or the name of a bundled one (`configs/demo_lstm.yaml`, `demo_lstm`).

    Raises:
        UserError: there is no such file.
    """
    path = Path(name)
    if path.is_file():
        return path
    for candidate in (bundled("configs") / path.name, bundled("configs") / f"{path.name}.yaml"):
        if candidate.is_file() and path.parent.name in ("", "configs"):
            return candidate
    known = ", ".join(sorted(file.stem for file in bundled("configs").glob("*.yaml")))
    raise UserError(f"config {name!r} not found; give the path of a YAML file or one of: {known}")
