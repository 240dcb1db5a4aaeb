"""The frozen family as a system: a head over MiniLM on the embedded headlines, beside a linear model."""

import json
import os

import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline

from hf_textclf.cli.main import main
from hf_textclf.files import SAMPLES
from tests.benchmarks.minilm import minilm_folder


@pytest.mark.slow
def test_learns_the_headlines(tmp_path, cache):
    try:
        encoder = str(minilm_folder())
    except FileNotFoundError as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(error))
    folder = tmp_path / "run"
    keys = ["--encoder_name_or_path", encoder, "--output_dir", str(folder), "--disable_tqdm", "true"]
    assert main(["train", "--config", "demo_frozen", *keys]) == 0
    assert main(["evaluate", str(folder)]) == 0
    found = json.loads((folder / "evaluation_test" / "eval_results.json").read_text())["metrics"]["macro_f1"]

    news = {name: pd.read_csv(SAMPLES / "news_en" / f"{name}.csv") for name in ("train", "test")}
    linear = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10))
    linear.fit(news["train"].text, news["train"].topic)
    floor = f1_score(news["test"].topic, linear.predict(news["test"].text), average="macro")
    assert found >= 0.9 * floor
    # headlines that share no word: what pretraining is for
    assert found >= floor + 0.2
