"""The reference and the schema of configs are what the dataclasses say; shells complete what the parsers take."""

import json
import subprocess
import sys

import jsonschema
import pytest
import yaml

from hf_textclf.cli.main import main
from hf_textclf.files import bundled

CONFIGS = sorted(bundled("configs").glob("*.yaml"))
SCHEMA = bundled("configs") / "schema.json"


def test_written_files_are_true(tmp_path):
    """`make reference` renews them."""
    assert main(["reference", "--output_dir", str(tmp_path)]) == 0
    for name in ("REFERENCE.md", "schema.json"):
        assert (tmp_path / name).read_text("utf-8") == (bundled("configs") / name).read_text("utf-8"), name


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_bundled_configs_are_valid(path):
    jsonschema.validate(yaml.safe_load(path.read_text("utf-8")), json.loads(SCHEMA.read_text("utf-8")))


@pytest.mark.parametrize("text", ["hiden_size: 3", "pooling: middle", "max_length: long", "label_names: []"])
def test_mistakes_are_not_valid(text):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(text), json.loads(SCHEMA.read_text("utf-8")))


def test_bash_completes(tmp_path, capsys):
    assert main(["--completion", "bash"]) == 0
    script = tmp_path / "completion.sh"
    script.write_text(capsys.readouterr().out, encoding="utf-8")
    assert subprocess.run(["bash", "-n", script]).returncode == 0
    ask = f"""source {script}
    function ask() {{ COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _shtab_hf_textclf; }}
    ask hf-textclf tr; echo "${{COMPREPLY[@]}}"
    ask hf-textclf train --label_sep; echo "${{COMPREPLY[@]}}" """
    words = subprocess.run(["bash", "-c", ask], capture_output=True, text=True).stdout.split()
    assert "train" in words and "--label_separator" in words and "predict" not in words


def test_reader_that_leaves_early():
    command = f"set -o pipefail; {sys.executable} -m hf_textclf.cli train --help_all | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.stdout.startswith("usage: hf-textclf train") and "Traceback" not in done.stderr
