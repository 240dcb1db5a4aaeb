"""The loopback Hub, judged by the real client alone: repositories, uploads, downloads."""

import hashlib

import numpy as np
import pytest
from huggingface_hub import HfApi, constants, get_session, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    LocalTokenNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from tests.helpers.loopback import READER, STRANGER, WRITER

RANDOM = np.random.default_rng(1)
CARD = "---\nlicense: mit\ntags: [tested]\n---\n# A model\n"


@pytest.fixture
def folder(tmp_path):
    """A small model: a card, a text, an empty file and 300 kB of weights."""
    path = tmp_path / "model"
    (path / "sub").mkdir(parents=True)
    (path / "README.md").write_text(CARD)
    (path / "config.json").write_text("{}")
    (path / "sub" / "empty.txt").touch()
    (path / "model.safetensors").write_bytes(RANDOM.bytes(300_000))
    return path


@pytest.fixture
def pushed(api, folder):
    api.create_repo("you/model")
    return api.upload_folder(repo_id="you/model", folder_path=folder)


def test_who_am_i(hub, api, monkeypatch):
    assert api.whoami()["name"] == "you"
    with pytest.raises(HfHubHTTPError) as caught:
        api.whoami(token="hf_nobody")
    assert caught.value.response.status_code == 401
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(LocalTokenNotFoundError):
        HfApi(endpoint=hub.url).whoami()


def test_create_and_delete(hub, api):
    assert api.create_repo("you/model", private=True).repo_id == "you/model"
    assert api.create_repo("you/model", exist_ok=True).repo_id == "you/model"
    with pytest.raises(HfHubHTTPError) as caught:
        api.create_repo("you/model")
    assert caught.value.response.status_code == 409
    assert api.model_info("you/model").private
    # private is as good as absent for everybody else
    assert not api.repo_exists("you/model", token=STRANGER)
    assert not api.repo_exists("you/model", token=False)
    api.delete_repo("you/model")
    with pytest.raises(RepositoryNotFoundError):
        api.model_info("you/model")


@pytest.mark.parametrize(("token", "status"), [(READER, 403), (STRANGER, 403), (False, 401)])
def test_only_owners_write(api, token, status):
    api.create_repo("you/model")
    for write in (
        lambda: api.create_repo("you/other", token=token),
        lambda: api.upload_file(path_or_fileobj=b"x", path_in_repo="a.txt", repo_id="you/model", token=token),
        lambda: api.create_branch("you/model", branch="b", token=token),
        lambda: api.delete_repo("you/model", token=token),
    ):
        with pytest.raises(HfHubHTTPError) as caught:
            write()
        assert caught.value.response.status_code == status


def test_upload_folder_arrives_whole(hub, api, folder, pushed):
    expected = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert set(api.list_repo_files("you/model")) == {*expected, ".gitattributes"}
    for name, content in expected.items():
        assert hub.read("you/model", name) == content
        with open(hf_hub_download("you/model", name), "rb") as file:
            assert file.read() == content
    # weights went ahead as a large file, text within the commit
    info = {item.path: item for item in api.get_paths_info("you/model", ["model.safetensors", "config.json"])}
    [expanded] = api.get_paths_info("you/model", ["config.json"], expand=True)
    assert expanded.last_commit.oid in {commit.commit_id for commit in api.list_repo_commits("you/model")}
    assert info["model.safetensors"].lfs.sha256 == hashlib.sha256(expected["model.safetensors"]).hexdigest()
    assert info["config.json"].lfs is None
    assert info["config.json"].blob_id == hashlib.sha1(b"blob 2\0{}").hexdigest()


def test_what_is_there_is_not_sent_again(hub, api, folder, pushed):
    hub.requests.clear()
    again = api.upload_folder(repo_id="you/model", folder_path=folder)
    assert again.oid == pushed.oid and hub.count("^PUT ") == hub.count("/commit/") == 0
    (folder / "config.json").write_text('{"a": 1}')
    changed = api.upload_folder(repo_id="you/model", folder_path=folder)
    assert changed.oid != pushed.oid and hub.count("^PUT ") == 0
    # the same weights in another repository are known by their hash
    api.create_repo("you/copy")
    api.upload_folder(repo_id="you/copy", folder_path=folder)
    assert hub.count("^PUT ") == 0


