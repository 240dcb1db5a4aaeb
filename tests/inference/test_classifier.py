"""The `Classifier` beside the model itself and the stock pipeline."""

import json
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from datasets import Dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

from hf_textclf import Classifier, UserError
from hf_textclf.cli.main import main

TEXTS = [
    "房间很好，下次还来。",
    "服务太差了！再也不会来",
    "一般",
    "",
    "   ",
    "👍🏽 👨‍👩‍👧 💔",
    "plain English",
    "很" * 300,
]


def by_hand(folder, text, problem_type):
    """Probabilities of one text, from the stock classes only."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    ids = tokenizer(text, truncation=True)["input_ids"]
    mask = [1] * len(ids)
    with torch.no_grad():
        logits = (
            model(torch.tensor([ids or [0]]), attention_mask=torch.tensor([mask or [0]])).logits[0].double().numpy()
        )
    if problem_type == "single":
        return np.exp(logits) / np.exp(logits).sum()
    return 1 / (1 + np.exp(-logits)) if problem_type == "multi" else logits


@pytest.fixture(params=["single", "multi", "regression"])
def kind(request):
    return request.param


def rows(predictions):
    return np.array([list(prediction.probabilities.values()) for prediction in predictions])


def test_equals_the_model_by_hand(trained_models, kind):
    found = rows(Classifier(trained_models / kind)(TEXTS))
    expected = [by_hand(trained_models / kind, text, kind) for text in TEXTS]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.ptp(found, axis=0).max() > 0.01


def test_equals_the_stock_pipeline(trained_models, kind):
    texts = [text for text in TEXTS if text.strip()]
    options = {"function_to_apply": "none"} if kind == "regression" else {}
    stock = pipeline("text-classification", str(trained_models / kind))(texts, top_k=None, truncation=True, **options)
    for prediction, answers in zip(Classifier(trained_models / kind)(texts), stock, strict=True):
        assert prediction.probabilities == pytest.approx({row["label"]: row["score"] for row in answers}, abs=1e-6)


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_batch_size_and_order_make_no_difference(trained_models, kind, batch_size):
    classifier = Classifier(trained_models / kind)
    alone = np.concatenate([rows(classifier([text])) for text in TEXTS])
    np.testing.assert_allclose(rows(classifier(TEXTS, batch_size=batch_size)), alone, atol=1e-6)
    np.testing.assert_allclose(rows(classifier(TEXTS[::-1], batch_size=batch_size))[::-1], alone, atol=1e-6)


def test_stream_is_the_list(trained_models, kind):
    classifier = Classifier(trained_models / kind)
    texts = TEXTS * 5
    streamed = list(classifier.stream(iter(texts), batch_size=2))
    np.testing.assert_allclose(rows(streamed), rows(classifier(texts)), atol=1e-6)


def test_stream_asks_for_no_more_texts_than_it_needs(trained_models):
    asked = []
    stream = Classifier(trained_models / "single").stream(
        (asked.append(n) or "好" for n in range(100_000)), batch_size=2
    )
    next(stream)
    assert len(asked) <= 32


def test_single_label(trained_models):
    for prediction in Classifier(trained_models / "single")(TEXTS):
        assert list(prediction.probabilities) == ["negative", "neutral", "positive"]
        assert sum(prediction.probabilities.values()) == pytest.approx(1, abs=1e-6)
        assert prediction.score == max(prediction.probabilities.values()) == prediction.probabilities[prediction.label]


def test_multi_label(trained_models):
    predictions = Classifier(trained_models / "multi")(
        TEXTS + ["足球 世界杯 决赛 球员 进球", "股市 指数 涨停 A股", "央行 利率 银行"]
    )
    for prediction in predictions:
        expected = [name for name, probability in prediction.probabilities.items() if probability >= 0.5]
        assert prediction.label == expected
        assert prediction.score == max(prediction.probabilities.values())
    assert {len(prediction.label) for prediction in predictions} != {0}


def test_regression(trained_models):
    classifier = Classifier(trained_models / "regression")
    assert (classifier.problem_type, classifier.label_names) == ("regression", ["rating"])
    for prediction in classifier(TEXTS):
        assert prediction.label == "rating"
        assert prediction.probabilities == {"rating": prediction.score}


def test_from_pretrained_is_the_constructor(trained_models):
    classifier = Classifier.from_pretrained(trained_models / "multi", thresholds=0.25, device="cpu")
    assert type(classifier) is Classifier and set(classifier.thresholds) == {0.25}
    assert classifier(TEXTS) == Classifier(trained_models / "multi", thresholds=0.25, device="cpu")(TEXTS)
    with pytest.raises(UserError, match="40 hexadecimal digits"):
        Classifier.from_pretrained(trained_models / "multi", trust_remote_code=True)


def test_what_is_no_name_or_device(trained_models):
    for name in (5, None, ["a"]):
        with pytest.raises(TypeError, match=f"name_or_path is a {type(name).__name__}, expected a folder or a Hub id"):
            Classifier(name)
    for device in ("gpu", "cuda:99", 7.5):
        with pytest.raises(UserError, match=rf"device='?{device}'? is not there, expected cpu, or cuda beside a GPU"):
            Classifier(trained_models / "single", device=device)


def test_no_texts(trained_models, kind):
    classifier = Classifier(trained_models / kind)
    assert classifier([]) == list(classifier.stream([])) == []
    assert classifier.probabilities([]).shape == (0, len(classifier.label_names))


def test_only_empty_texts(trained_models, kind):
    assert len({str(prediction) for prediction in Classifier(trained_models / kind)(["", "", ""])}) == 1


ENTRIES = {
    "call": lambda classifier: classifier,
    "stream": lambda classifier: lambda texts, **options: list(classifier.stream(texts, **options)),
    "probabilities": lambda classifier: classifier.probabilities,
    "logits": lambda classifier: classifier.logits,
    "predictor": lambda classifier: classifier.predictor.logits,
    "read": lambda classifier: lambda texts, **options: list(classifier.predictor.read(texts, **options)),
}


@pytest.fixture(scope="module")
def maxent(tmp_path_factory):
    folder = tmp_path_factory.mktemp("linear") / "model"
    flags = ["--model_type", "maxent", "--dataset", "samples/opinions_zh", "--label_column", "sentiment"]
    assert main(["train", *flags, "--output_dir", str(folder)]) == 0
    return folder


@pytest.fixture(params=["network", "linear"])
def classifier(request, trained_models):
    return Classifier(trained_models / "single" if request.param == "network" else request.getfixturevalue("maxent"))


@pytest.mark.parametrize("entry", ENTRIES)
def test_what_is_no_list_of_texts(classifier, entry):
    call = ENTRIES[entry](classifier)
    with pytest.raises(TypeError, match=r"expected a list of texts, got the string '房间'; write \[text\]"):
        call("房间")
    for other, named in {
        b"text": "a bytes", None: "a NoneType", 5: "a int", frozenset({"a"}): "a frozenset",
    }.items():  # fmt: skip
        with pytest.raises(TypeError, match=f"expected a list of texts, got {named}"):
            call(other)
    # their names of columns would be the texts
    for table in ({"text": ["a"]}, pd.DataFrame({"text": ["a"]}), Dataset.from_dict({"text": ["a"]})):
        with pytest.raises(TypeError, match=f"expected a list of texts, got a {type(table).__name__}"):
            call(table)
    for row in (None, float("nan"), 7, b"text", ["text"]):
        with pytest.raises(TypeError, match=r"texts\[2\] is .*, expected a string; leave it out or write ''"):
            call(["好", "", row, "好"])
    for size in (0, -1, 2.5, "8", None):
        with pytest.raises(UserError, match=r"batch_size=.*, expected a whole number from 1 on; correct it"):
            call(["好"], batch_size=size)


def test_a_row_that_is_no_string_far_in_a_stream(classifier):
    """Its number is that of the stream; what comes before is answered."""
    stream = classifier.stream((text for text in ["好"] * 40 + [None]), batch_size=2)
    assert len([next(stream) for _ in range(32)]) == 32
    with pytest.raises(TypeError, match=r"texts\[40\] is None"):
        list(stream)
    # before the first text is asked for
    with pytest.raises(UserError, match="batch_size=0"):
        classifier.stream(["好"], batch_size=0)


@pytest.mark.parametrize("entry", ENTRIES)
def test_whatever_gives_strings_in_an_order(classifier, entry):
    call, texts = ENTRIES[entry](classifier), ["好", "", "👍🏽", "plain"]
    expected = str(call(texts))
    columns = [Dataset.from_dict({"text": texts})["text"], pd.Series(texts, index=[9, 8, 7, 6]), np.array(texts)]
    for same in (*columns, tuple(texts), iter(texts), dict.fromkeys(texts).keys()):
        assert str(call(same)) == expected
    assert str(call(texts, batch_size=sys.maxsize + 1)) == expected


def test_half_a_character_is_read_as_a_replacement(classifier):
    half, other = classifier(["房间 \ud83d很好", "房间 \ufffd很好"])
    assert half == other
    assert classifier(["\ud83d\ude00"])[0].label


@pytest.mark.parametrize("size", [100_000, pytest.param(10_000_000, marks=pytest.mark.slow)])
def test_a_very_long_text(trained_models, size):
    """Cut to the tokens at its head, as a short text would be."""
    classifier = Classifier(trained_models / "single")
    start = "房间很好，下次还来。服务太差了！再也不会来第二次"
    long, short = classifier([start + " 好" * (size // 4), start])
    assert len(start) > 20 and long.probabilities == pytest.approx(short.probabilities, abs=1e-6)


def test_not_a_model(tmp_path):
    for name in (tmp_path, tmp_path / "none", "owner/name"):
        with pytest.raises(UserError, match="cannot load a model|is no folder here") as caught:
            Classifier(name)
        assert "\n" not in str(caught.value) and "NoneType" not in str(caught.value)


def test_code_is_trusted_at_a_commit_only(trained_models):
    with pytest.raises(UserError, match="40 hexadecimal digits"):
        Classifier(trained_models / "single", trust_remote_code=True)


def test_published_regressor_without_problem_type(trained_models, tmp_path):
    shutil.copytree(trained_models / "regression", tmp_path / "published")
    config = json.loads((tmp_path / "published/config.json").read_text())
    (tmp_path / "published/config.json").write_text(json.dumps(config | {"problem_type": None}))
    expected = [prediction.score for prediction in Classifier(trained_models / "regression")(TEXTS)]
    assert [prediction.score for prediction in Classifier(tmp_path / "published")(TEXTS)] == expected
