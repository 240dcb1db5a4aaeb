"""What `hf-textclf push` refuses, and what it says when the Hub refuses or breaks."""

import json

import pytest
import torch
from huggingface_hub import HfApi
from safetensors.torch import load_file, save_file

from hf_textclf.hub import errors
from tests.helpers.loopback import READER, STRANGER
from tests.helpers.push_command import REPO, error_line


def change_config(**changes):
    def change(folder):
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


def remove(name):
    return lambda folder: (folder / name).unlink()


def write(name, text):
    return lambda folder: (folder / name).write_text(text)


def cut(name):
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-100])


def weights(value):
    def change(folder):
        path = folder / "model.safetensors"
        save_file({name: value(name, tensor).clone() for name, tensor in load_file(path).items()}, path)

    return change


def shards(folder):
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    shard_of = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shard_of}))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (remove("config.json"), "no config.json"),
        (write("config.json", "{"), "is broken"),
        (write("linear_config.json", "{}"), "linear model"),
        (remove("model.safetensors"), "model.safetensors"),
        (cut("model.safetensors"), "model.safetensors"),
        (shards, "model-00002-of-00002.safetensors"),
        (remove("tokenizer.json"), "no tokenizer.json"),
        (remove("tokenizer_config.json"), "no tokenizer_config.json"),
        (remove("README.md"), "model card"),
        (write("README.md", "---\nlibrary_name: transformers\n---\n"), "license is not given"),
        (write("README.md", "no metadata"), "license is not given"),
        (write("README.md", "---\nlicense: other\n---\n"), "--license_name"),
        (write("README.md", "---\nlicense: [\n---\n"), "metadata cannot be read"),
        (write("README.md", f"---\nlicense: mit\n---\nhf_{'a1' * 17}\n"), "README.md holds what looks like an access"),
        (write("run_config.yaml", f"hub_token: hf_{'a1' * 17}\n"), "run_config.yaml holds what looks like an access"),
        (remove("modeling_lstm.py"), "modeling_lstm.py"),
        (write("layers_lstm.py", "import torch\n"), "is not the file of the installed hf-textclf"),
        (cut("tokenizer.json"), "tokenizer"),
        (cut("modeling_lstm.py"), "modeling_lstm.py"),
        (weights(lambda name, tensor: tensor * torch.nan), "nan or infinity"),
        (weights(lambda name, tensor: tensor[:1]), "cannot load a model"),
        (change_config(hidden_size=8), "cannot load a model"),
        (change_config(vocab_size=10**12), "network of"),
        # not named by auto_map, but imported by what is
        (remove("layers_lstm.py"), "layers_lstm.py"),
        (change_config(id2label={"0": "good", "1": "LABEL_1"}), "LABEL_1"),
        (change_config(id2label=None), "LABEL_0"),
    ],
)
def test_folder_that_is_not_fit(hub, model_folder, push, change, words):
    change(model_folder)
    code, out, err = push()
    assert code == 2 and out == "" and words in error_line(err)
    assert hub.requests == []


@pytest.mark.parametrize("missing", ["licence", "token"])
def test_what_is_missing_is_asked_for_before_any_work(hub, model_folder, push, monkeypatch, missing):
    if missing == "token":
        monkeypatch.delenv("HF_TOKEN")
    else:
        write("README.md", "---\nlibrary_name: transformers\n---\n")(model_folder)
    before = {path: path.read_bytes() for path in model_folder.rglob("*") if path.is_file()}
    code, _, err = push("--with_onnx", *(["--license", "mit"] if missing == "token" else []))
    assert code == 2 and ("hf auth login" if missing == "token" else "--license apache-2.0") in error_line(err)
    assert {path: path.read_bytes() for path in model_folder.rglob("*") if path.is_file()} == before
    assert not (model_folder / "onnx").exists() and hub.requests == []


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--license", "foo-1"], "apache-2.0, mit"),
        (["--license", "Apache 2.0"], "did you mean apache-2.0"),
        (["--license", "gpl3"], "gpl-3.0"),
        (["--license", "other"], "--license_name"),
        (["--license", "mit", "--license_name", "mine"], "drop --license_name"),
        (["--language", "Chinese"], "ISO 639"),
    ],
)
def test_what_is_said_of_the_model(hub, model_folder, push, flags, words):
    before = (model_folder / "README.md").read_bytes()
    code, _, err = push(*flags)
    assert code == 2 and words in error_line(err) and hub.requests == []
    assert (model_folder / "README.md").read_bytes() == before


@pytest.mark.parametrize("repo", ["model", "you/a/b", "https://huggingface.co/you/model", "you/"])
def test_name_of_the_repository(hub, push, repo):
    code, _, err = push(repo=repo)
    assert code == 2 and "you/name" in error_line(err) and hub.requests == []


def test_no_token(hub, push, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    code, _, err = push()
    assert code == 2 and "hf auth login" in error_line(err) and hub.requests == []


@pytest.mark.parametrize(
    ("token", "words"),
    [("hf_nobody", "settings/tokens"), (READER, "--create_pr"), (STRANGER, "may not write to you/")],
)
def test_token_of_somebody_else(hub, push, monkeypatch, token, words):
    monkeypatch.setenv("HF_TOKEN", token)
    code, _, err = push()
    assert code == 2 and words in error_line(err) and token not in err


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "correct what it names"),
        (401, "hf auth login"),
        (402, "settings/billing"),
        (403, "may not write to you/model"),
        (409, "under way"),
        (412, "somebody changed you/model"),
        (429, "wait a few minutes"),
        (500, "status.huggingface.co"),
        (503, "status.huggingface.co"),
    ],
)
def test_refusal_has_its_remedy(hub, push, no_waiting, status, words):
    hub.fail("/commit/", status=status, times=-1, message="the Hub's own words, hf_secretsecretsecret")
    code, out, err = push()
    line = error_line(err)
    assert code == 2 and out == "" and words in line and f"{status}: the Hub's own words" in line
    assert "hf_secret" not in err


