"""`hf-textclf space --local`: the folder of a Space, run where nothing is but what its requirements name."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

import pandas as pd
import pytest

from hf_textclf import Classifier, UserError
from hf_textclf.hub import UploadFolder, run_space
from hf_textclf.hub.space import _serve
from tests.helpers.package_index import unreachable
from tests.helpers.push_command import REPO, SPACE, error_line

TEXT = "很好吃，下次还来"


@pytest.fixture
def page(hub, deploy_space, model_folder, tmp_path):
    """A page on a model of the Hub and a folder: the process, its address, and what it printed while it started."""
    folder = shutil.copytree(model_folder, tmp_path / "my second")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "hf_textclf.cli", "space", "--local", "--models", REPO, str(folder)]
    process = subprocess.Popen(
        [*command, "--output_dir", str(tmp_path / "out")],
        # what names other models here is nothing to the Space
        env=os.environ | {"GRADIO_SERVER_PORT": str(port), "PYTHONUNBUFFERED": "1", "MODELS": "nothing"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # a group of its own, as a terminal gives it, so that Ctrl-C reaches all of it
        start_new_session=True,
    )
    try:
        printed = []
        for line in process.stdout:
            printed.append(line)
            if "Running on" in line:
                break
        else:
            if "requirements.txt could not be installed" in printed[-1]:
                unreachable("".join(printed))
            raise AssertionError("".join(printed))
        yield process, f"http://127.0.0.1:{port}/", printed
    finally:
        process.terminate()
        process.wait(timeout=60)


@pytest.mark.slow
def test_the_page_runs_in_an_environment_of_its_own(hub, deploy_space, page, model_folder, tmp_path):
    from gradio_client import Client

    process, address, printed = page
    client = Client(address, verbose=False)
    answer = client.predict(TEXT, api_name="/classify")
    expected = Classifier(str(model_folder), device="cpu")([TEXT])[0].probabilities
    assert list(answer) == [REPO, "my second"]
    for said in answer.values():
        assert said["probabilities"] == pytest.approx(expected, abs=1e-6)
    # nothing is missing for the other tabs either
    explained = client.predict(TEXT, api_name="/explain")
    assert all(said["words"] and not said["notices"] for said in explained.values())
    [row] = client.predict([TEXT], api_name="/batch")
    assert row["label"] == answer[REPO]["label"]
    pd.DataFrame({"review": [TEXT]}).to_excel(tmp_path / "reviews.xlsx", index=False)
    folder, python = tmp_path / "out" / "space", tmp_path / "out" / "environment" / "bin" / "python"
    modules = ", ".join(path.stem for path in folder.glob("*.py") if path.name != "app.py")
    code = f"import {modules}; print(uploads.read_table({str(tmp_path / 'reviews.xlsx')!r}).texts('review'))"
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    read = subprocess.run([python, "-c", code], cwd=folder, env=clean, capture_output=True, text=True)
    assert read.stdout == f"{[TEXT]}\n", read.stderr
    # the model of the Hub came without code that would have to be trusted
    assert hub.count(r"/resolve/.*\.safetensors") > 0 and hub.count(r"/resolve/.*\.py") == 0

    # what is sent to the Hub is what runs here
    assert deploy_space()[0] == 0
    here = {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"
    }
    assert here == set(hub.files(SPACE, kind="space")) - {".gitattributes"}

    os.killpg(process.pid, signal.SIGINT)
    rest = process.communicate(timeout=60)[0]
    assert process.returncode == 0 and "Traceback" not in "".join(printed) + rest, rest


@pytest.mark.slow
def test_what_stays(tmp_path, monkeypatch):
    """Where output_dir says so the folder and its environment, which knows nothing of this one; else nothing."""
    app = b"import os, sys\nsys.exit(sys.prefix == %r or 'MODELS' in os.environ or len(sys.argv) > 1)"
    upload_folder = UploadFolder(
        {"app.py": app % sys.prefix, "folder/data.txt": b"", "requirements.txt": b"\n"}, kept_local=[]
    )
    monkeypatch.setenv("MODELS", "nothing")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    run_space(upload_folder)
    assert not list((tmp_path / "temporary").iterdir())
    run_space(upload_folder, output_dir=str(tmp_path / "out"))
    assert (tmp_path / "out" / "space" / "folder" / "data.txt").is_file()


@pytest.mark.slow
def test_a_package_that_is_nowhere(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    upload_folder = UploadFolder({"app.py": b"", "requirements.txt": b"no-package-of-this-name==1.0\n"}, kept_local=[])
    with pytest.raises(UserError, match="could not be installed"):
        run_space(upload_folder, output_dir=str(tmp_path))


def test_a_folder_that_holds_something(hub, model_folder, run_command, tmp_path):
    code, _, err = run_command("space", "--local", "--models", str(model_folder), "--output_dir", str(model_folder))
    assert code == 2 and "already holds something" in error_line(err) and hub.requests == []


def test_an_app_that_fails(tmp_path):
    with pytest.raises(UserError, match="exit code 3"):
        _serve([sys.executable, "-c", "raise SystemExit(3)"], tmp_path, dict(os.environ))


def test_whoever_ends_the_command_ends_the_page(tmp_path):
    """`kill` reaches the command alone."""
    script = (
        "import sys; from hf_textclf.hub.space import _serve; from pathlib import Path\n"
        "app = 'import time; print(1, flush=True); time.sleep(60)'\n"
        "_serve([sys.executable, '-c', app], Path(), None)"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "1\n"
    process.send_signal(signal.SIGTERM)
    # the pipe ends when the last process that writes into it has ended
    assert process.communicate(timeout=20)[0] == "" and process.returncode == 0
