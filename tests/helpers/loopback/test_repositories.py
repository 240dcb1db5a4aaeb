"""The loopback Hub, judged by the real client alone: refs, pull requests, cards, Spaces."""

import pytest
from huggingface_hub import EvalResult, ModelCard, ModelCardData, metadata_update
from huggingface_hub.errors import HfHubHTTPError, RevisionNotFoundError

from tests.helpers.loopback import READER, STRANGER


@pytest.fixture
def model(api):
    api.create_repo("you/model")
    return api.upload_file(path_or_fileobj=b"one", path_in_repo="a.txt", repo_id="you/model")


def test_branches_and_tags(hub, api, model):
    api.create_branch("you/model", branch="feature/one")
    with pytest.raises(HfHubHTTPError):
        api.create_branch("you/model", branch="feature/one")
    api.create_branch("you/model", branch="feature/one", exist_ok=True)
    api.create_tag("you/model", tag="v1", tag_message="first")
    moved = api.upload_file(path_or_fileobj=b"two", path_in_repo="a.txt", repo_id="you/model", revision="feature/one")
    refs = api.list_repo_refs("you/model")
    assert {ref.name: ref.target_commit for ref in refs.branches} == {"main": model.oid, "feature/one": moved.oid}
    assert [(ref.name, ref.target_commit) for ref in refs.tags] == [("v1", model.oid)]
    assert hub.read("you/model", "a.txt", revision="v1") == b"one"
    assert [commit.commit_id for commit in api.list_repo_commits("you/model", revision="feature/one")][:2] == [
        moved.oid,
        model.oid,
    ]
    with pytest.raises(HfHubHTTPError):
        api.upload_file(path_or_fileobj=b"no", path_in_repo="a.txt", repo_id="you/model", revision="v1")
    api.delete_tag("you/model", tag="v1")
    api.delete_branch("you/model", branch="feature/one")
    with pytest.raises(RevisionNotFoundError):
        api.model_info("you/model", revision="v1")


def test_pull_requests(hub, api, model):
    # a stranger may propose what he may not commit
    upload = {"path_in_repo": "b.txt", "repo_id": "you/model", "create_pr": True}
    proposed = api.upload_file(path_or_fileobj=b"new", token=STRANGER, **upload)
    assert proposed.pr_num == 1 and hub.files("you/model") == [".gitattributes", "a.txt"]
    assert hub.read("you/model", "b.txt", revision="refs/pr/1") == b"new"
    shown = api.get_discussion_details("you/model", 1)
    assert shown.is_pull_request and shown.author == "stranger" and shown.status == "open"
    api.merge_pull_request("you/model", 1)
    assert hub.read("you/model", "b.txt") == b"new" and api.get_discussion_details("you/model", 1).status == "merged"

    empty = api.create_pull_request("you/model", title="by hand")
    assert empty.num == 2 and empty.git_reference == "refs/pr/2"
    api.upload_file(path_or_fileobj=b"2", path_in_repo="c.txt", repo_id="you/model", revision="refs/pr/2")
    assert hub.read("you/model", "c.txt", revision="refs/pr/2") == b"2"
    assert [ref.name for ref in api.list_repo_refs("you/model", include_pull_requests=True).pull_requests] == [
        "1",
        "2",
    ]


def card(**changes):
    result = EvalResult("text-classification", "ag_news", "AG News", "accuracy", 0.9, dataset_split="test")
    data = {"license": "mit", "language": "en", "model_name": "model", "eval_results": [result]} | changes
    return ModelCard(f"---\n{ModelCardData(**data).to_yaml()}\n---\n# A model\n")


def test_card_is_checked_and_read_back(api, model):
    good = card()
    good.validate()
    good.push_to_hub("you/model")
    info = api.model_info("you/model")
    assert info.card_data.license == "mit"
    assert info.card_data.eval_results[0].metric_value == 0.9
    assert ModelCard.load("you/model").text.strip() == "# A model"
    metadata_update("you/model", {"pipeline_tag": "text-classification"})
    assert api.model_info("you/model").pipeline_tag == "text-classification"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"license": "my own"}, "license.* must be one of"),
        ({"language": "English"}, "ISO 639"),
        ({"base_model": "a path/with/slashes"}, "base_model.* is not valid"),
        ({"tags": [1, 2]}, "tags.* must be a string"),
    ],
)
def test_card_with_errors_is_refused(hub, api, model, changes, words):
    with pytest.raises(ValueError, match=words):
        card(**changes).validate()
    before = api.model_info("you/model").sha
    with pytest.raises(ValueError, match=words):
        card(**changes).push_to_hub("you/model")
    assert api.model_info("you/model").sha == before


