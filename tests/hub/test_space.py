"""`hf-textclf space`: what arrives on the Hub, and what of it is somebody else's."""

import re

import pytest
from huggingface_hub import SpaceCard

from hf_textclf.files import bundled
from tests.helpers import ROOT
from tests.helpers.loopback import WRITER
from tests.helpers.push_command import REPO, SPACE, error_line


def files(hub):
    return set(hub.files(SPACE, kind="space"))


def read(hub, name):
    return hub.read(SPACE, name, kind="space").decode()


def readme(hub):
    return SpaceCard(read(hub, "README.md"))


def upload(api, name, text, **options):
    api.upload_file(
        path_or_fileobj=text.encode(), path_in_repo=name, **{"repo_id": SPACE, "repo_type": "space"} | options
    )


def commit_of(hub, name=REPO, kind="model"):
    return hub.storage.repository(kind, name).resolve("main")


def test_what_arrives(hub, deploy_space, tmp_path):
    code, out, _ = deploy_space()
    assert code == 0
    pushed, stage = out.splitlines()
    assert re.fullmatch(rf"pushed to {hub.url}/spaces/{SPACE}/commit/[0-9a-f]{{40}}", pushed)
    assert stage == f"BUILDING on cpu-basic; the page: {hub.url}/spaces/{SPACE}"
    app = {path.name for path in bundled("spaces_app").iterdir() if path.is_file()}
    present = files(hub)
    assert app | {"models.txt", "hf_textclf/__init__.py", "hf_textclf/models/lstm/modeling_lstm.py"} <= present
    assert not [name for name in present if "samples" in name or "__pycache__" in name or "tests" in name]
    assert read(hub, "app.py") == (bundled("spaces_app") / "app.py").read_text()
    assert read(hub, "models.txt") == f"{REPO}@{commit_of(hub)}\n"
    assert "torch==" in read(hub, "requirements.txt") and "index" not in read(hub, "requirements.txt")
    assert "jieba" not in read(hub, "requirements.txt")
    # neither token nor folder of this machine lies in what the Hub keeps
    for path in hub.storage.root.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert WRITER.encode() not in content and str(tmp_path.parent).encode() not in content


def test_the_front_matter(hub, deploy_space):
    deploy_space()
    data = readme(hub).data.to_dict()
    template = SpaceCard((bundled("spaces_app") / "README.md").read_text()).data.to_dict()
    assert {key: data[key] for key in template} | {"short_description": template["short_description"]} == template
    assert data["models"] == [REPO] and data["short_description"] == "Texts read by model"
    assert "python_version: '3.11'" in read(hub, "README.md")
    assert f"gradio=={data['sdk_version']}\n" in read(hub, "requirements.txt")
    (preloaded,) = data["preload_from_hub"]
    name, wanted, commit = preloaded.split()
    assert (name, commit) == (REPO, commit_of(hub))
    # weights, tokenizer and what the page tells of the model, but no code
    wanted = set(wanted.split(","))
    assert {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "README.md"} <= wanted
    assert wanted <= set(hub.files(REPO)) and not [name for name in wanted if name.endswith(".py")]
    text = readme(hub).text
    assert f"{hub.url}/{REPO}/tree/{commit}" in text and f'Client("{SPACE}")' in text


def test_pins_are_those_of_the_tests():
    pins = (bundled("spaces_app") / "requirements.txt").read_text().split()
    tested = (ROOT / "constraints.txt").read_text().splitlines()
    assert set(pins) <= set(tested) and all("==" in pin for pin in pins)


def test_models_at_revisions(hub, api, push, deploy_space):
    first = commit_of(hub)
    api.create_tag(REPO, tag="v1")
    upload(api, "notes.md", "newer", repo_id=REPO, repo_type="model")
    push(repo="you/other")
    assert deploy_space(models=(f"{REPO}@v1", REPO, "you/other"))[0] == 0
    expected = [f"{REPO}@{first}", f"{REPO}@{commit_of(hub)}", f"you/other@{commit_of(hub, 'you/other')}"]
    assert read(hub, "models.txt").splitlines() == expected
    assert readme(hub).data.models == [REPO, "you/other"]
    assert [entry.split()[-1] for entry in readme(hub).data.preload_from_hub] == [
        source.split("@")[1] for source in expected
    ]


def test_again_sends_nothing(hub, deploy_space):
    deploy_space()
    before = commit_of(hub, SPACE, "space")
    hub.requests.clear()
    assert deploy_space()[0] == 0
    assert hub.count("/commit/") == 0 and commit_of(hub, SPACE, "space") == before


