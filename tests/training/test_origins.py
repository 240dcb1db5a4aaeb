"""Training that starts from something: a saved LSTM, a BERT, embeddings of another model."""

import json

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from hf_textclf import Classifier
from hf_textclf.models.loading import load_classifier, load_for_finetuning
from tests.helpers.small_runs import weights, write_csv

STILL = ["--learning_rate", "0"]


@pytest.fixture
def first(train, weather, tmp_path):
    """A saved LSTM for two labels, with every kind of weight."""
    code, error = train(weather, "--bidirectional", "true", "--pooling", "attention", output="first")
    assert code == 0, error
    return tmp_path / "first"


def test_saved_lstm_is_trained_further_as_it_is(train, weather, tmp_path, first, caplog):
    caplog.clear()
    code, error = train(weather, "--model_name_or_path", first, *STILL, new=False)
    assert code == 0, error
    one, two = weights(first), weights(tmp_path / "run")
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert "starts anew" not in caplog.text
    old, new = (json.loads((folder / "tokenizer.json").read_text()) for folder in (first, tmp_path / "run"))
    assert old == new


def test_every_weight_moves(train, weather, tmp_path, first):
    assert train(weather, "--model_name_or_path", first, "--max_steps", "3", new=False)[0] == 0
    one, two = weights(first), weights(tmp_path / "run")
    assert [name for name in one if torch.equal(one[name], two[name])] == []


@pytest.mark.parametrize(
    "labels",
    [
        {"cold": "cold", "warm": "warm", "mild": "mild"},
        {"cold": "winter", "warm": "summer"},
    ],
    ids=["more labels", "as many labels with other names"],
)
def test_other_labels_get_a_new_head(train, tmp_path, first, caplog, labels):
    data = write_csv(tmp_path / "other.csv", labels, rows=30)
    caplog.clear()
    code, error = train(data, "--model_name_or_path", first, *STILL, new=False)
    assert code == 0, error
    assert any("starts anew" in record.message for record in caplog.records if record.levelname == "WARNING")
    one, two = weights(first), weights(tmp_path / "run")
    assert all(torch.equal(one[name], two[name]) for name in one if name.startswith("lstm."))
    assert {name for name in two if not name.startswith("lstm.")} == {"classifier.weight", "classifier.bias"}
    assert two["classifier.weight"].shape == (len(labels), 14)
    assert len(labels) != 2 or not torch.equal(one["classifier.weight"], two["classifier.weight"])
    model = load_classifier(str(tmp_path / "run"))
    assert set(model.config.id2label.values()) == set(labels.values())
    assert model.config.num_labels == len(labels)
    assert set(Classifier(str(tmp_path / "run"))(["rain"])[0].probabilities) == set(labels.values())


def test_other_problem_type_gets_a_new_head(train, tmp_path, first, caplog):
    data = write_csv(tmp_path / "degrees.csv", {"cold": 1.5, "warm": 24.25}, rows=30)
    code, error = train(data, "--model_name_or_path", first, *STILL, "--problem_type", "regression", new=False)
    assert code == 0, error
    assert "starts anew" in caplog.text
    assert load_classifier(str(tmp_path / "run")).config.problem_type == "regression"


def test_bert_is_trained_and_trained_further(train, weather, tmp_path, bert):
    keys = ["--max_length", "13"]
    code, error = train(weather, "--model_name_or_path", bert, *keys, *STILL, output="once", new=False)
    assert code == 0, error
    names = {path.name for path in (tmp_path / "once").iterdir()}
    assert not [name for name in names if name.endswith((".py", ".bin", ".pt", ".pkl"))]
    body, once = weights(bert), weights(tmp_path / "once")
    assert all(torch.equal(weight, once[f"bert.{name}"]) for name, weight in body.items())
    code, error = train(weather, "--model_name_or_path", tmp_path / "once", *keys, *STILL, output="twice", new=False)
    assert code == 0, error
    twice = weights(tmp_path / "twice")
    assert all(torch.equal(once[name], twice[name]) for name in once)


def test_all_loaded_models_let_the_trainer_average(first, bert):
    names = {0: "cold", 1: "warm"}
    labels = {"id2label": names, "label2id": {"cold": 0, "warm": 1}, "problem_type": "single_label_classification"}
    others = labels | {"id2label": {0: "a", 1: "b", 2: "c"}, "label2id": {"a": 0, "b": 1, "c": 2}}
    for folder in (first, bert):
        for wish in (labels, others):
            assert load_for_finetuning(str(folder), wish).accepts_loss_kwargs is False


def test_embeddings_from_a_text_file(train, weather, tmp_path, caplog):
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("rain" + " 0.5" * 11 + "\nsun" + " -0.25" * 11 + "\n", encoding="utf-8")
    keys = ["--embeddings_from", vectors, "--tokenizer_type", "word", *STILL]
    code, error = train(weather, *keys)
    assert code == 0, error
    assert "embeddings found for 2 of" in caplog.text and "of the running tokens" in caplog.text
    model, tokenizer = load_classifier(str(tmp_path / "run")), Classifier(str(tmp_path / "run")).predictor.tokenizer
    table = model.get_input_embeddings().weight
    assert torch.equal(table[tokenizer.convert_tokens_to_ids("rain")], torch.full((11,), 0.5))
    assert torch.equal(table[tokenizer.convert_tokens_to_ids("sun")], torch.full((11,), -0.25))


def test_embeddings_and_tokenizer_from_a_checkpoint(train, weather, tmp_path, bert, caplog):
    sizes = ["--embedding_size", "12", "--hidden_size", "7"]
    code, error = train(weather, "--embeddings_from", bert, *sizes, *STILL, new=False)
    assert code == 0, error
    assert "embeddings found for 98 of 99 tokens" in caplog.text
    table = load_classifier(str(tmp_path / "run")).get_input_embeddings().weight
    # row 0 is padding
    assert torch.equal(table[1:], weights(bert)["embeddings.word_embeddings.weight"][1:])
    tokenizer = Classifier(str(tmp_path / "run")).predictor.tokenizer
    assert tokenizer.get_vocab() == PreTrainedTokenizerFast.from_pretrained(bert).get_vocab()
    assert tokenizer.model_input_names == ["input_ids", "attention_mask"]


def test_published_classifier_without_problem_type_keeps_its_head(tmp_path, bert):
    labels = {"id2label": {0: "bad", 1: "good"}, "label2id": {"bad": 0, "good": 1}}
    config = BertConfig.from_pretrained(bert, **labels)
    model = BertForSequenceClassification(config).half()
    model.save_pretrained(tmp_path / "published")
    assert model.config.problem_type is None

    loaded = load_for_finetuning(str(tmp_path / "published"), labels | {"problem_type": "single_label_classification"})
    assert torch.equal(loaded.classifier.weight, model.classifier.weight.float())
    # half precision is how it was stored, not how it is trained
    assert loaded.dtype == torch.float32
