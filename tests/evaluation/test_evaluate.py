"""`hf-textclf evaluate`: the run's own figures again, other data, and the mistakes in order."""

import json
import shutil

import numpy as np
import pytest

from hf_textclf import Classifier
from hf_textclf.cli.main import main
from hf_textclf.data import read_rows, write_rows
from hf_textclf.files import SAMPLES
from hf_textclf.saved_model.layout import model_digest


@pytest.fixture
def evaluate(trained_models, tmp_path):
    """Evaluate a model and return its results and mistakes."""

    def run(kind, *flags):
        out = tmp_path / f"{kind}{len(list(tmp_path.iterdir()))}"
        assert main(["evaluate", str(trained_models / kind), "--output_dir", str(out), *map(str, flags)]) == 0
        mistakes = list(read_rows(out / "errors.csv")) if (out / "errors.csv").exists() else []
        return json.loads((out / "eval_results.json").read_text(encoding="utf-8")), mistakes

    return run


def flat(metrics):
    """Dots in place of nesting. Batches differ in size from training's, so the last bit of a logit may too."""
    found = {}
    for name, value in metrics.items():
        found |= (
            {f"{name}.{key}": item for key, item in flat(value).items()} if isinstance(value, dict) else {name: value}
        )
    return found


def sample_rows(name, split):
    return list(read_rows(SAMPLES / name / f"{split}.csv"))


@pytest.mark.parametrize("kind", ["single", "multi", "regression"])
def test_validation_reproduces_the_run(trained_models, evaluate, kind):
    run = json.loads((trained_models / kind / "eval_results.json").read_text())
    again, _ = evaluate(kind, "--split", "validation")
    for name in ("split", "rows", "num_parameters", "versions"):
        assert again[name] == run[name], name
    assert flat(again["metrics"]) == pytest.approx(flat(run["metrics"]), rel=0, abs=1e-7)


def test_test_split_by_default(evaluate):
    results, mistakes = evaluate("single")
    assert (results["split"], results["rows"]) == ("test", 70)
    assert 0 < len(mistakes) == round((1 - results["metrics"]["accuracy"]) * 70)


def test_validation_where_there_is_no_test(evaluate, tmp_path):
    (tmp_path / "data").mkdir()
    write_rows(tmp_path / "data" / "validation.csv", sample_rows("opinions_zh", "validation"))
    results, _ = evaluate("single", "--dataset", tmp_path / "data")
    assert (results["split"], results["rows"]) == ("validation", 43)


def test_mistakes_agree_with_predictions(trained_models, evaluate):
    _, mistakes = evaluate("single")
    rows = sample_rows("opinions_zh", "test")
    expected = [
        (prediction.score, row["sentiment"], prediction.label, row["text"])
        for row, prediction in zip(rows, Classifier(trained_models / "single")([r["text"] for r in rows]), strict=True)
        if row["sentiment"] != prediction.label
    ]
    expected.sort(key=lambda row: -row[0])
    assert [(row["label"], row["predicted"], row["text"]) for row in mistakes] == [row[1:] for row in expected]
    np.testing.assert_allclose([float(row["confidence"]) for row in mistakes], [row[0] for row in expected], atol=1e-4)


def test_mistakes_of_many_labels(trained_models, evaluate):
    results, mistakes = evaluate("multi")
    rows = {row["text"]: set(row["topics"].split(";")) for row in sample_rows("news_zh", "test")}
    answers = dict(zip(rows, Classifier(trained_models / "multi")(list(rows)), strict=True))
    wrong = {text for text, true in rows.items() if set(answers[text].label) != true}
    assert {row["text"] for row in mistakes} == wrong
    assert results["metrics"]["subset_accuracy"] == pytest.approx(1 - len(wrong) / len(rows))
    confidences = []
    for row in mistakes:
        answer, true = answers[row["text"]], rows[row["text"]]
        assert set(row["label"].split(";")) == true and set(row["predicted"].split(";")) - {""} == set(answer.label)
        distances = [abs(value - (name in true)) for name, value in answer.probabilities.items()]
        assert float(row["confidence"]) == pytest.approx(max(distances), abs=1e-4)
        confidences.append(float(row["confidence"]))
    assert confidences == sorted(confidences, reverse=True)


