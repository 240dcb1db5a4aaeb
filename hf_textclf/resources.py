"""Where the folders that travel with the package are: beside it in a checkout, inside it in a wheel."""

from difflib import get_close_matches
from pathlib import Path

from .errors import UserError

PACKAGE = Path(__file__).parent
SAMPLES = PACKAGE / "samples"


def bundled(folder: str) -> Path:
    """The path of `configs`, `model_cards` or `spaces_app`."""
    inside = PACKAGE / folder
    return inside if inside.is_dir() else PACKAGE.parent / folder


def find_config(name: str, *, folder: str = "configs") -> Path:
    """Find a YAML file: a path, or the name of a bundled one (`configs/demo_lstm.yaml`, `demo_lstm`).

    folder: where the bundled ones are, `configs` or a folder in it.

    Raises:
        UserError: there is no such file.
    """
    path = Path(name)
    if path.is_file():
        return path
    for candidate in (bundled(folder) / path.name, bundled(folder) / f"{path.name}.yaml"):
        if candidate.is_file() and path.parent.name in ("", Path(folder).name):
            return candidate
    known = sorted(file.stem for file in bundled(folder).glob("*.yaml"))
    demos = [stem for stem in known if stem.startswith("demo")]
    close = ", ".join(get_close_matches(path.stem, known, n=5) or demos or known)
    raise UserError(
        f"config {name!r} not found; give the path of a YAML file or one of the {len(known)} bundled ones, "
        f"such as {close}"
    )
