"""`hf-textclf push`, from a trained folder to the Hub and back."""

import json
import re
import subprocess
import sys

import pytest
import torch
import yaml
from huggingface_hub import EvalResult, ModelCard, hf_hub_download
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from hf_textclf.cli.main import main
from hf_textclf.saved_model.layout import TOKENIZER_CODE, model_digest
from hf_textclf.tokenization import encode, load_tokenizer, renew_tokenizer
from tests.helpers.loopback import STRANGER, WRITER
from tests.helpers.push_command import REPO, error_line
from tests.helpers.saved import save_model

CODE = {"configuration_lstm.py", "layers_lstm.py", "modeling_lstm.py"}
# loads a repository without the plugin, as somebody who has never heard of it
STRANGERS_CODE = """
import sys
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer
name, revision = sys.argv[1:]
options = {"revision": revision, "code_revision": revision, "trust_remote_code": True}
model = AutoModelForSequenceClassification.from_pretrained(name, **options).eval()
tokenizer = AutoTokenizer.from_pretrained(name, **options)
batch = tokenizer("很好吃", return_tensors="pt")
print(model(**batch).logits.tolist())
# the body alone, with the same weights
body = AutoModel.from_pretrained(name, **options).eval()
assert body(**batch).pooler_output.equal(model.lstm(**batch).pooler_output)
assert "hf_textclf" not in sys.modules
"""


def logits_of(name, **options):
    model = AutoModelForSequenceClassification.from_pretrained(name, **options).eval()
    batch = AutoTokenizer.from_pretrained(name, **options)("很好吃", return_tensors="pt")
    with torch.no_grad():
        return model(**batch).logits


def measured_anew(folder):
    """Let the figures in a folder be those of the weights that lie there now."""
    results = json.loads((folder / "eval_results.json").read_text())
    (folder / "eval_results.json").write_text(json.dumps(results | {"model_digest": model_digest(folder)}))


def test_chinese_words_travel(hub, model_folder, push, monkeypatch):
    """The class that finds them goes along, also where an older version saved the folder; endpoints get jieba."""
    tokenizer = load_tokenizer(str(model_folder))
    tokenizer.init_kwargs["segmenter"] = "jieba"
    # as an older version did
    tokenizer.save_pretrained(model_folder)
    assert push()[0] == 0
    assert set(TOKENIZER_CODE) <= set(hub.files(REPO))
    assert hub.read(REPO, "requirements.txt") == b"jieba>=0.42.1,<0.43\n"
    texts = ["这家酒店的服务很好", "很好吃"]
    stranger = AutoTokenizer.from_pretrained(REPO)
    assert dict(stranger(texts, truncation=True)) == encode(tokenizer, texts)
    # people's own file goes in its place
    (model_folder / "requirements.txt").write_text("jieba\nother\n")
    assert push()[0] == 0 and hub.read(REPO, "requirements.txt") == b"jieba\nother\n"


def test_what_arrives(hub, model_folder, push, tmp_path):
    (model_folder / "errors.csv").write_text("text\nsomebody's private letter\n")
    (model_folder / "document.json").write_text('{"document_strategy": "windows"}')
    save_file({"idf": torch.ones(301)}, model_folder / "document.safetensors")
    renew_tokenizer(model_folder)
    measured_anew(model_folder)
    before = {path.name: path.read_bytes() for path in model_folder.iterdir() if path.is_file()}
    code, out, _ = push()
    assert code == 0 and out.startswith(f"pushed to {hub.url}/{REPO}/commit/")
    # whoever has a text could tell by its digest whether the model has seen it
    stay = {"errors.csv", "seen_texts.safetensors"}
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