def test_large_file_in_parts(hub, api):
    hub.part_size = 100_000
    content = RANDOM.bytes(250_001)
    api.create_repo("you/model")
    api.upload_file(path_or_fileobj=content, path_in_repo="a/model.safetensors", repo_id="you/model")
    assert hub.count("^PUT ") == 3 and hub.read("you/model", "a/model.safetensors") == content
    # nothing is left of the parts but the object
    assert hashlib.sha256(content).hexdigest() in {path.name for path in hub.storage.objects.iterdir()}


def test_broken_download_goes_on_where_it_stopped(hub, api, folder, pushed, no_waiting, monkeypatch):
    """The client asks for the rest by a range; the answer must hold exactly that."""
    # what the client writes at once; of less than that nothing is kept
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 10_000)
    hub.fail("^GET /lfs-store/", sent=100_000)
    path = hf_hub_download("you/model", "model.safetensors")
    with open(path, "rb") as file:
        assert file.read() == (folder / "model.safetensors").read_bytes()
    asked = [headers.get("range") for method, path, headers in hub.requests if path.startswith("/lfs-store")]
    assert asked[-2:] == [None, "bytes=100000-"]


def test_the_store_of_large_files_sees_no_token(hub, api, pushed):
    hf_hub_download("you/model", "model.safetensors")
    store = [headers for _, path, headers in hub.requests if path.startswith("/lfs-store/")]
    assert store and not any("authorization" in headers for headers in store)
    unsigned = get_session().get(f"{hub.url}/lfs-store/{'0' * 64}")
    assert unsigned.status_code == 403


@pytest.mark.parametrize(
    ("wanted", "part"),
    [("bytes=0-9", slice(0, 10)), ("bytes=299990-", slice(-10, None)), ("bytes=-7", slice(-7, None))],
)
def test_ranges(hub, folder, pushed, wanted, part):
    address = f"{hub.url}/you/model/resolve/main/model.safetensors"
    answer = get_session().get(address, headers={"Range": wanted})
    assert answer.status_code == 206 and answer.content == (folder / "model.safetensors").read_bytes()[part]
    refused = get_session().get(address, headers={"Range": "bytes=300000-"})
    assert refused.status_code == 416 and refused.headers["Content-Range"] == "bytes */300000"


def test_snapshot_and_cache(hub, api, pushed):
    first = snapshot_download("you/model")
    hub.requests.clear()
    assert snapshot_download("you/model") == first
    assert hub.count("^GET /you/model/resolve/") == 0
    assert snapshot_download("you/model", revision=pushed.oid, local_files_only=True) == first


def test_what_is_missing(hub, api, pushed):
    with pytest.raises(EntryNotFoundError):
        hf_hub_download("you/model", "absent.txt")
    with pytest.raises(RevisionNotFoundError):
        hf_hub_download("you/model", "config.json", revision="absent")
    with pytest.raises(RepositoryNotFoundError):
        hf_hub_download("you/absent", "config.json")
    with pytest.raises(RepositoryNotFoundError):
        hf_hub_download("you/absent", "config.json", token=False)
    assert not api.file_exists("you/model", "absent.txt") and api.file_exists("you/model", "config.json")


def test_tree(hub, api, folder, pushed):
    hub.page_size = 2
    everything = {item.path for item in api.list_repo_tree("you/model", recursive=True)}
    assert everything == {
        ".gitattributes", "README.md", "config.json", "model.safetensors", "sub", "sub/empty.txt",
    }  # fmt: skip
    assert {item.path for item in api.list_repo_tree("you/model")} == everything - {"sub/empty.txt"}
    assert [item.path for item in api.list_repo_tree("you/model", path_in_repo="sub")] == ["sub/empty.txt"]


def test_delete_and_copy(hub, api, folder, pushed):
    api.delete_file("config.json", "you/model")
    api.delete_folder("sub", "you/model")
    assert hub.files("you/model") == [".gitattributes", "README.md", "model.safetensors"]
    with pytest.raises(HfHubHTTPError):
        api.delete_file("config.json", "you/model")
    assert hub.read("you/model", "config.json", revision=pushed.oid) == b"{}"


def test_upload_needs_its_parent(api, pushed):
    """Two people at once: the second does not write over the first."""
    upload = {"path_in_repo": "a.txt", "repo_id": "you/model", "parent_commit": pushed.oid}
    api.upload_file(path_or_fileobj=b"first", **upload)
    with pytest.raises(HfHubHTTPError) as caught:
        api.upload_file(path_or_fileobj=b"second", **upload)
    assert caught.value.response.status_code == 412


def test_tokens_are_not_kept(hub, api, pushed):
    for path in hub.storage.root.rglob("*"):
        assert not path.is_file() or WRITER.encode() not in path.read_bytes()
