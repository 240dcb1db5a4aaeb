"""What `hf-textclf space` refuses, and what it says when the Hub refuses."""

import json

import pytest

from tests.helpers.loopback import READER, STRANGER
from tests.helpers.push_command import REPO, SPACE, error_line


def nothing_made(hub):
    return not (hub.storage.root / "space").exists() and hub.count("/commit/") == 0


def change_config(api, hub, **changes):
    config = json.loads(hub.read(REPO, "config.json")) | changes
    api.upload_file(path_or_fileobj=json.dumps(config).encode(), path_in_repo="config.json", repo_id=REPO)


@pytest.mark.parametrize(
    ("models", "words"),
    [
        (["you/none"], "you/none is not there"),
        (["you/none"], "correct --models"),
        ([f"{REPO}@v9"], f"{REPO} has no such revision"),
        ([REPO, f"{REPO}@main"], "twice"),
        (["you/model/at"], "expected you/name or you/name@REVISION"),
        (["model"], "neither a folder nor a model on the Hub"),
    ],
)
def test_models_that_are_not_there(hub, deploy_space, models, words):
    code, out, err = deploy_space(models=models)
    assert code == 2 and out == "" and words in error_line(err) and nothing_made(hub)


def test_what_nobody_in_particular_may_not_see(deploy_space, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    code, _, err = deploy_space("--dry_run", models=("you/none",))
    assert code == 2 and "is not there or not yours to see" in error_line(err)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id2label": None, "label2id": None}, "calls a label LABEL_0"),
        ({"architectures": ["LSTMForCausalLM"]}, "holds LSTMForCausalLM, expected a text classifier"),
        ({"model_type": "no_such_type", "auto_map": {}}, "no_such_type"),
        # its code would have to be trusted
        ({"model_type": "no_such_type"}, "cannot load a model"),
    ],
)
def test_models_that_the_page_cannot_show(hub, api, deploy_space, changes, words):
    change_config(api, hub, **changes)
    hub.requests.clear()
    code, _, err = deploy_space()
    assert code == 2 and words in error_line(err) and nothing_made(hub)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_models_that_are_not_whole(hub, api, deploy_space, name):
    api.delete_file(name, REPO)
    hub.requests.clear()
    code, _, err = deploy_space()
    assert code == 2 and f"{REPO} has no {name}" in error_line(err) and nothing_made(hub)


def test_a_folder_is_no_model_of_a_space(hub, model_folder, deploy_space):
    code, _, err = deploy_space(models=(str(model_folder),))
    assert code == 2 and "`hf-textclf push`" in error_line(err) and "--local" in err and hub.requests == []


def test_a_folder_that_is_not_fit(model_folder, deploy_space):
    (model_folder / "model.safetensors").unlink()
    code, _, err = deploy_space("--local", models=(str(model_folder),))
    assert code == 2 and "model.safetensors" in error_line(err)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--repo", "demo"], "expected the form you/name"),
        ([], "repo is not given"),
        (["--local", "--hardware", "zero-a10g"], "is the Hub's"),
        (["--repo", SPACE, "--output_dir", "out"], "goes with --local"),
    ],
)
def test_flags(hub, run_command, flags, words):
    code, _, err = run_command("space", "--models", REPO, *flags)
    assert code == 2 and words in error_line(err) and hub.requests == []


def test_no_token(hub, deploy_space, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    code, _, err = deploy_space()
    assert code == 2 and "hf auth login" in error_line(err) and hub.requests == []


@pytest.mark.parametrize(
    ("token", "words"),
    [("hf_nobody", "settings/tokens"), (READER, "not write to"), (STRANGER, f"not write to {SPACE}")],
)
def test_token_of_somebody_else(hub, deploy_space, monkeypatch, token, words):
    monkeypatch.setenv("HF_TOKEN", token)
    code, _, err = deploy_space()
    assert code == 2 and words in error_line(err) and "create_pr" not in err and token not in err


def test_paid_hardware_of_a_new_space(hub, deploy_space):
    code, _, err = deploy_space("--hardware", "t4-small")
    line = error_line(err)
    assert code == 2 and "402" in line and f"{hub.url}/settings/billing" in line and "--local" in line
    assert nothing_made(hub)


def test_paid_hardware_of_a_space_that_is_there(hub, api, deploy_space):
    deploy_space()
    before = hub.storage.repository("space", SPACE).resolve("main")
    code, _, err = deploy_space("--hardware", "a10g-small")
    assert code == 2 and "settings/billing" in error_line(err)
    assert hub.storage.repository("space", SPACE).resolve("main") == before


def test_private_page_in_a_public_space(hub, api, deploy_space):
    api.create_repo(SPACE, repo_type="space", space_sdk="gradio")
    hub.requests.clear()
    code, _, err = deploy_space("--private")
    assert code == 2 and "is public, expected private" in error_line(err) and hub.count("/commit/") == 0


def test_edit_at_the_same_moment_is_kept(hub, api, deploy_space, no_waiting):
    """The README changes between the reading and the commit: the commit is refused, and made again."""
    deploy_space()
    api.delete_file("app.py", SPACE, repo_type="space")
    hub.fail("/commit/", status=412)
    assert deploy_space()[0] == 0 and no_waiting == [0.0]
