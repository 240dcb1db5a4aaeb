"""What was pushed, served by others: the toolkit of Inference Endpoints and the stock pipeline."""

import json
import subprocess
import sys

import numpy as np
import pytest
from huggingface_hub import TextClassificationOutputElement, snapshot_download
from transformers import pipeline

from hf_textclf import Classifier
from hf_textclf.cli.main import main
from hf_textclf.hub import PushArguments, handler, prepare
from tests.helpers.saved import LABELS, LONG, save_model
from tests.helpers.tiny import TEXTS

KINDS = [(family, problem_type) for family in ("lstm", "bert") for problem_type in LABELS]
ALL = [*TEXTS, LONG]
# imports the handler word for word as the toolkit does (huggingface_inference_toolkit/utils.py)
TOOLKIT = """
import importlib.util, json, sys
sys.modules["hf_textclf"] = None
answers = []
for folder in sys.argv[1:]:
    spec = importlib.util.spec_from_file_location("handler.EndpointHandler", f"{folder}/handler.py")
    sys.path.insert(0, folder)
    module = importlib.util.module_from_spec(spec)
    sys.modules["handler.EndpointHandler"] = module
    spec.loader.exec_module(module)
    endpoint = module.EndpointHandler(folder)
    answers.append(endpoint(json.loads(INPUT)))
print(json.dumps(answers))
"""
STRANGERS_PIPELINE = """
import json, sys
sys.modules["hf_textclf"] = None
from transformers import pipeline
answers = []
for name, revision in zip(sys.argv[1::2], sys.argv[2::2]):
    classify = pipeline("text-classification", model=name, revision=revision, trust_remote_code=True, top_k=None,
                        truncation=True)
    answers.append(classify(json.loads(INPUT)))
print(json.dumps(answers))
"""


def answers_of(code, texts, *arguments, cwd):
    """Run code in a process that knows nothing of the package; returns what it prints."""
    code = f"INPUT = {json.dumps(texts)!r}\n{code}"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def assert_same(answers, folder):
    """Answers about ALL are those of the Classifier, all labels, the most probable one first."""
    classifier = Classifier(folder)
    for answer, expected in zip(answers, classifier(ALL), strict=True):
        scores = [label["score"] for label in answer]
        assert scores == sorted(scores, reverse=True)
        found = {label["label"]: label["score"] for label in answer}
        assert found == pytest.approx(expected.probabilities, abs=1e-5)
        if "predicted" in answer[0]:
            assert {label["label"] for label in answer if label["predicted"]} == set(expected.label)
    assert np.ptp(classifier.probabilities(ALL), axis=0).min() > 1e-3  # the texts differ, so equality says something


@pytest.fixture
def pushed(hub, tmp_path):
    """Push one model of each kind; returns Hub id -> its folder here."""
    folders = {}
    for family, problem_type in KINDS:
        name = f"you/{family}-{problem_type}"
        folders[name] = save_model(tmp_path / name, family, problem_type)
        assert main(["push", str(folders[name]), "--repo", name]) == 0
    return folders


@pytest.mark.slow
def test_endpoints(pushed, tmp_path):
    copies = [snapshot_download(name, local_dir=tmp_path / "repository" / name) for name in pushed]
    every = answers_of(TOOLKIT, {"inputs": ALL}, *copies, cwd=tmp_path)
    for name, answers in zip(pushed, every, strict=True):
        assert_same(answers, pushed[name])
        assert ("predicted" in answers[0][0]) == name.endswith("multi_label_classification")


@pytest.mark.slow
def test_pipeline_of_a_stranger(hub, pushed, tmp_path):
    commits = [part for name in pushed for part in (name, hub.storage.repository("model", name).resolve("main"))]
    every = answers_of(STRANGERS_PIPELINE, ALL, *commits, cwd=tmp_path)
    for name, answers in zip(pushed, every, strict=True):
        assert_same(answers, pushed[name])


def test_pipeline_beside_the_plugin(pushed):
    for name, folder in pushed.items():
        assert_same(pipeline("text-classification", model=name, top_k=None, truncation=True)(ALL), folder)


