"""Every system of the field guide learns: on the embedded data each comes to 0.9 of what a linear model reaches."""

import json
from functools import cache

import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline

from hf_textclf.cli.main import main
from hf_textclf.data import DataArguments, load_data
from tests.benchmarks.minilm import minilm_folder

# few texts, seen often, with dropout against learning them by heart
OFTEN = [
    "--num_train_epochs", "20", "--per_device_train_batch_size", "16", "--learning_rate", "1e-2", "--pooling", "max",
    "--embedding_dropout", "0.1", "--locked_dropout", "0.3", "--classifier_dropout", "0.3",
]  # fmt: skip
# a network that says "no" to every text is often right
BY_F1 = ["--metric_for_best_model", "macro_f1"]
LABELS = {"samples/opinions_en": "sentiment"}
# a data set and the flags of `train`
SYSTEMS = {
    "textbook": ("samples/news_en", ["--config", "thucnews_titles_textbook_lstm", *OFTEN]),
    "one_vs_rest": (
        "samples/news_en", ["--config", "thucnews_titles_textbook_lstm", *OFTEN, "--one_vs_rest", "true", *BY_F1],
    ),
    # of a few sentences each
    "sentences, attention": ("samples/opinions_en", ["--config", "imdb_sentences_lstm", *OFTEN]),
    "sentences, tfidf": (
        "samples/opinions_en", ["--config", "imdb_sentences_lstm", *OFTEN, "--sentence_weights", "tfidf"],
    ),
    "windows": (
        "samples/opinions_en",
        ["--config", "imdb_sentences_lstm", *OFTEN, "--document_strategy", "windows", "--max_length", "12"],
    ),
    "key sentences": (
        "samples/opinions_en", ["--config", "imdb_key_sentences_lstm", *OFTEN, "--num_sentences", "2"],
    ),
}  # fmt: skip


@cache
def linear_macro_f1(dataset):
    """What TF-IDF and logistic regression reach on test."""
    splits = load_data(DataArguments(dataset, label_column=[LABELS.get(dataset, "topic")])).splits
    chinese = {"analyzer": "char", "ngram_range": (1, 3)} if dataset.endswith("zh") else {"ngram_range": (1, 2)}
    model = make_pipeline(TfidfVectorizer(sublinear_tf=True, **chinese), LogisticRegression(C=10))
    model.fit(splits["train"]["text"][:], splits["train"]["labels"][:])
    return f1_score(splits["test"]["labels"][:], model.predict(splits["test"]["text"][:]), average="macro")


@pytest.mark.slow
@pytest.mark.parametrize("name", SYSTEMS)
def test_system_learns(name, tmp_path):
    check_learns(*SYSTEMS[name], tmp_path / "run")


@pytest.mark.slow
def test_language_models_are_a_start(tmp_path):
    """582 headlines teach no language: the models start from a BERT's embeddings of their words."""
    forward, backward = str(tmp_path / "forward"), str(tmp_path / "backward")
    keys = "--num_train_epochs 5 --learning_rate 1e-3 --vocab_size 4000 --embedding_size 128 --hidden_size 64".split()
    pretrain = ["pretrain", "--config", "demo_lm", *keys, "--use_cpu", "true", "--disable_tqdm", "true"]
    start = ["--tokenizer_type", "word", "--embeddings_from", str(minilm_folder())]
    assert main([*pretrain, *start, "--output_dir", forward]) == 0
    assert main([*pretrain, "--direction", "backward", "--init_from", forward, "--output_dir", backward]) == 0
    flags = ["--init_from", forward, backward, "--num_train_epochs", "20", "--per_device_train_batch_size", "16"]
    flags += ["--learning_rate", "3e-3", "--embedding_dropout", "0.2", *BY_F1]
    check_learns("samples/news_en", flags, tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dataset", "reads"),
    [("samples/news_en", []), ("samples/opinions_en", ["--truncation", "head_tail", "--max_length", "16"])],
    ids=["whole", "head_tail"],
)
def test_recipe_of_imdb(dataset, reads, tmp_path):
    """Many long texts are its trade; of few and short ones it has to know the words before."""
    start = ["--config", "imdb_textbook_lstm", "--embeddings_from", str(minilm_folder())]
    check_learns(dataset, [*start, *OFTEN, "--learning_rate", "3e-3", *reads], tmp_path / "run")


def check_learns(dataset, flags, folder):
    """Train into a new folder, and compare its macro-F1 on test with the linear model's."""
    label = LABELS.get(dataset, "topic")
    names = load_data(DataArguments(dataset, label_column=[label])).label_names
    source = ["--dataset", dataset, "--label_column", label, "--label_names", *names]
    quiet = ["--use_cpu", "true", "--disable_tqdm", "true", "--output_dir", str(folder)]
    assert main(["train", *flags, *source, *quiet]) == 0
    assert main(["evaluate", str(folder)]) == 0
    found = json.loads((folder / "evaluation_test" / "eval_results.json").read_text())["metrics"]["macro_f1"]
    assert found >= 0.9 * linear_macro_f1(dataset)
