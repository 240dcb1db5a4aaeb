"""Linear models through the commands: trained, judged and used like a network; what a person can get wrong."""

import json
import shutil

import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file, save_file
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from hf_textclf import Classifier
from hf_textclf.cli.main import main
from hf_textclf.data import read_rows, write_rows
from hf_textclf.files import SAMPLES
from hf_textclf.models.linear import KINDS

PROBLEMS = {
    "single": ["--dataset", "samples/opinions_zh", "--label_column", "sentiment"],
    "multi": ["--dataset", "samples/news_zh", "--label_column", "topics", "--label_separator", ";"],
    "regression": ["--dataset", "samples/opinions_zh", "--label_column", "rating", "--problem_type", "regression"],
}


@pytest.fixture(scope="session")
def linear(tmp_path_factory):
    """A folder with the finished models `single`, `multi` and `regression`, which no test may change."""
    folder = tmp_path_factory.mktemp("linear")
    for problem, flags in PROBLEMS.items():
        assert main(["train", "--model_type", "maxent", "--output_dir", str(folder / problem), *flags]) == 0
    return folder


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_learns_as_much_as_tf_idf_and_logistic_regression(tmp_path, kind, language):
    """The bundled config of the demo, on its test split."""
    out = tmp_path / "model"
    command = ["train", "--config", "demo_maxent", "--model_type", kind, "--dataset", f"samples/news_{language}"]
    assert main([*command, "--output_dir", str(out)]) == 0
    assert main(["evaluate", str(out)]) == 0
    found = json.loads((out / "evaluation_test" / "eval_results.json").read_text())["metrics"]["macro_f1"]

    train, test = (list(read_rows(SAMPLES / f"news_{language}" / f"{name}.csv")) for name in ("train", "test"))
    form = {"analyzer": "char", "ngram_range": (1, 3)} if language == "zh" else {"ngram_range": (1, 2)}
    vectorizer = TfidfVectorizer(sublinear_tf=True, **form)
    model = LogisticRegression(C=10).fit(
        vectorizer.fit_transform(row["text"] for row in train), [row["topic"] for row in train]
    )
    predicted = model.predict(vectorizer.transform(row["text"] for row in test))
    floor = f1_score([row["topic"] for row in test], predicted, average="macro")
    assert found >= 0.9 * floor


@pytest.mark.parametrize("problem", PROBLEMS)
def test_results_are_like_a_networks(linear, trained_models, tmp_path, problem):
    run, network = (
        json.loads((folder / problem / "eval_results.json").read_text()) for folder in (linear, trained_models)
    )
    assert run.keys() == network.keys() and run["metrics"].keys() == network["metrics"].keys()
    out = tmp_path / "out"
    flags = ["--split", "validation", "--output_dir", str(out)]
    assert main(["evaluate", str(linear / problem), *flags]) == 0
    again = json.loads((out / "eval_results.json").read_text())
    for name in ("split", "rows", "metrics", "num_parameters", "versions"):
        assert again[name] == run[name], name
    mistakes = list(read_rows(out / "errors.csv"))
    if problem == "single":
        assert len(mistakes) == round((1 - run["metrics"]["accuracy"]) * run["rows"]) > 0


