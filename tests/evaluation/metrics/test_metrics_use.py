"""How the metrics are used: by the stock Trainer, as JSON, and as `evaluate` modules without a network."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit, softmax
from transformers import EvalPrediction

from hf_textclf.errors import UserError
from hf_textclf.evaluation import metrics
from hf_textclf.evaluation.metrics import compute_metrics, metrics_for
from hf_textclf.evaluation.metrics.multi_label import MultiLabelMetrics
from hf_textclf.evaluation.metrics.regression import RegressionMetrics
from hf_textclf.evaluation.metrics.single_label import SingleLabelMetrics
from hf_textclf.inference.predictor import to_probabilities
from hf_textclf.training.trainer_arguments import TrainerArguments

SINGLE, MULTI, REGRESSION = "single_label_classification", "multi_label_classification", "regression"
CLASSES = {SINGLE: SingleLabelMetrics, MULTI: MultiLabelMetrics, REGRESSION: RegressionMetrics}
NAMES = ["a", "b", "c", "d"]
OPTIONS = {SINGLE: {"label_names": NAMES}, MULTI: {"label_names": NAMES, "thresholds": [0.2, 0.4, 0.6, 0.8]}}
# what a user would write, run in a fresh process without a network
LOAD = """
import evaluate, json, sys
folder, cases = sys.argv[1], json.load(sys.stdin)
for name, (scores, labels, options) in cases.items():
    module = evaluate.load(f"{folder}/{name.removesuffix('_classification')}.py")
    module.add_batch(predictions=scores[:20], references=labels[:20])
    module.add_batch(predictions=scores[20:], references=labels[20:])
    print(json.dumps(module.compute(**options)))
