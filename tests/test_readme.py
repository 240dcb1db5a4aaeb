"""The README keeps its word: its Python runs, its commands parse, its tree names every module."""

import os
import re
import subprocess
import sys

import pytest

from hf_textclf.cli.commands import COMMANDS
from tests.helpers import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("code", blocks("python"))
def test_python_runs_as_it_stands(trained_models, tmp_path, code):
    (tmp_path / "my_model").symlink_to(trained_models / "single")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=os.environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "negative" in done.stdout or "positive" in done.stdout


def test_commands_are_ours():
    named = [
        line.split()[1] for block in blocks("bash") for line in block.splitlines() if line.startswith("hf-textclf")
    ]
    assert set(named) == set(COMMANDS)


def test_configs_that_are_named_exist():
    for name in re.findall(r"configs/[a-z0-9_]+\.yaml", README):
        assert (ROOT / name).is_file()
