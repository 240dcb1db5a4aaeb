"""The loopback Hub fails when it is told to, and the real client feels it."""

import time

import numpy as np
import pytest
from huggingface_hub import get_session, hf_hub_download
from huggingface_hub.errors import HfHubHTTPError

WEIGHTS = np.random.default_rng(2).bytes(200_000)


@pytest.fixture
def upload(api):
    api.create_repo("you/model")

    def run():
        return api.upload_file(path_or_fileobj=WEIGHTS, path_in_repo="model.safetensors", repo_id="you/model")

    return run


@pytest.mark.parametrize("failure", [{"status": 500, "after": 1000}, {"drop": True, "after": 1000}])
def test_upload_broken_in_the_middle_is_sent_again(hub, upload, no_waiting, failure):
    hub.fail("^PUT /lfs-store/", **failure)
    upload()
    assert hub.count("^PUT ") == 2 and hub.read("you/model", "model.safetensors") == WEIGHTS
    assert len(no_waiting) == 1


def test_upload_that_never_works_leaves_nothing(hub, upload, no_waiting):
    hub.fail("^PUT /lfs-store/", status=500, times=-1)
    with pytest.raises(RuntimeError, match="model.safetensors"):
        upload()
    assert hub.files("you/model") == [".gitattributes"] and not list(hub.storage.incoming.iterdir())
    hub.failures.clear()
    upload()
    assert hub.read("you/model", "model.safetensors") == WEIGHTS


def test_wrong_hash(hub, upload):
    hub.fail("^PUT /lfs-store/", corrupt=True)
    with pytest.raises(RuntimeError) as caught:
        upload()
    assert "does not have the hash" in str(caught.value.__cause__)
    assert hub.files("you/model") == [".gitattributes"]
    upload()
    assert hub.read("you/model", "model.safetensors") == WEIGHTS


def test_rate_limit_says_how_long(hub, upload, no_waiting):
    hub.fail("/preupload/", status=429, headers={"Retry-After": "7"})
    upload()
    assert no_waiting == [8.0]


@pytest.mark.parametrize("status", [401, 402, 403, 409, 503])
def test_refusals(hub, api, upload, no_waiting, status):
    hub.fail("/commit/", status=status, message="said so")
    with pytest.raises(HfHubHTTPError) as caught:
        upload()
    assert caught.value.response.status_code == status
    assert caught.value.response.headers["X-Error-Message"] == "said so"
    assert hub.files("you/model") == [".gitattributes"]


def test_dropped_commit_is_not_written(hub, upload):
    hub.fail("/commit/", drop=True)
    with pytest.raises(Exception, match="disconnected"):
        upload()
    assert hub.files("you/model") == [".gitattributes"]


def test_slow_bodies(hub, upload):
    upload()
    hub.fail("^GET /lfs-store/", seconds=0.1)
    start = time.perf_counter()
    with open(hf_hub_download("you/model", "model.safetensors"), "rb") as file:
        assert file.read() == WEIGHTS
    assert time.perf_counter() - start > 0.4
    hub.fail("GET /api/models", seconds=5)
    with pytest.raises(Exception, match="timed out"):
        get_session().get(f"{hub.url}/api/models/you/model", timeout=0.2)
