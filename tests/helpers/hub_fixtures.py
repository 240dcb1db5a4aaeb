"""A Hub of each test's own, and the real client set to talk to it."""

import shutil
import types

import huggingface_hub
import pytest
from huggingface_hub import HfApi, constants, hf_api
from huggingface_hub.utils import _http
from transformers.utils import hub as transformers_hub

from hf_textclf.cli.main import main
from hf_textclf.files import SAMPLES
from hf_textclf.hub import errors
from tests.helpers.loopback import READER, STRANGER, WRITER, Hub
from tests.helpers.push_command import REPO, SPACE


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A running Hub, which the client in this process takes for the only one.

    The client reads its switches from the environment when it is imported, so that they are set in both places: there
    for processes that a test starts, and in the modules for this one.
    """
    running, home = Hub(tmp_path / "hub"), tmp_path / "home"
    switches = {"HF_ENDPOINT": running.url, "HF_HOME": home, "HF_HUB_DISABLE_XET": 1, "HF_TOKEN": WRITER}
    for name, value in (switches | {"HF_HUB_OFFLINE": 0, "NO_PROXY": "127.0.0.1,localhost"}).items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    for name, value in {
        "ENDPOINT": running.url,
        "HUGGINGFACE_CO_URL_TEMPLATE": running.url + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_OFFLINE": False,
        "HF_HUB_DISABLE_XET": True,
        "HF_HUB_CACHE": str(home / "hub"),
        "HF_TOKEN_PATH": str(home / "token"),
        "HF_STORED_TOKENS_PATH": str(home / "stored_tokens"),
    }.items():
        monkeypatch.setattr(constants, name, value)
    monkeypatch.setattr(hf_api.api, "endpoint", running.url)
    # Transformers keeps a client of its own, with the Hub of its first use
    monkeypatch.setattr(transformers_hub, "_hf_api", None)
    huggingface_hub.utils.disable_progress_bars()
    yield running
    running.close()
    huggingface_hub.close_session()


@pytest.fixture
def api(hub):
    """The real client, as somebody who may write."""
    return HfApi(endpoint=hub.url, token=WRITER)


@pytest.fixture
def no_waiting(monkeypatch):
    """The client tries again at once; returns the seconds that it would have waited."""
    waited = []
    for module in (_http, errors):
        monkeypatch.setattr(module, "time", types.SimpleNamespace(sleep=waited.append))
    return waited


@pytest.fixture(scope="session")
def opinions_model(tmp_path_factory):
    """A small model, trained on a file of this machine."""
    folder = tmp_path_factory.mktemp("trained")
    data = folder / "data" / "opinions.csv"
    data.parent.mkdir()
    shutil.copy(SAMPLES / "opinions_zh" / "train.csv", data)
    sizes = "--vocab_size 301 --embedding_size 11 --hidden_size 7 --max_steps 4 --tokenizer_type word".split()
    keys = ["--dataset", str(data), "--label_column", "sentiment", "--license", "apache-2.0", "--disable_tqdm", "true"]
    assert main(["train", *keys, *sizes, "--output_dir", str(folder / "model")]) == 0
    return folder / "model"


@pytest.fixture
def model_folder(opinions_model, tmp_path):
    """A copy of it that a test may change."""
    return shutil.copytree(opinions_model, tmp_path / "model")


@pytest.fixture
def run_command(hub, capsys):
    """Run a command; returns exit code, standard output and standard error, in none of which a token stands."""

    def run(*tokens):
        capsys.readouterr()
        code = main(list(tokens))
        out, err = capsys.readouterr()
        for token in (WRITER, READER, STRANGER):
            assert token not in out + err
        return code, out, err

    return run


@pytest.fixture
def push(run_command, model_folder):
    """Run `push` on that copy."""
    return lambda *tokens, repo=REPO: run_command("push", str(model_folder), "--repo", repo, *tokens)


@pytest.fixture
def deploy_space(run_command, push, hub):
    """Run `space` on the model, which is on the Hub already."""
    push()
    hub.requests.clear()
    return lambda *tokens, models=(REPO,): run_command("space", "--models", *models, "--repo", SPACE, *tokens)
