"""Training a head over a frozen encoder through the command: features once, the same figures from texts, refusals."""

import json

import pytest
import torch
import yaml
from transformers import AutoTokenizer, BertConfig, BertModel, T5Config, T5Model, pipeline

from hf_textclf import Classifier
from hf_textclf.data import DataArguments, load_data
from tests.helpers.small_runs import weights, write_csv
from tests.helpers.tiny import wordpiece_tokenizer

pytestmark = pytest.mark.usefixtures("cache")
FAMILY = ["--model_type", "textclf_frozen", "--max_length", "13", "--head_size", "5"]
SAVED_FILES = {
    "README.md", "config.json", "configuration_frozen.py", "eval_results.json", "model.safetensors",
    "modeling_frozen.py", "run_config.yaml", "seen_texts.safetensors", "tokenizer.json",
    "tokenizer_config.json", "trainer_state.json",
}  # fmt: skip


@pytest.fixture
def reads(monkeypatch):
    """The number of texts in each batch that a real BERT reads."""
    seen, forward = [], BertModel.forward

    def counted(self, input_ids, *args, **options):
        seen.append(len(input_ids))
        return forward(self, input_ids, *args, **options)

    monkeypatch.setattr(BertModel, "forward", counted)
    return seen


@pytest.fixture
def frozen(train, bert):
    """Train a head over the tiny BERT; the test goes on with the saved folder."""

    def run(dataset, *tokens, output="run", encoder=bert):
        code, error = train(dataset, *FAMILY, "--encoder_name_or_path", encoder, *tokens, output=output, new=False)
        assert code == 0, error

    return run


@pytest.mark.parametrize("kind", ["single", "multi", "regression"])
def test_every_problem_type_trains_and_saves(frozen, tmp_path, bert, kind):
    cells = {"single": ["cold", "warm"], "multi": ["cold;bleak", "warm;bright"], "regression": [1.5, 24.25]}[kind]
    extra = {
        "single": ["--class_weights", "balanced"],
        "multi": ["--label_separator", ";", "--class_weights", "balanced"],
        "regression": [],
    }[kind]
    frozen(write_csv(tmp_path / "data.csv", dict(zip(["cold", "warm"], cells, strict=True))), *extra)
    folder = tmp_path / "run"
    assert {path.name for path in folder.iterdir()} == SAVED_FILES
    config = json.loads((folder / "config.json").read_text())
    assert config["model_type"] == "textclf_frozen" and config["problem_type"].startswith(kind)
    assert config["encoder_config"]["model_type"] == "bert"
    # no path of this machine in what is published
    assert str(bert.parent) not in (folder / "config.json").read_text() + (folder / "README.md").read_text()
    found, once = weights(folder), weights(bert)
    assert all(torch.equal(found[f"frozen.encoder.{name}"], weight) for name, weight in once.items())
    labels = {"single": 2, "multi": 4, "regression": 1}[kind]
    for prediction in Classifier(str(folder))(["rain and snow", ""]):
        assert len(prediction.probabilities) == labels


def test_texts_give_the_figures_of_features(frozen, weather, tmp_path):
    """What training measured over features, the saved folder gives for texts; in a stock pipeline too."""
    frozen(weather, "--max_steps", "30", "--learning_rate", "0.01")
    folder = str(tmp_path / "run")
    classifier, data = Classifier(folder), load_data(DataArguments(dataset=weather))
    rows = data.splits["validation"]
    texts, labels = rows["text"][:], torch.tensor(rows["labels"][:])
    probabilities = torch.from_numpy(classifier.probabilities(texts))
    measured = json.loads((tmp_path / "run" / "eval_results.json").read_text())["metrics"]["log_loss"]
    assert float(torch.nn.functional.nll_loss(probabilities.log(), labels)) == pytest.approx(measured, abs=1e-5)

    model, tokenizer = classifier.predictor.model, AutoTokenizer.from_pretrained(folder)
    batch = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
    with torch.no_grad():
        by_features = model(features=model.frozen(**batch).pooler_output).logits.softmax(-1)
    torch.testing.assert_close(by_features, probabilities, rtol=0, atol=1e-5)
    classify = pipeline("text-classification", model=folder, tokenizer=tokenizer, top_k=None, device="cpu")
    for row, scores in zip(probabilities, classify(texts, truncation=True), strict=True):
        found = {score["label"]: score["score"] for score in scores}
        assert [found[name] for name in classifier.label_names] == pytest.approx(row.tolist(), abs=1e-5)


