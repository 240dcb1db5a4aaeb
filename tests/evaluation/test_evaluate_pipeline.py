"""`evaluate` compares with the stock pipeline: where they must agree they do, and where not it says why."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, BertConfig, BertForSequenceClassification

from hf_textclf import Classifier
from hf_textclf.cli.main import main
from hf_textclf.data import read_rows
from hf_textclf.evaluation.evaluate import in_words, pipeline_agreement
from hf_textclf.files import SAMPLES
from hf_textclf.tokenization import load_tokenizer, set_truncation
from tests.helpers.tiny import TEXTS, wordpiece_tokenizer


def agreement_of(folder, texts):
    classifier = Classifier(folder)
    return pipeline_agreement(classifier, texts, classifier.probabilities(texts))


def texts_of(name):
    return [row["text"] for row in read_rows(SAMPLES / name / "test.csv")]


@pytest.mark.parametrize(
    ("kind", "name"), [("single", "opinions_zh"), ("multi", "news_zh"), ("regression", "opinions_zh")]
)
def test_models_as_they_are_agree(trained_models, kind, name):
    """Many of the texts are cut, at their tail."""
    texts = texts_of(name)
    assert agreement_of(trained_models / kind, texts) == {
        "texts": len(texts),
        "same_labels": None if kind == "regression" else 1,
        "same_probabilities": 1,
        "max_difference": pytest.approx(0, abs=1e-5),
        "failed": 0,
        "why": [],
    }


def copy_of(trained, kind, place):
    return shutil.copytree(trained / kind, place / kind, ignore=shutil.ignore_patterns("evaluation_*"))


def test_head_tail_differs_on_long_texts(trained_models, tmp_path):
    folder = copy_of(trained_models, "single", tmp_path)
    tokenizer = load_tokenizer(folder)
    set_truncation(tokenizer, truncation="head_tail", max_length=8, head_tokens=4)
    tokenizer.save_pretrained(folder)
    long, short = texts_of("opinions_zh")[:10], ["好", "差"]
    found = agreement_of(folder, long + short)
    assert found["max_difference"] > 0.01
    # what the pipeline reads is the head, that of the Classifier with `truncation: head`
    heads = copy_of(trained_models, "single", tmp_path / "heads")
    set_truncation(tokenizer, truncation="head", max_length=8)
    tokenizer.save_pretrained(heads)
    ours, stock = (Classifier(place).probabilities(long + short) for place in (folder, heads))
    assert found["max_difference"] == pytest.approx(np.abs(ours - stock).max(), abs=1e-5)
    assert found["same_labels"] == (ours.argmax(1) == stock.argmax(1)).mean()
    assert found["same_probabilities"] == (np.abs(ours - stock) < 1e-4).all(1).mean() >= 2 / 12
    [why] = found["why"]
    assert why.startswith("head_tail") and why in in_words(found)
    assert agreement_of(heads, long + short)["max_difference"] < 1e-5


def test_thresholds_differ_in_labels_alone(trained_models, tmp_path):
    folder = copy_of(trained_models, "multi", tmp_path)
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    model.config.calibration = {"temperature": 1.0, "thresholds": [0.1] * model.config.num_labels}
    model.save_pretrained(folder)
    found, probabilities = (
        agreement_of(folder, texts_of("news_zh")),
        Classifier(folder).probabilities(texts_of("news_zh")),
    )
    assert found["same_probabilities"] == 1
    between = ((probabilities >= 0.1) & (probabilities < 0.5)).any(1)
    assert between.any() and found["same_labels"] == pytest.approx(1 - between.mean())
    assert found["why"][0].startswith("thresholds")


def test_stored_in_half_precision(trained_models, tmp_path):
    folder = copy_of(trained_models, "single", tmp_path)
    AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.bfloat16).save_pretrained(folder)
    [why] = agreement_of(folder, texts_of("opinions_zh"))["why"]
    assert why.startswith("precision") and "bfloat16" in why


def test_texts_that_a_pipeline_fails_on(tmp_path):
    """Many published tokenizers do not know the longest text of their model; ours is told."""
    config = BertConfig(
        vocab_size=99, hidden_size=12, num_hidden_layers=1, num_attention_heads=3, intermediate_size=17,
        max_position_embeddings=9,
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(tmp_path)
    wordpiece_tokenizer().save_pretrained(tmp_path)
    found = agreement_of(tmp_path, ["rain", *TEXTS])
    assert found["failed"] == len(TEXTS) and found["same_probabilities"] == 1
    assert f"{len(TEXTS)} failed" in in_words(found)
    assert agreement_of(tmp_path, TEXTS)["same_labels"] is None


def test_evaluate_reports_it(trained_models, tmp_path, capsys):
    assert (
        main(
            ["evaluate", str(trained_models / "single"), "--output_dir", str(tmp_path / "out"), "--max_samples", "30"]
        )
        == 0
    )
    found = json.loads((tmp_path / "out" / "eval_results.json").read_text(encoding="utf-8"))["pipeline"]
    assert (found["texts"], found["same_labels"]) == (30, 1)
    assert in_words(found) in capsys.readouterr().out


def test_what_is_no_network_has_no_pipeline():
    class Other:
        predictor = SimpleNamespace(network=None)

    assert pipeline_agreement(Other(), [], np.zeros((0, 2))) is None
