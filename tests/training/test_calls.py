"""`hf_textclf.train` and `hf_textclf.evaluate`, as a notebook calls them."""

import json

import pandas as pd
import pytest

import hf_textclf


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("api") / "model"


def test_train_and_evaluate(folder):
    results = hf_textclf.train(
        dataset="samples/opinions_en", output_dir=folder, label_column="sentiment", model_type="naive_bayes", min_df=1
    )
    assert results == json.loads((folder / "eval_results.json").read_text())
    judged = hf_textclf.evaluate(folder, split="validation", max_samples=20)
    assert judged["split"] == "validation" and judged["rows"] == 20
    assert hf_textclf.Classifier(str(folder))(["A lovely stay."])[0].label


def test_network(tmp_path):
    results = hf_textclf.train(
        dataset="samples/opinions_en",
        output_dir=str(tmp_path / "run"),
        label_column=["sentiment"],
        max_steps=1,
        hidden_size=7,
        vocab_size=301,
        tokenizer_type="word",
        bidirectional=False,
        report_to="none",
    )
    assert results["split"] == "validation" and (tmp_path / "run" / "config.json").is_file()
    # as the command does, from the bundled config `lstm`
    assert "pooling: max" in (tmp_path / "run" / "run_config.yaml").read_text()


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"hiden_size": 3}, "unknown key 'hiden_size' (train()); did you mean 'hidden_size'?"),
        ({"pooling": "middle"}, "'middle'"),
        ({"max_length": 1.5}, "'1.5'"),
    ],
)
def test_refusals(tmp_path, keys, words):
    with pytest.raises(hf_textclf.UserError) as caught:
        hf_textclf.train(dataset="samples/opinions_en", output_dir=tmp_path / "run", **keys)
    assert words in str(caught.value) and not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"dataset": ["good", "bad"]}, "dataset is a list, expected a path or a Hub id; write the rows into a file"),
        ({"dataset": pd.DataFrame({"text": ["good"]})}, "dataset is a DataFrame"),
        ({"dataset": {"text": ["good"]}}, "dataset is a dict"),
        ({"output_dir": 5}, "output_dir is a int"),
        ({"config": 5}, "config is a int"),
    ],
)
def test_names_are_paths(tmp_path, keys, words):
    with pytest.raises(hf_textclf.UserError, match=words):
        hf_textclf.train(**{"dataset": "samples/opinions_en", "output_dir": tmp_path / "run"} | keys)
    if "dataset" in keys:
        with pytest.raises(hf_textclf.UserError, match=words):
            hf_textclf.evaluate(tmp_path, **keys)
    for folder in (5, None, ["a"]):
        with pytest.raises(hf_textclf.UserError, match=f"folder is a {type(folder).__name__}, expected a path"):
            hf_textclf.evaluate(folder)
    assert not (tmp_path / "run").exists()


def test_names():
    assert {"train", "evaluate"} <= set(dir(hf_textclf)) & set(hf_textclf.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'trian'"):
        hf_textclf.trian  # noqa: B018