def test_mistakes_of_numbers(trained_models, evaluate):
    results, mistakes = evaluate("regression")
    rows = {row["text"]: float(row["rating"]) for row in sample_rows("opinions_zh", "test")}
    answers = dict(zip(rows, Classifier(trained_models / "regression")(list(rows)), strict=True))
    errors = [abs(rows[text] - answers[text].score) for text in rows]
    assert results["metrics"]["mae"] == pytest.approx(np.mean(errors), abs=1e-6)
    found = [float(row["confidence"]) for row in mistakes]
    np.testing.assert_allclose(found, sorted(errors, reverse=True), atol=1e-4)
    for row in mistakes:
        assert float(row["label"]) == rows[row["text"]]
        assert float(row["predicted"]) == pytest.approx(answers[row["text"]].score, abs=1e-6)


def test_another_file(trained_models, evaluate, tmp_path):
    """One class alone will do, and a file without a mistake has none to list."""
    texts = [row["text"] for row in sample_rows("opinions_zh", "test")]
    answers = [
        (text, answer.label) for text, answer in zip(texts, Classifier(trained_models / "single")(texts), strict=True)
    ]
    label = answers[0][1]
    rows = [{"words": text, "mood": answer} for text, answer in answers if answer == label]
    write_rows(tmp_path / "new.tsv", rows)
    flags = ["--dataset", tmp_path / "new.tsv", "--text_column", "words", "--label_column", "mood"]
    results, mistakes = evaluate("single", *flags)
    assert (results["rows"], results["metrics"]["accuracy"], mistakes) == (len(rows), 1, [])


def test_default_folder_beside_the_model(trained_models, tmp_path, refused_command):
    (tmp_path / "model").mkdir()
    for file in (trained_models / "single").iterdir():
        if file.is_file():
            (tmp_path / "model" / file.name).write_bytes(file.read_bytes())
    assert main(["evaluate", str(tmp_path / "model")]) == 0
    written = tmp_path / "model" / "evaluation_test"
    assert {path.name for path in written.iterdir()} == {"eval_results.json", "errors.csv"}
    before = (written / "eval_results.json").read_bytes()
    refused_command("evaluate", tmp_path / "model", words=["evaluation_test", "--output_dir", "remove it"])
    assert (written / "eval_results.json").read_bytes() == before


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--split", "train_"], ["'train_'", "train, validation, test"]),
        (["--dataset", "none.csv"], ["'none.csv'"]),
        (["--dataset", "samples/news_zh"], ["'sentiment'", "topic"]),
        (["--dataset", "new.csv"], ["'furious'", "negative"]),
        (["--splt", "test"], ["'splt'", "'split'"]),
        (["--batch_size", "0"], ["batch_size", "0"]),
        (["--label_column", "rating"], ["negative"]),
    ],
)
def test_refused(trained_models, refused_command, tmp_path, monkeypatch, flags, words):
    monkeypatch.chdir(tmp_path)
    write_rows("new.csv", [{"text": "好", "sentiment": "furious"}, {"text": "坏", "sentiment": "negative"}])
    refused_command("evaluate", trained_models / "single", "--output_dir", "out", *flags, words=words)
    assert [path.name for path in tmp_path.iterdir()] == ["new.csv"]


def test_folders_refused(trained_models, refused_command, tmp_path):
    refused_command("evaluate", words=["required: FOLDER"])
    refused_command("evaluate", tmp_path / "none", "--dataset", "samples/news_zh", words=["none", "no folder here"])
    # a folder that no training run of ours finished does not say what it was trained for
    (tmp_path / "bare").mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / "bare" / name).write_bytes((trained_models / "single" / name).read_bytes())
    refused_command("evaluate", tmp_path / "bare", words=["--dataset"])
    (tmp_path / "file").touch()
    refused_command(
        "evaluate", trained_models / "single", "--output_dir", tmp_path / "file", words=["file", "new folder"]
    )