def test_figures_and_pictures_of_other_weights_stay(hub, model_folder, push, caplog):
    stale = {"eval_results.json", "measured.json", "test_confusion.png", "reliability.png"}
    for name in sorted(stale - {"eval_results.json"}):
        (model_folder / name).write_text(json.dumps({"model_digest": "0" * 64, "metrics": {}, "split": "test"}))
    (model_folder / "chart.png").write_bytes(b"mine")
    weights = load_file(model_folder / "model.safetensors")
    save_file(
        {name: 2 * tensor for name, tensor in weights.items()}, model_folder / "model.safetensors", {"format": "pt"}
    )
    assert push()[0] == 0
    assert {"chart.png", "model.safetensors"} <= set(hub.files(REPO)) and stale.isdisjoint(hub.files(REPO))
    assert all(name in caplog.text for name in stale) and "chart.png" not in caplog.text
    assert caplog.text.count("of other weights or another config.json") == 1
    assert "Not measured." in hub.read(REPO, "README.md").decode()


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
    for flags in ((), ("--create_pr",)):
        code, out, _ = push(*flags)
        assert code == 0 and out == f"{REPO} holds all of it already; nothing was sent\n"
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


def edit_card(api, edit):
    """Change the card on the Hub as a person would."""
    before = ModelCard.load(REPO).content
    assert (after := edit(before)) != before
    api.upload_file(path_or_fileobj=after.encode(), path_in_repo="README.md", repo_id=REPO)
    return after


def other_figures(folder):
    """Give a folder the results of another run."""
    path = folder / "eval_results.json"
    results = json.loads(path.read_text())
    results["metrics"]["accuracy"] = 0.4321
    path.write_text(json.dumps(results | {"train_rows": 4321}))


def test_marked_sections_are_renewed(hub, api, model_folder, push):
    push()
    ours = hub.read(REPO, "README.md").decode()
    use, results = (re.search(rf"<!-- hf-textclf:{name} -->.*?<!-- /hf-textclf:{name} -->\n", ours, re.DOTALL)[0]
                    for name in ("use", "results"))  # fmt: skip
    edit_card(api, lambda card: card.replace(use, "").replace(results, f"Words.\n{results}More words.\n"))
    other_figures(model_folder)
    push()
    merged = hub.read(REPO, "README.md").decode()
    # renewed where it stands; taken out, it stays out
    assert (
        "| accuracy | 0.4321 |" in merged and "4,321 texts to learn from" in merged and "hf-textclf:use" not in merged
    )
    assert "\nWords.\n<!-- hf-textclf:results" in merged and "<!-- /hf-textclf:results -->\nMore words.\n" in merged


@pytest.mark.parametrize("mark", ["digests", "none, as of an older version"])
def test_words_between_the_marks_stay(hub, api, model_folder, push, mark):
    """The figures beside them are renewed all the same."""
    push()
    nobody = "The author has not said what this model is meant for."
    edit_card(
        api,
        lambda card: (
            re.sub("<!-- hf-textclf digests.*\n" if mark != "digests" else "$^", "", card)
            .replace(nobody, "For hotels.\n\nNot for people.")
            .replace("## Results\n", "## Results\n\nFrom one run.\n")
            .replace("- Every text gets one of", "- Beware: every text gets one of")
        ),
    )
    other_figures(model_folder)
    for _ in range(2):
        assert push()[0] == 0
        merged = hub.read(REPO, "README.md").decode()
        assert "limits\n\nFor hotels.\n\nNot for people.\n<!-- /hf-textclf:prose" in merged and nobody not in merged
        assert "## Results\n\nFrom one run.\n" in merged and "- Beware: every text gets one of" in merged
        assert merged.count("| accuracy |") == 1 and "| accuracy | 0.4321 |" in merged
        assert merged.count("## Results") == merged.count("## Training") == 1