def test_payment_before_anything_is_made(hub, push):
    hub.fail("/api/repos/create", status=402, message="a paid plan is needed")
    code, _, err = push("--private")
    assert code == 2 and "without --private" in error_line(err) and "a paid plan is needed" in err


def test_answer_of_a_proxy(hub, push):
    hub.fail("/api/validate-yaml", status=502, body=b"<html>Bad Gateway</html>", times=-1)
    code, _, err = push()
    assert code == 2 and "proxy" in error_line(err) and hub.files(REPO) == [".gitattributes"]


def test_refused_card(hub, model_folder, push):
    (model_folder / "README.md").write_text("---\nlicense: my own\n---\n")
    code, _, err = push()
    assert code == 2 and "license" in error_line(err) and "---" in error_line(err)
    assert hub.files(REPO) == [".gitattributes"]


@pytest.mark.parametrize(
    "failure", [{"status": 503}, {"status": 429, "headers": {"Retry-After": "3"}}, {"drop": True}]
)
@pytest.mark.parametrize(
    "place", ["/api/repos/create", "/api/validate-yaml", "/api/models/you/model/revision", "/commit/"]
)
def test_passing_trouble_is_no_trouble(hub, push, no_waiting, place, failure):
    hub.fail(place, **failure)
    assert push()[0] == 0
    assert "model.safetensors" in hub.files(REPO)
    assert no_waiting == ([3.0] if "headers" in failure else [1.0])


def test_the_hub_says_how_long_to_wait(hub, push, no_waiting):
    hub.fail("/api/repos/create", status=429, headers={"RateLimit": '"api";r=0;t=55'})
    assert push()[0] == 0 and no_waiting == [55.0]


def test_commit_whose_answer_was_lost_is_not_made_twice(hub, push, no_waiting):
    hub.fail("/commit/", sent=3)
    assert push()[0] == 0
    assert len(list(hub.storage.repository("model", REPO).history(commit(hub)))) == 2


def commit(hub):
    return hub.storage.repository("model", REPO).resolve("main")


def test_pull_request_is_not_opened_twice(hub, api, push, no_waiting):
    api.create_repo(REPO)
    hub.fail("/commit/", sent=3)
    code, _, err = push("--create_pr")
    assert code == 2 and "no connection" in error_line(err)
    assert len(hub.storage.repository("model", REPO).state["discussions"]) == 1


def test_edit_at_the_same_moment_is_kept(hub, api, model_folder, push, no_waiting, monkeypatch):
    """Somebody edits the card after it was read and before the commit."""
    push()
    (model_folder / "eval_results.json").write_text("{}")
    edited = hub.read(REPO, "README.md") + b"\nat the last moment\n"
    download = HfApi.hf_hub_download

    def and_edit(*arguments, **options):
        path = download(*arguments, **options)
        if not no_waiting:
            api.upload_file(path_or_fileobj=edited, path_in_repo="README.md", repo_id=REPO)
        return path

    monkeypatch.setattr(HfApi, "hf_hub_download", and_edit)
    assert push()[0] == 0 and no_waiting == [0.0]
    assert (
        hub.read(REPO, "README.md").endswith(b"at the last moment\n") and hub.read(REPO, "eval_results.json") == b"{}"
    )


def test_interrupted_push_is_run_again(hub, push, no_waiting):
    hub.fail("^PUT /lfs-store/", status=500, after=1000, times=-1)
    code, _, err = push()
    assert code == 2 and "run the same command again" in error_line(err)
    assert hub.files(REPO) == [".gitattributes"]
    hub.failures.clear()
    assert push()[0] == 0 and "model.safetensors" in hub.files(REPO)


def test_damaged_file(hub, push):
    hub.fail("^PUT /lfs-store/", corrupt=True)
    code, _, err = push()
    assert code == 2 and "arrived damaged" in error_line(err) and hub.files(REPO) == [".gitattributes"]
    assert push()[0] == 0


def test_other_way_of_sending_large_files(hub, push, monkeypatch):
    """By default the client sends them through Xet, whose errors are of another kind; this Hub does not know it."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", False)
    code, _, err = push()
    assert code == 2 and "the upload broke off" in error_line(err) and hub.count("xet-write-token") > 0
    assert hub.files(REPO) == [".gitattributes"]


def test_hub_that_does_not_answer(hub, push, no_waiting, monkeypatch):
    monkeypatch.setattr(errors, "TIMEOUT", 0.2)
    hub.fail("/api/repos/create", seconds=1, times=-1)
    code, _, err = push()
    assert code == 2 and "did not answer within 0.2 seconds" in error_line(err)


def test_no_hub_at_all(hub, push, no_waiting):
    hub.close()
    code, _, err = push()
    assert code == 2 and f"no connection to {hub.url}" in error_line(err)


def test_offline(hub, push, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    code, _, err = push()
    assert code == 2 and "unset it" in error_line(err)


def test_pull_request_to_nowhere(hub, push):
    code, _, err = push("--create_pr")
    assert code == 2 and "is not there" in error_line(err)
