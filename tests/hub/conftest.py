"""A Hub of each test's own, and the real client set to talk to it."""

import types

import huggingface_hub
import pytest
from huggingface_hub import HfApi, constants, hf_api
from huggingface_hub.utils import _http
from loopback import WRITER, Hub


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
    monkeypatch.setattr(_http, "time", types.SimpleNamespace(sleep=waited.append))
    return waited
