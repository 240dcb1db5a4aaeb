"""The plain recurrent network and self-attention as systems: on the embedded headlines beside a linear model."""

import json

import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline

from hf_textclf.cli.main import main
from hf_textclf.data import DataArguments, load_data
from tests.benchmarks.minilm import minilm_folder

SYSTEMS = {"rnn": ["--cell", "rnn"], "attention": ["--num_attention_heads", "4", "--pooling", "mean_max"]}


@pytest.mark.slow
@pytest.mark.parametrize("name", SYSTEMS)
def test_system_learns(name, tmp_path):
    splits = load_data(DataArguments("samples/news_en", label_column=["topic"])).splits
    linear = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10))
    linear.fit(splits["train"]["text"][:], splits["train"]["labels"][:])
    floor = f1_score(splits["test"]["labels"][:], linear.predict(splits["test"]["text"][:]), average="macro")

    folder = tmp_path / "run"
    keys = ["--embeddings_from", str(minilm_folder()), "--disable_tqdm", "true", "--use_cpu", "true"]
    assert main(["train", "--config", "demo_lstm", *SYSTEMS[name], *keys, "--output_dir", str(folder)]) == 0
    assert main(["evaluate", str(folder)]) == 0
    found = json.loads((folder / "evaluation_test" / "eval_results.json").read_text())["metrics"]["macro_f1"]
    assert found >= 0.9 * floor