def test_words_that_the_author_gave_outlive_a_folder_without(hub, model_folder, push, tmp_path):
    """And give way to others from the author, where nobody changed them on the Hub."""
    plain = (model_folder / "README.md").read_bytes()
    for words in ("For hotels.", "For restaurants."):
        (tmp_path / "about.md").write_text(words)
        assert main(["card", str(model_folder), "--prose", str(tmp_path / "about.md")]) == 0 and push()[0] == 0
        (model_folder / "README.md").write_bytes(plain)
        push()
        assert words in hub.read(REPO, "README.md").decode()
    assert "For hotels." not in hub.read(REPO, "README.md").decode()


def test_keys_that_people_corrected_stay(hub, api, model_folder, push, caplog):
    push("--language", "zh")
    edit_card(api, lambda card: card.replace("license: apache-2.0", "license: mit").replace("- hf-textclf\n", "- a\n"))
    assert push()[0] == 0 and "license of the card on the Hub was changed there" in caplog.text
    data = ModelCard.load(REPO).data
    assert (data.license, data.language) == ("mit", "zh") and {"a", "textclf_lstm"} <= set(data.tags)
    # said anew, it is said again; what nobody corrected follows the folder
    assert push("--license", "cc-by-4.0", "--language", "zh", "en")[0] == 0
    assert main(["card", str(model_folder), "--language", "en"]) == 0 and push()[0] == 0
    data = ModelCard.load(REPO).data
    assert (data.license, data.language) == ("cc-by-4.0", "en")


def test_files_that_people_wrote_stay(hub, api, model_folder, push, caplog):
    """What the model needs is replaced, which is said."""
    push()
    theirs = ("handler.py", "requirements.txt", "config.json", "learning_curve.png")
    for name in theirs:
        api.upload_file(path_or_fileobj=b"{}", path_in_repo=name, repo_id=REPO)
        if name != "handler.py":
            (model_folder / name).touch()
    assert push()[0] == 0
    assert hub.read(REPO, "handler.py") == hub.read(REPO, "requirements.txt") == b"{}"
    assert hub.read(REPO, "config.json") == (model_folder / "config.json").read_bytes()
    assert "requirements.txt, handler.py: not written by hf-textclf, stays" in caplog.text
    assert "config.json, learning_curve.png: changed there by others, replaced" in caplog.text
    # what is ours is renewed
    api.delete_file("handler.py", REPO)
    caplog.clear()
    assert push()[0] == 0 and b"EndpointHandler" in hub.read(REPO, "handler.py")
    assert push()[0] == 0 and "handler.py" not in caplog.text


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


def test_licence_and_language_with_the_push(hub, model_folder, push):
    data = ModelCard.load(model_folder / "README.md").data
    (model_folder / "README.md").write_text((model_folder / "README.md").read_text().replace(data.license, "''"))
    assert (
        push("--license", "other", "--license_name", "hotels-1", "--license_link", "LICENSE", "--language", "zh")[0]
        == 0
    )
    for card in (ModelCard.load(REPO), ModelCard.load(model_folder / "README.md")):
        assert (card.data.license, card.data.license_name, card.data.license_link) == ("other", "hotels-1", "LICENSE")
        assert card.data.language == "zh"
    assert push("--license", "mit")[0] == 0
    assert ModelCard.load(REPO).data.get("license_name") is None


def test_private_needs_no_licence(hub, api, model_folder, push):
    (model_folder / "README.md").write_text("---\nlibrary_name: transformers\n---\n# Ours\n")
    assert push("--private")[0] == 0 and api.model_info(REPO).private
    assert ModelCard.load(REPO).data.license is None


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


def test_dry_run_leaves_no_onnx(hub, model_folder, push):
    before = {path.name for path in model_folder.iterdir()}
    code, out, _ = push("--dry-run", "--with_onnx")
    assert code == 0 and "  onnx/model.onnx\n" in out
    assert {path.name for path in model_folder.iterdir()} == before


def test_weights_arrive_bit_for_bit(hub, model_folder, push):
    push()
    ours, theirs = load_file(model_folder / "model.safetensors"), load_file(hf_hub_download(REPO, "model.safetensors"))
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)