def test_what_train_shows(tmp_path, capsys):
    assert main(["train", "--config", "demo_maxent", "--output_dir", str(tmp_path / "new" / "model")]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("validation: 120 texts\n") and "macro_f1" in out and "per_label" not in out
    assert out.endswith(f"now: hf-textclf evaluate {tmp_path / 'new' / 'model'}\n")
    assert "counting n-grams" in err and "100%" in err


def test_recorded_config_gives_the_same_run(tmp_path):
    flags = ["--model_type", "nb_svm", "--C", "0.5", "--alpha", "2", "--ngram_max", "2", *PROBLEMS["single"]]
    assert main(["train", *flags, "--output_dir", str(tmp_path / "one")]) == 0
    recorded = tmp_path / "one" / "run_config.yaml"
    assert yaml.safe_load(recorded.read_text()) == {
        "dataset": "samples/opinions_zh", "label_column": ["sentiment"], "model_type": "nb_svm", "C": 0.5, "alpha": 2,
        "ngram_max": 2,
    }  # fmt: skip
    assert main(["train", "--config", str(recorded), "--output_dir", str(tmp_path / "two")]) == 0
    for name in ("linear.safetensors", "vocabulary.json", "linear_config.json", "run_config.yaml"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.parametrize("problem", PROBLEMS)
def test_predict(linear, tmp_path, problem):
    texts = ["房间很好", "", "服务太差了"]
    write_rows(tmp_path / "in.csv", [{"text": text} for text in texts])
    assert (
        main(["predict", str(linear / problem), str(tmp_path / "in.csv"), "--output", str(tmp_path / "out.jsonl")])
        == 0
    )
    rows = list(read_rows(tmp_path / "out.jsonl"))
    expected = Classifier(linear / problem)(texts)
    assert [row["score"] for row in rows] == [round(prediction.score, 6) for prediction in expected]
    assert set(rows[0]) >= {f"probability_{name}" for name in expected[0].probabilities}


def test_help_lists_the_keys_of_a_linear_model(capsys):
    assert main(["train", "--help_all"]) == 0
    shown = capsys.readouterr().out
    linear = shown[shown.index("linear models (--model_type maxent):") : shown.index("\nmodel:")]
    assert "--ngram_max" in linear and "--dataset" in shown and "--learning_rate" not in linear


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--model_type", "maxent", "--learning_rate", "1e-3"], ["'learning_rate'", "--model_type maxent --help"]),
        (["--model_type", "maxent", "--num_train_epochs", "3"], ["'num_train_epochs'"]),
        (["--config", "demo_lstm", "--model_type", "nb_svm"], ["'license'", "demo_lstm.yaml"]),
        (["--config", "demo_maxent", "--model_type", "textclf_lstm", "--alpha", "1"], ["'alpha'"]),
        (["--model_type", "nb_svn"], ["'nb_svn'", "naive_bayes, maxent, nb_svm"]),
        (["--model_type", "maxent", "--alpha", "1"], ["alpha=1.0", "'maxent'", "drop --alpha"]),
        (["--model_type", "naive_bayes", "--C", "1"], ["C=1.0", "'naive_bayes'", "drop --C"]),
        (["--model_type", "nb_svm", "--C", "0"], ["C=0.0", "above 0"]),
        (["--model_type", "nb_svm", "--alpha", "nan"], ["alpha=nan", "above 0"]),
        (["--model_type", "maxent", "--ngram_max", "0"], ["ngram_max=0", "1 or more"]),
        (["--model_type", "maxent", "--min_df", "0"], ["min_df=0"]),
        (["--model_type", "maxent", "--min_df", "1000000"], ["1000000", "208 training texts", "lower --min_df"]),
        (["--model_type", "maxent", "--max_features", "0"], ["max_features=0"]),
        (["--model_type", "maxent", "--analyzer", "syllable"], ["analyzer", "'syllable'"]),
        (["--model_type", "nb_svm", "--label_column", "rating", "--problem_type", "regression"],
         ["'nb_svm'", "regression", "--model_type maxent"]),
        (["--model_type"], ["model_type", "expected one argument"]),
        (["--model_type", "maxent", "--dataset", "none.csv"], ["'none.csv'"]),
        (["--config", "none", "--model_type", "maxent"], ["'none'", "demo_maxent"]),
    ],
)  # fmt: skip
def test_refused(refused_command, tmp_path, monkeypatch, flags, words):
    monkeypatch.chdir(tmp_path)
    refused_command("train", "--output_dir", "out/model", *PROBLEMS["single"], *flags, words=words)
    assert not list(tmp_path.iterdir())


def test_existing_output_folder(refused_command, tmp_path):
    (tmp_path / "precious.txt").write_text("work of years")
    command = ["train", "--model_type", "maxent", *PROBLEMS["single"], "--output_dir", tmp_path]
    refused_command(*command, words=["already holds something"])
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


