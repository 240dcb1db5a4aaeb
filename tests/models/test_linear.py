"""Linear models beside scikit-learn's own estimators, written out once more here."""

import json
import subprocess
import sys

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import MultinomialNB

from hf_textclf import Classifier, UserError
from hf_textclf.data import DataArguments, load_data
from hf_textclf.models import linear
from hf_textclf.models.linear import KINDS, choose_analyzer
from hf_textclf.training.linear import LinearArguments, train_linear

ENGLISH = {"token_pattern": r"\w+|[^\w\s]", "ngram_range": (1, 2), "min_df": 2}
CHINESE = {"analyzer": "char", "ngram_range": (1, 3), "min_df": 2}
ODD = ["", "   ", "zzzz qqqq", "Shares! Shares? a", "股市\n指数", "👍🏽", "goal " * 5000]
DATA = {
    "two": ({"dataset": "samples/opinions_en", "label_column": ["sentiment"], "positive_label": "negative"}, ENGLISH),
    "many": ({"dataset": "samples/news_en", "label_column": ["topic"]}, ENGLISH),
    "chinese": ({"dataset": "samples/news_zh", "label_column": ["topic"]}, CHINESE),
    "multi": ({"dataset": "samples/news_en", "label_column": ["topics"], "label_separator": ";"}, ENGLISH),
}


