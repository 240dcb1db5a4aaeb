"""`hf-textclf push`, from a trained folder to the Hub and back."""

import json
import re
import subprocess
import sys

import torch
import yaml
from huggingface_hub import EvalResult, ModelCard, hf_hub_download
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from hf_textclf.cli.main import main
from tests.helpers.loopback import STRANGER, WRITER
from tests.helpers.push_command import REPO, error_line
from tests.helpers.saved import save_model

CODE = {"configuration_lstm.py", "layers_lstm.py", "modeling_lstm.py"}
# loads a repository without the plugin, as somebody who has never heard of it
STRANGERS_CODE = """
import sys
from transformers import AutoModelForSequenceClassification, AutoTokenizer
name, revision = sys.argv[1:]
options = {"revision": revision, "code_revision": revision, "trust_remote_code": True}
model = AutoModelForSequenceClassification.from_pretrained(name, **options).eval()
tokenizer = AutoTokenizer.from_pretrained(name, **options)
print(model(**tokenizer("很好吃", return_tensors="pt")).logits.tolist())
assert "hf_textclf" not in sys.modules
"""


def logits_of(name, **options):
    model = AutoModelForSequenceClassification.from_pretrained(name, **options).eval()
    batch = AutoTokenizer.from_pretrained(name, **options)("很好吃", return_tensors="pt")
    with torch.no_grad():
        return model(**batch).logits


def test_what_arrives(hub, model_folder, push, tmp_path):
    (model_folder / "errors.csv").write_text("text\nsomebody's private letter\n")
    (model_folder / "document.json").write_text("{}")
    save_file({"idf": torch.ones(3)}, model_folder / "document.safetensors")
    before = {path.name: path.read_bytes() for path in model_folder.iterdir() if path.is_file()}
    code, out, _ = push()
    assert code == 0 and out.startswith(f"pushed to {hub.url}/{REPO}/commit/")
    stay = {"errors.csv"}
    assert set(hub.files(REPO)) == set(before) - stay | {".gitattributes", "handler.py"} and CODE <= set(before)
    for name in set(before) - stay - {"README.md", "run_config.yaml"}:
        assert hub.read(REPO, name) == before[name], name
    sent = yaml.safe_load(hub.read(REPO, "run_config.yaml"))
    kept = yaml.safe_load(before["run_config.yaml"])
    assert kept["dataset"].startswith("/") and sent == kept | {"dataset": "opinions.csv"}
    assert {path.name: path.read_bytes() for path in model_folder.iterdir() if path.is_file()} == before
    # its card goes by the name that others load it by
    assert main(["card", str(model_folder), "--repo", REPO]) == 0
    assert hub.read(REPO, "README.md") == (model_folder / "README.md").read_bytes() != before["README.md"]
    # neither token nor folder of this machine lies in what the Hub keeps
    for path in hub.storage.root.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert WRITER.encode() not in content and str(tmp_path.parent).encode() not in content
            assert b"private letter" not in content


def test_round_trip(hub, model_folder, push, opinions_model, monkeypatch):
    push()
    expected = logits_of(opinions_model)
    assert torch.equal(logits_of(REPO), expected)
    commit = hub.storage.repository("model", REPO).resolve("main")
    command = [sys.executable, "-c", STRANGERS_CODE, REPO, commit]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=model_folder.parent)
    assert done.returncode == 0, done.stderr
    assert torch.allclose(torch.tensor(json.loads(done.stdout)), expected, atol=1e-6)
    assert WRITER not in done.stdout + done.stderr


def test_push_again_sends_nothing(hub, push):
    push()
    before = hub.storage.repository("model", REPO).resolve("main")
    hub.requests.clear()
    assert push()[0] == 0
    assert hub.count("^PUT ") == hub.count("/commit/") == 0
    assert hub.storage.repository("model", REPO).resolve("main") == before


def test_what_people_wrote_stays(hub, api, model_folder, push):
    push()
    card = ModelCard.load(REPO)
    card.data.tags.append("restaurants")
    card.data.thumbnail = "picture.png"
    card.data.pipeline_tag = "text-generation"
    card.text = "\n# My own words\n\nTrained with love.\n"
    # with the line ends that the editor of the Hub may send
    edited = str(card).replace("\n", "\r\n").encode()
    api.upload_file(path_or_fileobj=edited, path_in_repo="README.md", repo_id=REPO)
    with (model_folder / "README.md").open("a") as file:
        file.write("\nfigures of the second run\n")
    assert push()[0] == 0
    merged = ModelCard(hub.read(REPO, "README.md").decode())
    assert merged.text == card.text
    assert merged.data.thumbnail == "picture.png" and merged.data.license == "apache-2.0"
    # what is ours is ours again
    assert merged.data.pipeline_tag == "text-classification"
    assert merged.data.tags == ["text-classification", "hf-textclf", "textclf_lstm", "restaurants"]