def test_broken_yaml_is_refused(api, model):
    with pytest.raises(ValueError, match="YAML parse error"):
        api.upload_file(path_or_fileobj=b"---\na: [\n---\n", path_in_repo="README.md", repo_id="you/model")


def test_card_without_metadata_is_warned_about(api, model):
    with pytest.warns(UserWarning, match="empty or missing yaml metadata"):
        api.upload_file(path_or_fileobj=b"# Text alone\n", path_in_repo="README.md", repo_id="you/model")


def test_space(hub, api):
    api.create_repo(
        "you/demo",
        repo_type="space",
        space_sdk="gradio",
        space_variables=[{"key": "MODELS", "value": "you/model"}],
        space_secrets=[{"key": "HF_TOKEN", "value": "not to be read"}],
    )
    assert api.get_space_runtime("you/demo").stage == "NO_APP_FILE"
    api.delete_file("README.md", "you/demo", repo_type="space")
    assert api.get_space_runtime("you/demo").stage == "CONFIG_ERROR"
    readme = b"---\ntitle: Demo\nsdk: gradio\nsdk_version: 6.31.0\nlicense: mit\n---\n"
    api.upload_file(path_or_fileobj=readme, path_in_repo="README.md", repo_id="you/demo", repo_type="space")
    assert api.get_space_runtime("you/demo").stage == "NO_APP_FILE"
    api.upload_file(path_or_fileobj=b"pass", path_in_repo="app.py", repo_id="you/demo", repo_type="space")
    assert [api.get_space_runtime("you/demo").stage for _ in range(2)] == ["BUILDING", "RUNNING"]
    assert api.space_info("you/demo").sdk == "gradio"
    assert api.restart_space("you/demo").stage == "BUILDING"

    variables = api.add_space_variable("you/demo", "LIMIT", "10", description="texts")
    assert {key: item.value for key, item in variables.items()} == {"MODELS": "you/model", "LIMIT": "10"}
    api.delete_space_variable("you/demo", "LIMIT")
    assert set(api.get_space_variables("you/demo")) == {"MODELS"}
    api.add_space_secret("you/demo", "KEY", "not to be read")
    assert set(api.get_space_secrets("you/demo")) == {"HF_TOKEN", "KEY"}
    api.delete_space_secret("you/demo", "KEY")
    assert set(api.get_space_secrets("you/demo")) == {"HF_TOKEN"}
    assert not any(b"not to be read" in path.read_bytes() for path in hub.storage.root.rglob("*") if path.is_file())
    for token in (READER, STRANGER):
        with pytest.raises(HfHubHTTPError) as caught:
            api.add_space_variable("you/demo", "A", "b", token=token)
        assert caught.value.response.status_code == 403


def test_space_hardware_is_paid(api):
    with pytest.raises(HfHubHTTPError) as caught:
        api.create_repo("you/demo", repo_type="space", space_sdk="gradio", space_hardware="t4-medium")
    assert caught.value.response.status_code == 402
    api.create_repo("you/demo", repo_type="space", space_sdk="gradio")
    assert api.request_space_hardware("you/demo", "zero-a10g").hardware == "zero-a10g"
    with pytest.raises(HfHubHTTPError) as caught:
        api.request_space_hardware("you/demo", "a10g-small")
    assert caught.value.response.status_code == 402


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("sdk: gardio", '"sdk"'),
        ("sdk: gradio\ncolorFrom: black", '"colorFrom"'),
        ("sdk: gradio\nsdk_version: latest", '"sdk_version"'),
        ("sdk: gradio\npreload_from_hub: [you/model at main]", "preload"),
        (f"sdk: gradio\nshort_description: {'long ' * 20}", '"short_description"'),
    ],
)
def test_space_card_is_checked(api, header, words):
    api.create_repo("you/demo", repo_type="space", space_sdk="gradio")
    text = f"---\ntitle: Demo\n{header}\n---\n".encode()
    with pytest.raises(ValueError, match=words):
        api.upload_file(path_or_fileobj=text, path_in_repo="README.md", repo_id="you/demo", repo_type="space")
