"""The wheel, installed into a clean environment outside the checkout, does what the checkout does."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.helpers import ROOT
from tests.helpers.package_index import unreachable

pytestmark = pytest.mark.slow


def run(*command, cwd, **options):
    """Run a command that knows nothing of this checkout or this environment."""
    hidden = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    env = {name: value for name, value in os.environ.items() if name not in hidden}
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=env, capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def install(python, *what, cwd):
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "2", *what, cwd=cwd)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this checkout, built with the build tool that stands in this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    if done.returncode:
        unreachable(done.stderr)
    (path,) = folder.glob("*.whl")
    return path


def test_carries_everything(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("configs", "spaces_app"):
        expected = {f"hf_textclf/{folder}/{path.relative_to(ROOT / folder)}" for path in files(ROOT / folder)}
        assert expected and expected <= names
    # of the cards their templates, not the finished ones
    templates = {f"hf_textclf/{path.relative_to(ROOT)}" for path in (ROOT / "model_cards").glob("*.j2")}
    assert templates and {name for name in names if "model_cards" in name} == templates
    assert {f"hf_textclf/{path.relative_to(ROOT / 'hf_textclf')}" for path in files(ROOT / "hf_textclf")} <= names
    assert "hf_textclf/data/samples/news_en/train.csv" in names and "hf_textclf/py.typed" in names
    assert not {name for name in names if name.startswith(("tests/", "configs/")) or name.endswith(".pyc")}


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def test_train_evaluate_predict_outside_the_checkout(wheel, tmp_path):
    work = tmp_path / "elsewhere"
    work.mkdir()
    run(sys.executable, "-m", "venv", tmp_path / "env", cwd=work)
    scripts = tmp_path / "env" / "bin"
    python = scripts / "python"
    constraints = ["-c", ROOT / "constraints.txt"] if (ROOT / "constraints.txt").is_file() else []
    try:
        install(python, "torch==2.13.0", cwd=work)
        install(python, wheel, *constraints, cwd=work)
    except AssertionError as error:
        if "No matching distribution" in str(error) or "onnection" in str(error):
            unreachable(str(error))
        raise
    place = run(python, "-c", "import hf_textclf; print(hf_textclf.__file__)", cwd=work).strip()
    assert Path(place).is_relative_to(tmp_path / "env")

    # the bundled config that stands in where none is named
    flags = ["--dataset", "samples/opinions_zh", "--label_column", "rating", "--problem_type", "regression"]
    flags += ["--embedding_size", "11", "--hidden_size", "7", "--num_train_epochs", "1", "--output_dir", "run"]
    command = scripts / "hf-textclf"
    assert "saved to run" in run(command, "train", *flags, cwd=work)
    assert "test: 70 texts" in run(command, "evaluate", "run", cwd=work)
    (work / "in.csv").write_text("text,id\n房间很好,1\n,2\n", encoding="utf-8")
    run(command, "predict", "run", "in.csv", "--output", "out.jsonl", cwd=work)
    rows = [json.loads(line) for line in (work / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["id"] for row in rows] == ["1", "2"] and all(isinstance(row["score"], float) for row in rows)
    # a Space's folder, from the templates inside the wheel
    sent = run(command, "space", "--local", "--dry_run", "--models", "run", cwd=work)
    assert " app.py" in sent and " hf_textclf/cli/main.py" in sent and "hf_textclf/spaces_app" not in sent
    assert (work / "run" / "evaluation_test" / "eval_results.json").is_file()