def test_marked_sections_are_renewed(hub, api, push):
    push()
    ours = hub.read(REPO, "README.md").decode()
    use, results = (re.search(rf"<!-- hf-textclf:{name} -->.*?<!-- /hf-textclf:{name} -->\n", ours, re.DOTALL)[0]
                    for name in ("use", "results"))  # fmt: skip
    edited = ours.replace(use, "").replace(results, "Words.\n" + results.replace("|", "?") + "More words.\n")
    api.upload_file(path_or_fileobj=edited.encode(), path_in_repo="README.md", repo_id=REPO)
    push()
    # renewed where it stands; taken out, it stays out
    expected = ours.replace(use, "").replace(results, f"Words.\n{results}More words.\n")
    assert hub.read(REPO, "README.md").decode() == expected


def test_nothing_untrue_is_left_of_a_model_of_another_family(hub, api, model_folder, push):
    """Metadata, code and pictures; what people added stays."""
    push()
    card = ModelCard.load(REPO)
    card.data.base_model, card.data.datasets, card.data.language = "you/base", ["you/data"], "zh"
    card.data.tags.append("restaurants")
    card.data.eval_results.append(
        EvalResult("text-classification", "glue", "GLUE", "accuracy", 0.5, task_name="Their own", metric_name="theirs")
    )
    card.push_to_hub(REPO)
    api.upload_file(path_or_fileobj=b"old", path_in_repo="test_curves.png", repo_id=REPO)
    api.upload_file(path_or_fileobj=b"theirs", path_in_repo="team.png", repo_id=REPO)
    save_model(model_folder, "bert", "multi_label_classification")
    (model_folder / "eval_results.json").unlink()
    assert main(["card", str(model_folder), "--license", "mit"]) == 0
    push()
    data = ModelCard.load(REPO).data
    assert data.base_model is data.datasets is data.language is data.metrics is None
    assert data.tags == ["text-classification", "hf-textclf", "bert", "restaurants"]
    [result] = data.eval_results
    assert (result.metric_name, result.metric_value) == ("theirs", 0.5)
    left = set(hub.files(REPO))
    assert "team.png" in left and not left & {*CODE, "test_curves.png", "eval_results.json"}


def test_files_of_a_former_model_go(hub, api, push):
    push()
    for name in ("model-00001-of-00002.safetensors", "document.json", "notes.md"):
        api.upload_file(path_or_fileobj=b"old", path_in_repo=name, repo_id=REPO)
    push()
    assert "notes.md" in hub.files(REPO)
    assert not {"model-00001-of-00002.safetensors", "document.json"} & set(hub.files(REPO))


def test_private(hub, api, push):
    assert push("--private")[0] == 0 and api.model_info(REPO).private
    api.create_repo("you/public")
    code, _, err = push("--private", repo="you/public")
    assert code == 2 and "is public, expected private" in error_line(err)
    assert hub.files("you/public") == [".gitattributes"]


def test_branch(hub, push):
    assert push("--revision", "second")[0] == 0
    assert hub.files(REPO) == [".gitattributes"] and "model.safetensors" in hub.files(REPO, revision="second")


def test_pull_request(hub, api, push, monkeypatch):
    api.create_repo(REPO)
    # somebody who may not write may propose
    monkeypatch.setenv("HF_TOKEN", STRANGER)
    code, out, _ = push("--create-pr")
    assert code == 0 and out == f"pushed to {hub.url}/{REPO}/discussions/1\n"
    assert hub.files(REPO) == [".gitattributes"] and "model.safetensors" in hub.files(REPO, revision="refs/pr/1")


def test_dry_run_sends_nothing(hub, model_folder, push, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    (model_folder / "checkpoint-9").mkdir()
    code, out, _ = push("--dry-run")
    assert code == 0 and hub.requests == []
    size = (model_folder / "model.safetensors").stat().st_size
    assert f"{size:,} bytes  model.safetensors\n" in out and "checkpoint-9/" in out
    assert main(["card", str(model_folder), "--repo", REPO]) == 0
    assert out.endswith((model_folder / "README.md").read_text() + "\n")


def test_weights_arrive_bit_for_bit(hub, model_folder, push):
    push()
    ours, theirs = load_file(model_folder / "model.safetensors"), load_file(hf_hub_download(REPO, "model.safetensors"))
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)