def test_seeded_subset(evaluate):
    first, _ = evaluate("single", "--max_samples", "30")
    again, _ = evaluate("single", "--max_samples", "30")
    assert first["rows"] == 30 and first["metrics"] == again["metrics"]


def test_a_file_that_was_learnt_from_is_no_test(tiny_yaml, tmp_path, refused_command, monkeypatch):
    """Of a single file a part was set aside: that is judged by default, and the whole of it never."""
    monkeypatch.chdir(tmp_path)
    texts = [
        {"text": f"{'good' if number % 2 else 'bad'} {number}", "label": "ab"[number % 2]} for number in range(60)
    ]
    write_rows(tmp_path / "data.csv", texts)
    write_rows(tmp_path / "other.csv", texts)
    assert main(["train", "--config", tiny_yaml, "--dataset", "data.csv", "--output_dir", "run"]) == 0

    def judged(file):
        results = json.loads((tmp_path / "run" / file).read_text())
        return results["split"], results["rows"]

    assert main(["evaluate", "run"]) == 0 and judged("evaluation_validation/eval_results.json") == ("validation", 6)
    assert main(["card", "run", "--costs", "true"]) == 0 and judged("measured.json") == ("validation", 6)
    assert main(["compare", "run", "--output_dir", "run/side"]) == 0
    assert judged("side/comparison.json") == ("validation", 6)
    refused_command("evaluate", "run", "--split", "test", words=["trained on", "--split validation"])
    refused_command("evaluate", "run", "--dataset", tmp_path / "data.csv", "--split", "test", words=["trained on"])
    # the same texts under another name
    assert main(["evaluate", "run", "--dataset", "other.csv", "--output_dir", "run/other"]) == 0
    assert judged("other/eval_results.json") == ("validation", 6)


def test_figures_of_former_weights_are_replaced(trained_models, tmp_path):
    """What `calibrate` says to do next works."""
    folder = shutil.copytree(trained_models / "single", tmp_path / "model")
    assert main(["evaluate", str(folder)]) == main(["calibrate", str(folder)]) == main(["evaluate", str(folder)]) == 0
    results = json.loads((folder / "evaluation_test" / "eval_results.json").read_text())
    assert results["model_digest"] == model_digest(folder)
    assert main(["evaluate", str(folder)]) == 2


def stopped(*_):
    raise KeyboardInterrupt


def test_notes_beside_the_figures_stay(trained_models, tmp_path, monkeypatch):
    """Until new figures are whole the former ones stay, too."""
    folder = shutil.copytree(trained_models / "single", tmp_path / "model")
    assert main(["evaluate", str(folder)]) == 0
    output = folder / "evaluation_test"
    (output / "notes.md").write_text("mine")
    former = {path.name: path.read_bytes() for path in output.iterdir()}
    assert main(["calibrate", str(folder)]) == 0
    with monkeypatch.context() as patch:
        patch.setattr("hf_textclf.evaluation.evaluate.write_rows", stopped)
        assert main(["evaluate", str(folder)]) == 130
    assert {path.name: path.read_bytes() for path in output.iterdir()} == former
    assert main(["evaluate", str(folder)]) == 0
    assert set(path.name for path in output.iterdir()) == set(former) and (output / "notes.md").read_text() == "mine"
    assert (output / "eval_results.json").read_bytes() != former["eval_results.json"]
    assert not list(folder.rglob(".partial*"))


def test_what_a_killed_command_leaves_is_in_nobodys_way(trained_models, tmp_path):
    out = tmp_path / "out"
    (out / ".partial1234").mkdir(parents=True)
    (out / ".partial1234" / "errors.csv").touch()
    assert main(["evaluate", str(trained_models / "single"), "--output_dir", str(out)]) == 0
    assert {path.name for path in out.iterdir()} == {"eval_results.json", "errors.csv"}