def test_several_processes(refused_command, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    command = ["train", "--model_type", "maxent", *PROBLEMS["single"], "--output_dir", tmp_path / "out"]
    refused_command(*command, words=["WORLD_SIZE=2", "one process"])


def edit_json(name, change):
    def spoil(folder):
        path = folder / name
        path.write_text(json.dumps(change(json.loads(path.read_text(encoding="utf-8")))), encoding="utf-8")

    return spoil


def edit_arrays(change):
    def spoil(folder):
        arrays = load_file(folder / "linear.safetensors")
        save_file(change(arrays), folder / "linear.safetensors")

    return spoil


def cut(name, size):
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:size])


DAMAGES = {
    "no config": lambda folder: (folder / "linear_config.json").unlink(),
    "no vocabulary": lambda folder: (folder / "vocabulary.json").unlink(),
    "no weights": lambda folder: (folder / "linear.safetensors").unlink(),
    "cut config": cut("linear_config.json", 30),
    "cut vocabulary": cut("vocabulary.json", 100),
    "cut weights": cut("linear.safetensors", -8),
    "a stub of weights": cut("linear.safetensors", 5),
    "config is a list": edit_json("linear_config.json", lambda _: [1]),
    "config lacks a key": edit_json("linear_config.json", lambda config: {"model_type": config["model_type"]}),
    "unknown kind": edit_json("linear_config.json", lambda config: config | {"model_type": "svm"}),
    "unknown key": edit_json("linear_config.json", lambda config: config | {"kernel": "rbf"}),
    "wrong type": edit_json("linear_config.json", lambda config: config | {"ngram_max": "3"}),
    "ids with a gap": edit_json("linear_config.json", lambda config: config | {"id2label": {"0": "a", "2": "b"}}),
    "one label fewer": edit_json("linear_config.json", lambda config: config | {"id2label": {"0": "a", "1": "b"}}),
    "vocabulary too short": edit_json("vocabulary.json", lambda terms: terms[1:]),
    "vocabulary too long": edit_json("vocabulary.json", lambda terms: [*terms, "word"]),
    "vocabulary repeats": edit_json("vocabulary.json", lambda terms: [terms[1], *terms[1:]]),
    "vocabulary of lists": edit_json("vocabulary.json", lambda terms: [[term] for term in terms]),
    "vocabulary is a number": edit_json("vocabulary.json", lambda _: 3),
    "no bias": edit_arrays(lambda arrays: {name: arrays[name] for name in ("weights", "idf")}),
    "no idf": edit_arrays(lambda arrays: {name: arrays[name] for name in ("weights", "bias")}),
    "idf too short": edit_arrays(lambda arrays: arrays | {"idf": arrays["idf"][1:]}),
    "weights turned": edit_arrays(lambda arrays: arrays | {"weights": np.ascontiguousarray(arrays["weights"].T)}),
    "one more array": edit_arrays(lambda arrays: arrays | {"more": arrays["bias"]}),
}


@pytest.mark.parametrize("how", DAMAGES)
def test_damaged_folder(refused_command, linear, tmp_path, how):
    folder = tmp_path / "model"
    shutil.copytree(linear / "single", folder)
    DAMAGES[how](folder)
    write_rows(tmp_path / "in.csv", [{"text": "好"}])
    refused_command("predict", folder, tmp_path / "in.csv", "--output", tmp_path / "out.csv", words=[folder])
    refused_command("evaluate", folder, words=[folder])
    assert not (tmp_path / "out.csv").exists() and not (folder / "evaluation_test").exists()


def test_is_no_checkpoint_to_train_further(refused_command, linear, tmp_path):
    command = ["train", "--model_name_or_path", linear / "single", *PROBLEMS["single"], "--output_dir", tmp_path / "o"]
    refused_command(*command, words=["cannot load a model"])
    assert not (tmp_path / "o").exists()