def test_pipeline_does_not_cut_by_itself(tmp_path):
    """Why the card's snippet says `truncation=True`."""
    lstm, bert = (save_model(tmp_path / family, family) for family in ("lstm", "bert"))
    classify, limited = pipeline("text-classification", model=str(lstm), top_k=None), Classifier(lstm)
    whole = {label["label"]: label["score"] for label in classify([LONG])[0]}
    assert whole != pytest.approx(limited([LONG])[0].probabilities, abs=1e-3)
    with pytest.raises(RuntimeError, match="must match"):
        pipeline("text-classification", model=str(bert))([LONG])


@pytest.fixture
def endpoint(tmp_path):
    """Make the handler of a model, in this process."""

    def make(family, **options):
        return handler.EndpointHandler(str(save_model(tmp_path / "model", family, **options)))

    return make


@pytest.mark.parametrize(("family", "problem_type"), KINDS)
def test_same_answers_as_the_classifier(tmp_path, family, problem_type):
    folder = save_model(tmp_path / "model", family, problem_type)
    assert_same(handler.EndpointHandler(str(folder))({"inputs": ALL}), folder)


def test_one_text_and_top_k(endpoint):
    classify = endpoint("lstm")
    (full,) = classify({"inputs": TEXTS[0]})
    assert len(full) == 3
    assert classify({"inputs": [TEXTS[0]], "parameters": {"top_k": 2}}) == [full[:2]]
    assert classify({"inputs": TEXTS[0], "parameters": None}) == [full]
    # as the Hub's own client reads it
    (first, *_) = TextClassificationOutputElement.parse_obj_as_list([full])[0]
    assert (first.label, first.score) == (full[0]["label"], full[0]["score"])


def test_many_texts_are_read_in_batches(endpoint):
    classify = endpoint("bert", problem_type="regression")
    texts = TEXTS * 20
    assert len(texts) > 3 * handler.BATCH_SIZE
    scores = [answer[0]["score"] for answer in classify({"inputs": texts})]
    assert scores[: len(TEXTS)] == pytest.approx(scores[-len(TEXTS) :], abs=1e-5)


def test_model_that_does_not_say_its_problem_type(tmp_path):
    """As many published ones."""
    folder = save_model(tmp_path / "model", "bert", "regression")
    config = json.loads((folder / "config.json").read_text())
    del config["problem_type"]
    (folder / "config.json").write_text(json.dumps(config))
    assert_same(handler.EndpointHandler(str(folder))({"inputs": ALL}), folder)


@pytest.mark.parametrize("text", ["", " \n", "\x01\x02"])
def test_text_without_tokens(endpoint, text):
    """The tokenizer takes control characters out, and an LSTM reads the empty text that is left."""
    (answer,) = endpoint("lstm")({"inputs": text})
    assert sum(label["score"] for label in answer) == pytest.approx(1)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"inputs": []},
        {"inputs": {"text": "a"}},
        {"inputs": ["a", 3]},
        {"inputs": "a", "parameters": {"top_k": 0}},
        {"inputs": "a", "parameters": {"top_k": True}},
        {"inputs": "a", "parameters": {"return_all_scores": True}},
        {"inputs": "a", "parameters": [1]},
    ],
)
def test_handler_refuses(endpoint, data):
    key = "parameters" if "parameters" in data else "inputs"
    with pytest.raises(ValueError, match=f"^{key}: expected "):
        endpoint("lstm")(data)


def test_handler_runs_no_code_of_the_hub():
    with pytest.raises(ValueError, match="is no folder"):
        handler.EndpointHandler("you/model")


def test_handler_of_the_author_goes_in_its_place(model_folder):
    (model_folder / "handler.py").write_text("class EndpointHandler: ...\n")
    (model_folder / "requirements.txt").write_text("emoji\n")
    files = prepare(model_folder, PushArguments("you/name")).files
    assert files["handler.py"] == model_folder / "handler.py" and "requirements.txt" in files