def plain(kind, matrix, labels, new):
    """The probabilities of scikit-learn's own estimators; NB-SVM as in the paper's equations, class by class."""
    if kind != "nb_svm":
        model = MultinomialNB() if kind == "naive_bayes" else LogisticRegression(C=10, max_iter=1000)
        return (OneVsRestClassifier(model) if labels.ndim == 2 else model).fit(matrix, labels).predict_proba(new)
    columns = labels.T if labels.ndim == 2 else [labels == label for label in range(labels.max() + 1)]
    probabilities = []
    for positive in columns[1:] if len(columns) == 2 else columns:
        p = 1 + np.asarray(matrix[np.flatnonzero(positive)].sum(0)).ravel()
        q = 1 + np.asarray(matrix[np.flatnonzero(1 - positive)].sum(0)).ravel()
        ratio = np.log((p / np.abs(p).sum()) / (q / np.abs(q).sum()))
        model = LogisticRegression(C=1, max_iter=1000).fit(matrix.multiply(ratio).tocsr(), positive)
        probabilities.append(model.predict_proba(new.multiply(ratio).tocsr())[:, 1])
    if len(columns) == 2:
        return np.stack([1 - probabilities[0], probabilities[0]], axis=1)
    found = np.stack(probabilities, axis=1)
    return found if labels.ndim == 2 else found / found.sum(1, keepdims=True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("data", DATA)
def test_equals_scikit_learn(tmp_path, data, kind):
    keys, form = DATA[data]
    arguments = DataArguments(**keys)
    results = train_linear(arguments, LinearArguments(kind, str(tmp_path / "model")))
    splits = load_data(arguments).splits
    vectorizer = {
        "naive_bayes": CountVectorizer(**form),
        "maxent": TfidfVectorizer(sublinear_tf=True, **form),
        "nb_svm": CountVectorizer(binary=True, **form),
    }[kind]
    texts = [*splits["test"]["text"], *ODD]
    matrix = vectorizer.fit_transform(splits["train"]["text"])
    expected = plain(kind, matrix, np.asarray(splits["train"]["labels"]).astype(int), vectorizer.transform(texts))
    found = Classifier(tmp_path / "model").probabilities(texts)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    assert np.ptp(found, axis=0).min() > 0.05
    columns = 1 if data == "two" else expected.shape[1]
    assert results["num_parameters"] == (matrix.shape[1] + 1) * columns


def test_regression_equals_ridge(tmp_path):
    arguments = DataArguments("samples/opinions_en", label_column=["rating"], problem_type="regression")
    train_linear(arguments, LinearArguments("maxent", str(tmp_path / "model"), C=0.7))
    splits = load_data(arguments).splits
    vectorizer = TfidfVectorizer(sublinear_tf=True, **ENGLISH)
    model = Ridge(alpha=1 / (2 * 0.7)).fit(
        vectorizer.fit_transform(splits["train"]["text"]), splits["train"]["labels"]
    )
    texts = [*splits["test"]["text"], *ODD]
    found = Classifier(tmp_path / "model").probabilities(texts)
    np.testing.assert_allclose(found[:, 0], model.predict(vectorizer.transform(texts)), rtol=0, atol=1e-6)


def test_every_key_reaches_the_fit(tmp_path):
    arguments = DataArguments("samples/opinions_en", label_column=["sentiment"], positive_label="positive")
    keys = {"analyzer": "char", "ngram_max": 4, "min_df": 3, "max_features": 1234, "weighting": "tfidf"}
    train_linear(arguments, LinearArguments("nb_svm", str(tmp_path / "model"), C=30.0, alpha=0.2, **keys))
    splits = load_data(arguments).splits
    vectorizer = TfidfVectorizer(sublinear_tf=True, analyzer="char", ngram_range=(1, 4), min_df=3, max_features=1234)
    matrix, labels = vectorizer.fit_transform(splits["train"]["text"]), np.asarray(splits["train"]["labels"])
    assert matrix.shape[1] == 1234
    sums = [0.2 + np.asarray(matrix[np.flatnonzero(labels == label)].sum(0)).ravel() for label in (0, 1)]
    ratio = np.log(sums[1] / sums[1].sum()) - np.log(sums[0] / sums[0].sum())
    model = LogisticRegression(C=30, max_iter=1000).fit(matrix.multiply(ratio).tocsr(), labels)
    new = vectorizer.transform(splits["test"]["text"]).multiply(ratio).tocsr()
    found = Classifier(tmp_path / "model").probabilities(splits["test"]["text"][:])
    np.testing.assert_allclose(found, model.predict_proba(new), rtol=0, atol=1e-6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("linear") / "model"
    train_linear(DataArguments("samples/news_zh", label_column=["topic"]), LinearArguments("maxent", str(place)))
    return place


def test_saved_without_pickle(folder):
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "linear_config.json", "vocabulary.json", "linear.safetensors", "run_config.yaml", "eval_results.json",
        "seen_texts.safetensors",
    }  # fmt: skip
    assert [path.name for path in folder.parent.iterdir()] == ["model"]
    # what a model of this folder's own kind of library would start with
    assert not [path for path in folder.iterdir() if path.read_bytes()[:1] == b"\x80"]


def test_fresh_process(folder):
    """Reads with every door to a pickle shut."""
    code = (
        "import json, sys, pickle\n"
        "def shut(*args, **options): raise AssertionError('a pickle was opened')\n"
        "import joblib\nfrom hf_textclf import Classifier\n"
        "pickle.load = pickle.loads = pickle.Unpickler = joblib.load = shut\n"
        "print(json.dumps(Classifier(sys.argv[1]).probabilities(json.loads(sys.argv[2])).tolist()))"
    )
    command = [sys.executable, "-c", code, str(folder), json.dumps(ODD[:-1])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == Classifier(folder).probabilities(ODD[:-1]).tolist()


def test_classifier_contract(folder):
    classifier = Classifier(folder)
    texts = ODD * 3
    whole = classifier.probabilities(texts)
    np.testing.assert_allclose(whole.sum(1), 1)
    streamed = list(classifier.stream(iter(texts), batch_size=1))
    assert [list(row.probabilities.values()) for row in streamed] == whole.tolist()
    assert classifier([]) == [] and classifier.probabilities([]).shape == (0, 6)


def write_rows(path, rows):
    path.write_text("\n".join(json.dumps({"text": text, "label": label}) for text, label in rows))
    return str(path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("names", [["a", "b", "c"], ["c", "a", "b", "d"]])
def test_a_class_without_rows_has_probability_0(tmp_path, kind, names):
    seen = [name for name in names if name != "c"]
    rows = [(f"class{n % len(seen)} word{n % 5}", seen[n % len(seen)]) for n in range(60)]
    data = DataArguments(write_rows(tmp_path / "rows.jsonl", rows), label_names=names, validation_size=0.2)
    train_linear(data, LinearArguments(kind, str(tmp_path / "model")))
    found = Classifier(tmp_path / "model")([row[0] for row in rows[:9]])
    assert [prediction.label for prediction in found] == [row[1] for row in rows[:9]]
    assert {prediction.probabilities["c"] for prediction in found} == {0.0}
    assert all(sum(prediction.probabilities.values()) == pytest.approx(1) for prediction in found)


@pytest.mark.parametrize("kind", KINDS)
def test_a_label_of_no_row_or_of_every_row(tmp_path, kind):
    rows = [(f"word{n % 3} here", ["always", *(["some"] if n % 3 else [])]) for n in range(60)]
    data = DataArguments(write_rows(tmp_path / "rows.jsonl", rows), label_names=["never", "always", "some"])
    train_linear(data, LinearArguments(kind, str(tmp_path / "model")))
    for prediction, (_, labels) in zip(Classifier(tmp_path / "model")([row[0] for row in rows]), rows, strict=True):
        assert (prediction.probabilities["never"], prediction.probabilities["always"]) == (0, 1)
        assert prediction.label == labels


def test_too_many_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(linear, "MAX_WEIGHTS", 1000)
    with pytest.raises(UserError, match="1,327 n-grams x 6 labels .* lower --max_features"):
        train_linear(
            DataArguments("samples/news_en", label_column=["topic"]), LinearArguments("maxent", str(tmp_path / "out"))
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["今天天气很好，适合出门。"], "char"),
        (["Good weather today."], "word"),
        (["映画はとても面白かった"], "char"),
        (["오늘은 날씨가 좋다"], "word"),
        (["iPhone 手机很好用，推荐购买", "12345 !!!"], "char"),
        (["The word 天气 means weather."], "word"),
        ([""], "word"),
    ],
)
def test_analyzer_is_chosen_by_the_script(texts, expected):
    assert choose_analyzer(texts) == expected
