"""`hf extensions install OWNER/hf-textclf`, by the real `hf`, and then `hf textclf ...`."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from huggingface_hub.cli.extensions import _get_executable_name, _normalize_repo_id
from huggingface_hub.cli.hf import app

from tests.helpers.loopback_github import COMMIT, ROOT, GitHub

SCRIPTS = Path(sys.executable).parent


@pytest.fixture
def github(tmp_path):
    running = GitHub(tmp_path)
    yield running
    running.close()


@pytest.fixture
def hf(github, tmp_path):
    """Run the `hf` of this environment for somebody who has nothing installed."""
    hidden = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "NO_PROXY", "no_proxy")
    env = {name: value for name, value in os.environ.items() if name not in hidden} | {
        "HOME": str(tmp_path / "home"),
        "PATH": f"{SCRIPTS}:/usr/bin:/bin",
        "HTTPS_PROXY": github.url,
        "https_proxy": github.url,
        "SSL_CERT_FILE": str(github.certificates),
        "PIP_CERT": str(github.certificates),
        "REQUESTS_CA_BUNDLE": str(github.certificates),
        # the versions that this environment is tested with
        "PIP_CONSTRAINT": str(ROOT / "constraints.txt"),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    }

    def run(*tokens):
        return subprocess.run(
            [SCRIPTS / "hf", *tokens], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=400
        )

    return run


def test_the_client_takes_the_package_for_an_extension():
    _, _, name = _normalize_repo_id("you/hf-textclf")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert _get_executable_name(name) in project["scripts"] and name not in app.commands
    # a file of this name would be fetched and run in place of the package
    assert not (ROOT / f"hf-{name}").exists()


@pytest.mark.slow
def test_install_and_train(hf, github, tmp_path):
    done = hf("extensions", "install", "you/hf-textclf")
    if "No matching distribution" in done.stderr and not os.environ.get("CI"):
        pytest.skip("the package index cannot be reached")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    home = tmp_path / "home" / ".local" / "share" / "hf" / "extensions" / "hf-textclf"
    manifest = json.loads((home / "manifest.json").read_text())
    assert manifest["type"] == "python" and manifest["commit_sha"] == COMMIT
    assert manifest["description"].startswith("Text classifiers")
    assert "textclf" in hf("extensions", "list").stdout

    said = hf("textclf", "--help")
    assert said.returncode == 0 and said.stdout.startswith("usage: hf-textclf [")
    keys = "--dataset samples/opinions_zh --label_column sentiment --license mit --max_steps 4 --hidden_size 7".split()
    trained = hf("textclf", "train", *keys, "--output_dir", "run")
    assert trained.returncode == 0 and "saved to run" in trained.stdout, trained.stderr[-2000:]
    assert (tmp_path / "run" / "model.safetensors").is_file()
    # exit codes arrive, too
    refused = hf("textclf", "train", *keys, "--output_dir", "run")
    assert refused.returncode == 2 and "already holds something" in refused.stderr

    assert hf("extensions", "remove", "textclf").returncode == 0 and not home.exists()