"""


def scored(problem_type, rows=47):
    """Random probabilities (or numbers) and labels of a problem with four labels."""
    rng = np.random.default_rng(5)
    logits = rng.normal(size=(rows, 4))
    if problem_type == SINGLE:
        return softmax(logits, axis=1), rng.integers(4, size=rows)
    if problem_type == MULTI:
        return expit(logits), (rng.random((rows, 4)) < 0.4).astype(float)
    return logits[:, 0], logits[:, 1]


def assert_same(got, expected):
    """Equal up to the last digits, which depend on how an array lies in memory."""
    assert list(got) == list(expected)
    for name, value in expected.items():
        if isinstance(value, dict):
            assert_same(got[name], value)
        else:
            assert got[name] == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_probabilities_of_logits(dtype):
    logits = np.array([[1.0, -2.0, 30.0], [0.5, 0.5, 0.5]], dtype=dtype)
    assert to_probabilities(logits, SINGLE) == pytest.approx(softmax(logits.astype(float), axis=1), abs=1e-6)
    assert to_probabilities(logits, SINGLE).dtype == (np.float64 if dtype is np.float64 else np.float32)
    assert to_probabilities(logits, MULTI) == pytest.approx(expit(logits.astype(float)), abs=1e-12)
    assert to_probabilities(logits[:, :1], REGRESSION) == pytest.approx(logits[:, 0])


@pytest.mark.parametrize("as_tuple", [False, True])
def test_trainer_gets_flat_defined_numbers(as_tuple):
    probabilities, labels = scored(SINGLE)
    logits = np.log(probabilities)
    outputs = (logits, np.zeros((len(labels), 11))) if as_tuple else logits
    got = metrics_for(SINGLE, NAMES)(EvalPrediction(predictions=outputs, label_ids=labels))
    expected = compute_metrics(probabilities, labels, problem_type=SINGLE, label_names=NAMES)
    assert list(expected.pop("per_label")) == NAMES
    assert got == pytest.approx(expected)
    constant = metrics_for(REGRESSION)(EvalPrediction(predictions=np.ones((2, 1)), label_ids=np.array([1.0, 2.0])))
    assert constant == {"mse": 0.5, "mae": 0.5}


def test_everything_is_strict_json():
    results = [
        compute_metrics(np.eye(4)[:3], np.array([0, 2, 2]), problem_type=SINGLE),
        compute_metrics(np.eye(4), np.zeros((4, 4)), problem_type=MULTI),
        compute_metrics(np.zeros(3), np.zeros(3), problem_type=REGRESSION),
    ]
    text = json.dumps(results, allow_nan=False)
    assert "null" in text
    assert json.loads(text) == results


def test_a_model_that_answers_nan_is_the_users_to_mend():
    logits = np.array([[0.0, np.nan], [1.0, 2.0]])
    with pytest.raises(UserError, match="1 of 2 texts.*learning_rate"):
        metrics_for(SINGLE)(EvalPrediction(predictions=logits, label_ids=np.array([0, 1])))


@pytest.mark.parametrize(
    ("scores", "labels", "kind", "message"),
    [
        (np.zeros((0, 3)), np.zeros(0), SINGLE, "no rows"),
        (np.eye(2), np.array([0, 1, 1]), SINGLE, r"\(2, 2\) and labels \(3,\)"),
        (np.eye(2), np.array([0, 1]), MULTI, "do not fit multi_label"),
        (np.eye(2), np.array([0.0, 1.0]), REGRESSION, "do not fit regression"),
        (np.eye(2), np.array([0, 2]), SINGLE, "labels from 0 to 2"),
        (np.eye(2), np.array([-1, 0]), SINGLE, "labels from -1 to 0"),
        (np.eye(2) * 3, np.array([0, 1]), SINGLE, "to_probabilities"),
        (np.eye(2), np.array([0, 1]), "ranking", "'ranking' is none of"),
    ],
)
def test_inputs_that_do_not_fit(scores, labels, kind, message):
    with pytest.raises(ValueError, match=message):
        compute_metrics(scores, labels, problem_type=kind)


def test_label_names_that_do_not_fit():
    with pytest.raises(ValueError, match="1 label_names for predictions of 2"):
        compute_metrics(np.eye(2), np.array([0, 1]), problem_type=SINGLE, label_names=["a"])


@pytest.mark.parametrize("problem_type", CLASSES)
def test_evaluate_class_in_batches(problem_type, tmp_path):
    scores, labels = scored(problem_type)
    options = OPTIONS.get(problem_type, {})
    expected = compute_metrics(scores, labels, problem_type=problem_type, **options)
    module = CLASSES[problem_type](cache_dir=tmp_path)
    for start in range(0, len(labels), 20):
        module.add_batch(predictions=scores[start : start + 20], references=labels[start : start + 20])
    assert_same(module.compute(**options), expected)
    # and in one go, on the same object
    assert_same(module.compute(predictions=scores, references=labels, **options), expected)


def test_evaluate_load_of_each_file_offline(tmp_path):
    cases = {kind: [*(side.tolist() for side in scored(kind)), OPTIONS.get(kind, {})] for kind in CLASSES}
    env = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", LOAD, str(Path(metrics.__file__).parent)]
    done = subprocess.run(command, input=json.dumps(cases), env=env, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for line, (kind, (scores, labels, options)) in zip(done.stdout.splitlines(), cases.items(), strict=True):
        assert_same(json.loads(line), compute_metrics(scores, labels, problem_type=kind, **options))


@pytest.mark.parametrize("problem_type", CLASSES)
def test_the_best_model_is_the_better_one(problem_type, tmp_path):
    """Of every metric the Trainer knows whether more of it is better: predictions that are right tell."""
    scores, labels = scored(problem_type)
    right = labels if problem_type == REGRESSION else np.eye(4)[labels] if problem_type == SINGLE else labels
    best, worse = (compute_metrics(each, labels, problem_type=problem_type) for each in (right, scores))
    for name in set(best) - {"per_label"}:
        arguments = TrainerArguments(str(tmp_path), metric_for_best_model=name, use_cpu=True)
        assert arguments.greater_is_better == (best[name] > worse[name]), name
        assert TrainerArguments(str(tmp_path), metric_for_best_model=name, greater_is_better=True).greater_is_better
