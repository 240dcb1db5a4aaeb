"""Temperature, thresholds and the head they go into, against brute force, theory and stock models."""

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax
from sklearn.metrics import f1_score
from transformers import AutoConfig, AutoModelForSequenceClassification

from hf_textclf import UserError
from hf_textclf.evaluation.calibration import (
    best_threshold,
    check_calibration,
    fit_temperature,
    fit_thresholds,
    fold_temperature,
    held_out_labels,
)
from hf_textclf.models.loading import classification_head, load_for_finetuning

SINGLE, MULTI = "single_label_classification", "multi_label_classification"
SMALL = {"num_labels": 3, "vocab_size": 99, "pad_token_id": 0}
WIDTHS = {"hidden_size": 12, "num_hidden_layers": 1, "num_attention_heads": 3, "intermediate_size": 17}
# the linear layer that puts out the logits has another name in each
FAMILIES = {
    "bert": ("classifier", WIDTHS),
    "distilbert": ("classifier", {"dim": 12, "n_layers": 1, "n_heads": 3, "hidden_dim": 17}),
    "roberta": ("classifier.out_proj", WIDTHS),
    "electra": ("classifier.out_proj", WIDTHS | {"embedding_size": 12}),
    "deberta-v2": ("classifier", WIDTHS),
    "xlnet": ("logits_proj", {"d_model": 12, "n_layer": 1, "n_head": 3, "d_inner": 17}),
    "gpt2": ("score", {"n_embd": 12, "n_layer": 1, "n_head": 3}),
    "textclf_lstm": ("classifier", {"embedding_size": 11, "hidden_size": 7}),
}


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_temperature_is_recovered(temperature):
    """Labels drawn from the probabilities of some logits: a model whose logits are T times as large needs T."""
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 2, (20_000, 5))
    ids = (softmax(logits, axis=1).cumsum(axis=1) > generator.random((20_000, 1))).argmax(axis=1)
    assert fit_temperature(temperature * logits, ids, problem_type=SINGLE) == pytest.approx(temperature, rel=0.03)
    rows = generator.random(logits.shape) < expit(logits)
    assert fit_temperature(temperature * logits, rows, problem_type=MULTI) == pytest.approx(temperature, rel=0.03)


def test_temperature_of_a_model_without_mistakes():
    """The loss is lowest at 0, where every probability would be 0 or 1."""
    assert fit_temperature(np.eye(3), np.arange(3), problem_type=SINGLE) == 1
    assert fit_temperature(np.eye(3) - 0.5, np.eye(3), problem_type=MULTI) == 1


def test_threshold_against_brute_force():
    generator = np.random.default_rng(1)
    for _ in range(20):
        # a tenth apart, so that many are equal
        scores = -np.sort(-generator.integers(1, 10, 12) / 10)
        occurs, weights = generator.random(12) < 0.4, generator.integers(0, 4, 12)
        found = best_threshold(scores, occurs, weights)
        times, truth = np.repeat(scores, weights), np.repeat(occurs, weights)
        candidates = [f1_score(truth, times >= value, zero_division=0) for value in np.unique(scores)]
        assert f1_score(truth, times >= found, zero_division=0) == pytest.approx(max(candidates))
        assert abs(found - scores).min() > 0.01, "a threshold stands between two scores"


def test_thresholds_of_true_probabilities():
    """Lipton et al. 2014, theorem 1: where probabilities are true, the best threshold is half the best F1."""
    generator = np.random.default_rng(2)
    probabilities = generator.beta([1, 2, 1], [3, 3, 8], (30_000, 3))
    labels = (generator.random(probabilities.shape) < probabilities).astype(float)
    thresholds = fit_thresholds(probabilities, labels)
    best = f1_score(labels, probabilities >= thresholds, average=None)
    np.testing.assert_allclose(thresholds, best / 2, atol=0.02)


def test_thresholds_of_rare_labels():
    probabilities = np.linspace(0.05, 0.95, 19)[:, None].repeat(3, axis=1)
    labels = np.zeros((19, 3))
    labels[18, 1] = labels[:, 2] = 1
    never, once, always = fit_thresholds(probabilities, labels)
    assert never == 0.5
    # the label's one text has the highest score
    assert 0.85 < once < 0.95
    assert 0 < always <= 0.1
    assert fit_thresholds(probabilities, labels).tolist() == [never, once, always], "seeded"


def test_held_out_labels_do_not_see_their_own_row():
    generator = np.random.default_rng(3)
    probabilities, labels = generator.random((40, 2)), (generator.random((40, 2)) < 0.3).astype(float)
    before = held_out_labels(probabilities, labels)
    for row in range(40):
        changed = labels.copy()
        changed[row] = 1 - changed[row]
        np.testing.assert_array_equal(held_out_labels(probabilities, changed)[row], before[row])
    # labels that have nothing to do with the probabilities: what was fitted to them looks better than it is
    fitted = f1_score(labels, probabilities >= fit_thresholds(probabilities, labels), average="macro")
    assert f1_score(labels, before, average="macro") < fitted


def tiny_model(family, **changes):
    config = AutoConfig.for_model(family, **SMALL, **FAMILIES[family][1], **changes)
    torch.manual_seed(0)
    return AutoModelForSequenceClassification.from_config(config).eval()


def logits_of(model):
    ids = torch.arange(5, 19).reshape(2, 7)
    with torch.inference_mode():
        return model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.numpy()


@pytest.mark.parametrize("family", FAMILIES)
def test_temperature_becomes_part_of_the_head(family):
    model = tiny_model(family)
    assert classification_head(model) is model.get_submodule(FAMILIES[family][0])
    before = logits_of(model)
    fold_temperature(model, 1.7, logits_of=lambda: logits_of(model))
    np.testing.assert_allclose(logits_of(model), before / 1.7, atol=1e-6)


def test_heads_that_cannot_be_divided():
    model = tiny_model("bert")
    model.classifier = torch.nn.Sequential(torch.nn.Linear(12, 3), torch.nn.Tanh())
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    with pytest.raises(UserError, match="are not what its last linear layer puts out"):
        fold_temperature(model, 1.7, logits_of=lambda: logits_of(model))
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, before[name]), name
    model.classifier = torch.nn.Conv1d(12, 3, 1)
    with pytest.raises(UserError, match="no linear layer of 3 outputs"):
        check_calibration(model)
    with pytest.raises(UserError, match="found regression"):
        check_calibration(tiny_model("bert", problem_type="regression"))


@pytest.mark.parametrize("family", ["textclf_lstm", "bert"])
def test_config_keeps_what_was_fitted_until_training_goes_on(family, tmp_path):
    fitted = {"temperature": 1.7, "thresholds": [0.25, 0.5, 0.125]}
    model = tiny_model(family, problem_type=MULTI, id2label={0: "a", 1: "b", 2: "c"})
    model.config.calibration = fitted
    for folder in ("once", "twice"):
        model.save_pretrained(tmp_path / folder)
        model = AutoModelForSequenceClassification.from_pretrained(tmp_path / folder)
        assert model.config.calibration == fitted
    labels = {"id2label": {0: "a", 1: "b", 2: "c"}, "label2id": {"a": 0, "b": 1, "c": 2}, "problem_type": MULTI}
    assert not hasattr(load_for_finetuning(str(tmp_path / "twice"), labels).config, "calibration")
