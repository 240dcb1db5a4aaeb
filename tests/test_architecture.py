"""The house as it is meant: imports point down, files stay short, no machine's path gets in."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from hf_textclf.saved_model import layout
from tests.helpers import ROOT

PACKAGE = ROOT / "hf_textclf"

# from top to bottom: a part may import parts of lower layers, never of its own or a higher one
LAYERS = [
    {"cli"},
    {"api"},
    {"tuning"},
    {"training"},
    {"evaluation", "explanation", "hub"},
    {"card", "inference"},
    {"models", "plots"},
    {"tokenization"},
    {"data"},
    {"saved_model"},
    {"arguments"},
    {"files"},
    {"provenance"},
    {"errors"},
]
# families of models, whose files travel to the Hub alone
ALONE = {"models/frozen", "models/lstm"}
# the face of the package gives names to the outside; inside, a part is imported by its own name
FACE = "__init__"
CODE = sorted([*PACKAGE.rglob("*.py"), *(ROOT / "spaces_app").rglob("*.py")])


def part(path):
    """The part of the package that a file belongs to: a module or folder right below `hf_textclf`."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_parts(path, text=None):
    """The parts of the package that a file imports, wherever in the file and however written."""
    found = set()
    package = ["hf_textclf", *path.relative_to(PACKAGE).parts[:-1]] if path.is_relative_to(PACKAGE) else []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8") if text is None else text)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) + 1 - node.level] if node.level else []
            module = ".".join([*start, *([node.module] if node.module else [])])
            # `from . import x` names the part only after the import
            names = [f"{module}.{alias.name}" for alias in node.names] if module == "hf_textclf" else [module]
        for name in names:
            if name.split(".")[0] == "hf_textclf":
                found.add((name.split(".") + [FACE])[1])
    return found


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("cli.py", "from .args import x\nimport hf_textclf.data.examples", {"args", "data"}),
        ("data/rows.py", "def f():\n    from ..errors import UserError", {"errors"}),
        ("data/rows.py", "from .labels import x\nfrom . import columns", {"data"}),
        ("data/rows.py", "from .. import files", {"files"}),
        ("files.py", "from hf_textclf import plots\nimport torch\nimport hf_textclf", {"plots", FACE}),
    ],
)
def test_imports_are_found(file, text, expected):
    assert imported_parts(PACKAGE / file, text) == expected


def test_every_part_has_its_layer():
    parts = {part(path) for path in PACKAGE.rglob("*.py")} - {FACE}
    assert parts == set().union(*LAYERS)
    assert sum(map(len, LAYERS)) == len(set().union(*LAYERS))


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path):
    imported = imported_parts(path)
    if not path.is_relative_to(PACKAGE) or path == PACKAGE / "__init__.py":
        return
    own = part(path)
    assert FACE not in imported, f"{path.name} imports the whole package"
    depth = next(number for number, layer in enumerate(LAYERS) if own in layer)
    below = set().union(*LAYERS[depth + 1 :])
    upwards = imported - below - {own}
    assert not upwards, f"{path.relative_to(ROOT)} imports {sorted(upwards)}, which do not lie below {own}"


def test_families_of_models_travel_alone():
    for folder in sorted(ALONE):
        for path in (PACKAGE / folder).glob("*.py"):
            nodes = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
            own = {node.level for node in nodes if isinstance(node, ast.ImportFrom)} - {0}
            assert own <= {1} and FACE not in imported_parts(path), path


def test_spaces_app_is_a_thin_face():
    """It is started by the command line, never imported by the package, and imports only what is for the outside."""
    for path in (ROOT / "spaces_app").rglob("*.py"):
        outside = {"Classifier", "Prediction", "UserError"}
        assert imported_parts(path) <= {
            FACE,
            "card",
            "data",
            "evaluation",
            "explanation",
            "inference",
            "saved_model",
            "tokenization",
            *outside,
        }
    for path in PACKAGE.rglob("*.py"):
        assert "spaces_app" not in {
            name.split(".")[0]
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            for name in (
                [a.name for a in node.names] if isinstance(node, ast.Import) else [getattr(node, "module", "")]
            )
            if isinstance(name, str)
        }


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_stay_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


def test_names_of_the_saved_folder_stand_once():
    """In `saved_model/layout.py`; messages and docstrings, which are sentences, may name them too."""
    values = [value for name, value in vars(layout).items() if name.isupper() and name != "SPLITS"]
    names = {value for value in values if isinstance(value, str)} | {*layout.WRITTEN, *layout.PICTURES}
    assert {"config.json", "README.md", "merges.txt", "confusion.png"} <= names
    repeated = []
    for path in {*CODE} - {Path(layout.__file__)}:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                if not names.isdisjoint([node.value, *node.value.split("/")]):
                    repeated.append(f"{path.relative_to(ROOT)}:{node.lineno}: {node.value}")
    assert not repeated, "\n".join(repeated)


def test_top_level_folders():
    listed = tracked_files()
    folders = {path.relative_to(ROOT).parts[0] for path in listed if len(path.relative_to(ROOT).parts) > 1}
    assert {name for name in folders if not name.startswith(".")} <= {
        "hf_textclf", "spaces_app", "configs", "tests", "model_cards",
    }  # fmt: skip


def tracked_files():
    """The files of the repository: what git knows or would add, or without git whatever lies there."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode == 0:
        return [path for name in done.stdout.split("\0") if name and (path := ROOT / name).is_file()]
    folders = ("hf_textclf", "spaces_app", "configs", "tests", "model_cards")
    return [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]


def test_no_path_of_a_machine():
    """Such a path works for nobody else; put together here so that this file does not hold one."""
    machine = re.compile(r"(?<![\w.])/(?:" + "|".join(["work", "root", "tmp", "home", "Users"]) + r")/\w")
    found = []
    for path in tracked_files():
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        found += [
            f"{path.relative_to(ROOT)}:{n}: {line[:120]}" for n, line in enumerate(lines, 1) if machine.search(line)
        ]
    assert not found, "\n".join(found)
