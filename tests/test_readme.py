"""The READMEs keep their word: Python runs as it stands, commands and configs are ours, links lead somewhere."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from hf_textclf.cli.commands import COMMANDS
from hf_textclf.files import SAMPLES
from tests.helpers import ROOT

FRONT = (ROOT / "README.md").read_text(encoding="utf-8")
READMES = ["README.md", "configs/README.md", "hf_textclf/README.md", "model_cards/README.md", "tests/README.md"]
TEXTS = {name: (ROOT / name).read_text(encoding="utf-8") for name in READMES}


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_front_door_is_short():
    assert len(FRONT.splitlines()) <= 230 and len(FRONT.split()) <= 1500


@pytest.mark.parametrize("code", blocks(FRONT, "python"))
def test_python_runs_as_it_stands(trained_models, tmp_path, code):
    (tmp_path / "my_model").symlink_to(trained_models / "single")
    for name, split in {"reviews.csv": "train", "more_reviews.csv": "test"}.items():
        lines = (SAMPLES / "opinions_en" / f"{split}.csv").read_text(encoding="utf-8").splitlines()
        lines[0] = lines[0].replace("sentiment", "label")
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=os.environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.search("negative|neutral|positive", done.stdout)


def test_every_command_is_ours_and_shown():
    lines = [line for text in TEXTS.values() for block in blocks(text, "bash") for line in block.splitlines()]
    named = {line.split()[1] for line in lines if line.startswith("hf-textclf ")}
    assert named <= set(COMMANDS)
    # of the others the reference tells; an old name has no help of its own
    reference = (ROOT / "configs" / "REFERENCE.md").read_text(encoding="utf-8")
    today = [name for name, command in COMMANDS.items() if command.help]
    assert all(name in named or f"hf-textclf {name}" in reference for name in today)


@pytest.mark.parametrize("name", READMES)
def test_links_and_configs_lead_somewhere(name):
    folder = (ROOT / name).parent
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", TEXTS[name]):
        assert (folder / target).exists(), target
    for config in re.findall(r"--config ([a-z0-9_]+)\b(?!/)", TEXTS[name]):
        assert (ROOT / "configs" / f"{config}.yaml").is_file(), config


def test_make_targets_are_there():
    targets = re.findall(r"^make ([a-z]+)", "\n".join(blocks(FRONT, "bash")), re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert targets == ["demo", "test"] and all(f"\n{target}:" in makefile for target in targets)
    assert shutil.which("make") is None or "page" in makefile