def test_what_people_wrote_stays(hub, api, deploy_space):
    deploy_space()
    card = readme(hub)
    card.data.title, card.data.emoji, card.data.tags, card.data.pinned = "My page", "🦘", ["news"], True
    card.data.sdk_version, card.data.python_version = "5.0.0", "3.10"
    card.text = "\nMy own words.\n" + card.text + "More of them.\n"
    upload(api, "README.md", str(card))
    for name in ("notes.md", "hf_textclf/gone.py", "hf_textclf/notes.txt", "mine.py"):
        upload(api, name, "# old")
    upload(api, "app.py", "print('of an older release')")
    upload(api, "notes.md", "a newer commit", repo_id=REPO, repo_type="model")
    assert deploy_space()[0] == 0
    # the page is ours, and so are modules of the package; the rest is theirs
    assert "older release" not in read(hub, "app.py") and "hf_textclf/gone.py" not in files(hub)
    assert {"notes.md", "hf_textclf/notes.txt", "mine.py"} <= files(hub)
    merged = readme(hub)
    assert (merged.data.title, merged.data.emoji, merged.data.tags) == ("My page", "🦘", ["news"])
    assert merged.data.pinned is True
    assert merged.data.python_version == "3.11" and merged.data.sdk_version != "5.0.0"
    assert merged.text.startswith("\nMy own words.\n") and merged.text.endswith("More of them.\n")
    newest = commit_of(hub)
    assert newest in merged.text and newest in merged.data.preload_from_hub[0] and newest in read(hub, "models.txt")


def test_somebody_elses_app_stays(hub, api, deploy_space):
    api.create_repo(SPACE, repo_type="space", space_sdk="gradio")
    upload(api, "app.py", "print('my own')")
    code, _, err = deploy_space()
    assert code == 2 and "another app" in error_line(err) and read(hub, "app.py") == "print('my own')"


def test_zero_gpu(hub, deploy_space):
    """It brings some packages, and knows Python 3.12 but not 3.11; a later update without the flag stays there."""
    assert deploy_space("--hardware", "zero-a10g")[1].splitlines()[1].startswith("BUILDING on zero-a10g;")
    for _ in range(2):
        pinned = read(hub, "requirements.txt")
        assert "transformers==" in pinned and not re.search("^(torch|gradio|huggingface_hub)", pinned, re.MULTILINE)
        assert readme(hub).data.python_version == "3.12" and readme(hub).data.sdk_version.startswith("6.")
        assert deploy_space()[0] == 0
    assert deploy_space("--hardware", "cpu-basic")[0] == 0
    assert "torch==" in read(hub, "requirements.txt") and readme(hub).data.python_version == "3.11"


def test_words_of_jieba_need_jieba(hub, model_folder, push, deploy_space):
    path = model_folder / "tokenizer_config.json"
    path.write_text(path.read_text().replace("{", '{"segmenter": "jieba",', 1))
    push()
    assert deploy_space()[0] == 0 and "jieba==" in read(hub, "requirements.txt")


def test_private(hub, api, push, deploy_space, caplog):
    push("--private", repo="you/secret")
    code, _, _ = deploy_space("--private", models=("you/secret",))
    assert code == 0 and api.space_info(SPACE).private
    # nobody could fetch it while the Space is built
    assert readme(hub).data.to_dict().get("preload_from_hub") is None and readme(hub).data.models == ["you/secret"]
    assert "secret HF_TOKEN" in caplog.text


def test_a_private_name_does_not_stand_in_public(hub, api, push, deploy_space):
    push("--private", repo="you/secret")
    for flags in (("--dry_run",), ()):
        code, _, err = deploy_space(*flags, models=(REPO, "you/secret"))
        assert code == 2 and "you/secret is private, and a public Space would show its name" in error_line(err)
    assert not (hub.storage.root / "space").exists()
    api.create_repo(SPACE, repo_type="space", space_sdk="gradio", private=True)
    assert deploy_space(models=(REPO, "you/secret"))[0] == 0


def test_the_build_is_seen(hub, api, deploy_space):
    deploy_space()
    assert api.get_space_runtime(SPACE).stage == "RUNNING"


def test_dry_run_sends_nothing(hub, deploy_space, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    code, out, _ = deploy_space("--dry_run")
    assert code == 0 and {method for method, _, _ in hub.requests} <= {"GET", "HEAD"}
    assert " bytes  app.py\n" in out and f"{REPO} " in out and "sdk_version" in out
    assert not (hub.storage.root / "space").exists()


@pytest.mark.parametrize("failure", [{"status": 503}, {"drop": True}])
@pytest.mark.parametrize(
    "place", [f"/api/models/{REPO}", "/api/repos/create", f"/api/spaces/{SPACE}/runtime", "/commit/"]
)
def test_passing_trouble_is_no_trouble(hub, deploy_space, no_waiting, place, failure):
    hub.fail(place, **failure)
    assert deploy_space()[0] == 0 and "models.txt" in files(hub)
    assert no_waiting == [1.0]


def test_half_a_page_is_never_there(hub, deploy_space, no_waiting, monkeypatch):
    """`HfApi.upload_folder`, where Xet is installed, sends what fails as one commit in several."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", False)
    hub.fail("/commit/", status=503, times=6)
    assert deploy_space()[0] == 2 and "models.txt" not in files(hub) and "app.py" not in files(hub)
    assert hub.count("/commit/") == 3
