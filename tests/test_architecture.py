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
    for name in layout.TOKENIZER_CODE:
        modules = re.findall(r"^from \.(\w*)", (PACKAGE / "tokenization" / name).read_text(), re.MULTILINE)
        assert {f"{module}.py" for module in modules} < set(layout.TOKENIZER_CODE)


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


def test_the_package_is_small():
    top = {path.relative_to(PACKAGE).parts[0] for path in tracked_files() if path.is_relative_to(PACKAGE)}
    assert len(top) <= 20, sorted(top)
    assert len(list(PACKAGE.rglob("*.py"))) <= 115


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


# tests of no single module, each with the reason
WITHOUT_MODULE = {
    "test_architecture.py": "reads all modules",
    "test_finished_cards.py": "reads model_cards/",
    "test_readme.py": "runs what the READMEs say",
    "saved_model/test_folders_of_before.py": "folders pass through all rooms",
}
# these test several rooms together, and the helpers are no product
BESIDE_THE_ROOMS = {"benchmarks", "conformance", "end_to_end", "helpers", "space"}
# what answers texts; whoever uses one knows only the protocol
PREDICTORS = {
    "Classifier", "Predictor", "Network", "LongTextNetwork", "OneVsRest", "LinearPredictor", "DocumentReader",
}  # fmt: skip
# no predictor is asked here
HASATTR = {"hf_textclf/tuning/search_space.py": "which dataclass of a run has a key"}
# who reads the words of a command line
READS_ARGV = {"hf_textclf/arguments.py", "spaces_app/app.py"}


def trees(skip=()):
    """The parsed modules of the product by their name in the repository."""
    for path in CODE:
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith(tuple(skip)):
            yield name, ast.parse(path.read_text(encoding="utf-8"))


def module_names():
    """The files of `hf_textclf` by the name of their module."""
    names = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == FACE else parts)] = path
    return names


def imported_modules(name, names, text=None):
    """The modules of ours that a module imports, also inside functions and for type checking alone."""
    path = names[name]
    package = name.split(".") if path.stem == FACE else name.split(".")[:-1]
    targets = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8") if text is None else text)):
        if isinstance(node, ast.Import):
            targets |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) + 1 - node.level] if node.level else []
            module = ".".join([*start, *([node.module] if node.module else [])])
            # a name is a submodule, or stands in the module itself
            targets |= {sub if (sub := f"{module}.{alias.name}") in names else module for alias in node.names}
    # Python runs the packages around a module before it, but those that hold the importer have begun already
    for target in list(targets):
        parents = [target.rsplit(".", count)[0] for count in range(1, target.count("."))]
        targets |= {parent for parent in parents if not f"{name}.".startswith(f"{parent}.")}
    return (targets & names.keys()) - {name}


def find_circle(edges):
    """One circle of imports as the list of its modules, first and last the same; None where there is none."""
    finished, road = set(), []

    def walk(name):
        if name in road:
            return [*road[road.index(name) :], name]
        if name in finished:
            return None
        road.append(name)
        circle = next((circle for target in sorted(edges[name]) if (circle := walk(target))), None)
        road.pop()
        finished.add(name)
        return circle

    return next((circle for name in sorted(edges) if (circle := walk(name))), None)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("hf_textclf.data.labels", "from .splits import x\nfrom . import reading", {"data.splits", "data.reading"}),
        ("hf_textclf.data.labels", "if TYPE_CHECKING:\n    from ..card import x", {"card"}),
        ("hf_textclf.data.labels", "def f():\n    from . import DataArguments", {"data"}),
        ("hf_textclf.data.labels", "import hf_textclf.saved_model.layout", {"saved_model", "saved_model.layout"}),
        ("hf_textclf.data", "from .labels import x\nimport torch", {"data.labels"}),
    ],
)
def test_imported_modules_are_found(name, text, expected):
    assert imported_modules(name, module_names(), text) == {f"hf_textclf.{module}" for module in expected}


def test_a_circle_is_found():
    assert find_circle({"a": {"b"}, "b": {"c", "d"}, "c": set(), "d": {"b"}}) == ["b", "d", "b"]
    assert find_circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) is None


def test_no_import_circle():
    names = module_names()
    circle = find_circle({name: imported_modules(name, names) for name in names})
    assert circle is None, " → ".join(circle)


def test_only_the_command_line_reads_argv():
    readers = []
    for name, tree in trees(skip=["hf_textclf/cli/"]):
        for node in ast.walk(tree):
            reads = (
                isinstance(node, ast.Attribute) and node.attr == "argv"
                or isinstance(node, ast.arg) and node.arg == "argv"
                or isinstance(node, ast.Import) and "argparse" in {alias.name for alias in node.names}
                or isinstance(node, ast.ImportFrom)
                and (node.module == "argparse" or node.module == "sys" and "argv" in {a.name for a in node.names})
            )  # fmt: skip
            readers += [f"{name}:{node.lineno}"] if reads and name not in READS_ARGV else []
    assert not readers


def test_nobody_asks_which_predictor_it_is():
    """Outside of `inference/`; what a predictor can do, its protocol says."""
    questions = []
    for name, tree in trees(skip=["hf_textclf/inference/"]):
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            kinds = {getattr(part, "id", getattr(part, "attr", "")) for arg in node.args[1:] for part in ast.walk(arg)}
            if node.func.id in ("isinstance", "issubclass") and kinds & PREDICTORS:
                questions.append(f"{name}:{node.lineno}: {node.func.id} of {sorted(kinds & PREDICTORS)}")
            if node.func.id == "hasattr" and name not in HASATTR:
                questions.append(f"{name}:{node.lineno}: hasattr")
    assert not questions, "\n".join(questions)


def test_tests_mirror_the_rooms():
    """The test of `data/splits.py` is `tests/data/test_splits.py`, or begins so; a package's own has its name."""
    homeless = []
    for path in (ROOT / "tests").rglob("test_*.py"):
        name = path.relative_to(ROOT / "tests")
        if name.parts[0] in BESIDE_THE_ROOMS or name.as_posix() in WITHOUT_MODULE:
            continue
        room = PACKAGE / name.parent
        modules = {part.stem for part in room.glob("*") if part.suffix == ".py" or part.is_dir()} | {room.name}
        stem = path.stem.removeprefix("test_")
        if not any(stem == module or stem.startswith(f"{module}_") for module in modules):
            homeless.append(name.as_posix())
    assert not homeless, f"{homeless} test no module of their room"
    assert all((ROOT / "tests" / name).is_file() for name in WITHOUT_MODULE)