def test_features_are_computed_once(frozen, weather, tmp_path, reads, cache):
    frozen(weather, "--num_train_epochs", "3", "--max_steps", "-1", output="first")
    # train and validation, each text once, however many epochs
    assert sum(reads) == 24
    files = {path.name: path.stat().st_mtime_ns for path in cache.iterdir()}
    assert len(files) == 2 and all(name.endswith(".arrow") for name in files)
    reads.clear()
    frozen(weather, "--seed", "7", "--head_size", "3", "--per_device_train_batch_size", "3", output="again")
    assert reads == []
    assert {path.name: path.stat().st_mtime_ns for path in cache.iterdir()} == files


def test_labels_are_no_part_of_the_features(frozen, tmp_path, reads):
    frozen(write_csv(tmp_path / "a.csv", {"cold": "cold", "warm": "warm"}), output="a")
    reads.clear()
    frozen(write_csv(tmp_path / "b.csv", {"cold": "no", "warm": "yes"}), output="b")
    assert reads == []
    assert set(Classifier(str(tmp_path / "b")).label_names) == {"no", "yes"}


def test_whatever_changes_the_features_computes_them_anew(frozen, weather, tmp_path, bert, reads):
    frozen(weather, output="first")
    reads.clear()
    changed = write_csv(tmp_path / "changed.csv", {"cold": "cold", "warm": "warm"}, rows=25)
    frozen(changed, output="text")
    assert sum(reads) == 25
    reads.clear()
    frozen(weather, "--feature_pooling", "cls", output="pooling")
    frozen(weather, "--max_length", "5", output="length")
    assert sum(reads) == 2 * 24
    reads.clear()
    model = BertModel.from_pretrained(bert)
    # the pooler is a weight of the checkpoint, but features do not depend on it
    model.pooler.dense.weight.data += 1
    model.save_pretrained(bert)
    frozen(weather, output="pooler")
    assert reads == []
    model.encoder.layer[0].output.dense.bias.data[3] += 1e-3
    model.save_pretrained(bert)
    frozen(weather, output="weights")
    assert sum(reads) == 24
    reads.clear()
    config = json.loads((bert / "config.json").read_text())
    (bert / "config.json").write_text(json.dumps(config | {"hidden_act": "relu"}))
    frozen(weather, output="config")
    assert sum(reads) == 24


def test_training_learns_and_other_keys_of_the_trainer_hold(frozen, tmp_path):
    """64 units, as five ReLUs may all be dead on a machine that rounds otherwise."""
    data = write_csv(tmp_path / "weather.csv", {"cold": "cold", "warm": "warm"}, rows=200)
    frozen(
        data, "--head_size", "64", "--max_steps", "400", "--learning_rate", "0.01", "--classifier_dropout", "0.1",
        "--train_sampling_strategy", "group_by_length", "--gradient_accumulation_steps", "2",
    )  # fmt: skip
    results = json.loads((tmp_path / "run" / "eval_results.json").read_text())
    assert results["metrics"]["accuracy"] >= 0.9
    assert (results["rows"], results["train_rows"]) == (20, 180)
    assert results["feature_seconds"] >= 0


def test_recorded_config_gives_the_same_run(frozen, train, weather, tmp_path, bert):
    frozen(weather, "--learning_rate", "0.01", "--max_steps", "5", output="first")
    recorded = yaml.safe_load((tmp_path / "first" / "run_config.yaml").read_text())
    assert recorded["encoder_name_or_path"] == str(bert)
    keys = ["--config", str(tmp_path / "first" / "run_config.yaml"), "--disable_tqdm", "true", "--max_steps", "5"]
    code, error = train(weather, *keys, output="again", new=False)
    assert code == 0, error
    first, again = weights(tmp_path / "first"), weights(tmp_path / "again")
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_resumed_run_ends_where_it_would_have_ended(frozen, weather, tmp_path, reads):
    keys = ["--save_strategy", "steps", "--save_steps", "3", "--max_steps", "7", "--learning_rate", "0.01"]
    keys += ["--save_total_limit", "9"]
    frozen(weather, *keys)
    whole = weights(tmp_path / "run")
    for name in ("config.json", "model.safetensors", "checkpoint-7"):
        path = tmp_path / "run" / name
        path.rename(tmp_path / f"away-{name}")
    reads.clear()
    frozen(weather, *keys, "--resume_from_checkpoint", "true")
    assert reads == []
    again = weights(tmp_path / "run")
    assert all(torch.equal(whole[name], again[name]) for name in whole)


@pytest.mark.parametrize("labels", [{"cold": "cold", "warm": "warm"}, {"cold": "a", "warm": "b", "mild": "c"}])
def test_saved_folder_is_trained_further(frozen, train, weather, tmp_path, labels):
    frozen(weather, output="first")
    data = write_csv(tmp_path / "other.csv", labels, rows=30)
    keys = ["--max_length", "13", "--learning_rate", "0"]
    code, error = train(data, "--model_name_or_path", tmp_path / "first", *keys, new=False)
    assert code == 0, error
    one, two = weights(tmp_path / "first"), weights(tmp_path / "run")
    same = {name for name in one if one[name].shape == two[name].shape and torch.equal(one[name], two[name])}
    body = {name for name in one if name.startswith("frozen.")}
    assert same == (set(one) if len(labels) == 2 else body)
    assert set(Classifier(str(tmp_path / "run")).label_names) == set(labels.values())


def test_encoder_of_a_model_with_a_decoder(frozen, weather, tmp_path):
    folder = tmp_path / "t5"
    T5Model(T5Config(vocab_size=99, d_model=12, d_kv=4, num_layers=2, num_heads=3, d_ff=17)).save_pretrained(folder)
    tokenizer = wordpiece_tokenizer()
    tokenizer.save_pretrained(folder)
    frozen(weather, encoder=folder)
    found, once = weights(tmp_path / "run"), weights(folder)
    name = "encoder.block.0.layer.0.SelfAttention.q.weight"
    assert torch.equal(found[f"frozen.{name}"], once[name])
    assert not [name for name in found if "decoder" in name]


def test_default_config_of_an_encoder(bert, weather, tmp_path, capsys):
    """Named without --config and --model_type, as the README says."""
    from hf_textclf.cli.main import main

    keys = ["--dataset", weather, "--encoder_name_or_path", str(bert), "--max_length", "13", "--num_train_epochs", "1"]
    assert main(["train", *keys, "--output_dir", str(tmp_path / "run"), "--use_cpu", "true"]) == 0
    assert json.loads((tmp_path / "run" / "config.json").read_text())["head_size"] == 64


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        (["--model_type", "textclf_frozen"], ["textclf_frozen", "--encoder_name_or_path"]),
        (["--encoder_name_or_path", "BERT"], ["textclf_lstm", "--model_type textclf_frozen"]),
        ([*FAMILY, "--encoder_name_or_path", "BERT", "--model_name_or_path", "BERT"], ["model_name_or_path", "drop"]),
        ([*FAMILY, "--encoder_name_or_path", "BERT", "--embeddings_from", "BERT"], ["embeddings_from", "drop"]),
        ([*FAMILY, "--encoder_name_or_path", "BERT", "--pooling", "max"], ["pooling", "feature_pooling"]),
        ([*FAMILY, "--encoder_name_or_path", "BERT", "--vocab_size", "50"], ["vocab_size=50"]),
        ([*FAMILY, "--encoder_name_or_path", "BERT", "--tokenizer_type", "word"], ["tokenizer_type=word"]),
        ([*FAMILY, "--encoder_name_or_path", "BERT", "--max_length", "14"], ["max_length=14", "--max_length 13"]),
        ([*FAMILY, "--encoder_name_or_path", "BERT", "--head_size", "0"], ["head_size=0"]),
        ([*FAMILY, "--encoder_name_or_path", "BERT", "--trust_remote_code", "true"], ["pin it with --revision"]),
        ([*FAMILY, "--encoder_name_or_path", "nowhere"], ["'nowhere'"]),
        ([*FAMILY, "--encoder_name_or_path", "SAVED"], ["textclf_frozen", "--model_name_or_path"]),
    ],
)
def test_refused(refused_training, train, bert, weather, tmp_path, tokens, words):
    if "SAVED" in tokens:
        code, error = train(weather, *FAMILY, "--encoder_name_or_path", bert, output="saved", new=False)
        assert code == 0, error
    places = {"BERT": bert, "SAVED": tmp_path / "saved"}
    error = refused_training(weather, *(places.get(token, token) for token in tokens), new=False)
    for word in words:
        assert word in error


@pytest.mark.parametrize("fault", ["weights missing", "weights half-written", "layer missing", "pickled"])
def test_encoder_that_is_not_whole(refused_training, weather, bert, fault):
    file = bert / "model.safetensors"
    if fault == "weights missing":
        file.unlink()
    elif fault == "weights half-written":
        file.write_bytes(file.read_bytes()[:700])
    elif fault == "layer missing":
        model = BertModel(BertConfig.from_pretrained(bert))
        kept = {name: weight for name, weight in model.state_dict().items() if "layer.0" not in name}
        model.save_pretrained(bert, state_dict=kept)
    else:
        torch.save(BertModel.from_pretrained(bert).state_dict(), bert / "pytorch_model.bin")
        file.unlink()
    assert str(bert) in refused_training(weather, *FAMILY, "--encoder_name_or_path", bert, new=False)
