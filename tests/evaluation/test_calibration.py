"""`hf-textclf calibrate`, and what `evaluate` and `predict` make of it."""

import json
import os
import shutil
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax
from sklearn.metrics import f1_score
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

from hf_textclf import Classifier
from hf_textclf.cli.main import main
from hf_textclf.data import read_rows, write_rows
from hf_textclf.evaluation.calibration import held_out_labels
from hf_textclf.files import SAMPLES
from hf_textclf.saved_model.facts import Facts

DATA = {"single": ("opinions_zh", "sentiment"), "multi": ("news_zh", "topics")}
# the same folder for someone who does not have us
WITHOUT_US = """
import json, sys
sys.modules["hf_textclf"] = None
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline
model = AutoModelForSequenceClassification.from_pretrained("model", trust_remote_code=True)
tokenizer = AutoTokenizer.from_pretrained("model", trust_remote_code=True)
pipe = pipeline("text-classification", model=model, tokenizer=tokenizer, top_k=None)
print(json.dumps(pipe(sys.argv[1:], truncation=True)))
"""


def rows_of(kind, split):
    return list(read_rows(SAMPLES / DATA[kind][0] / f"{split}.csv"))


def results_of(folder):
    return json.loads((folder / "eval_results.json").read_text(encoding="utf-8"))


def config_of(folder):
    return json.loads((folder / "config.json").read_text(encoding="utf-8"))


def copy_of(trained, kind, place):
    return shutil.copytree(trained / kind, place / kind, ignore=shutil.ignore_patterns("evaluation_*"))


@pytest.fixture(scope="module")
def calibrated(trained_models, tmp_path_factory):
    """The models `single` and `multi`, calibrated; no test may change them."""
    place = tmp_path_factory.mktemp("calibrated")
    for kind in DATA:
        assert main(["calibrate", str(copy_of(trained_models, kind, place))]) == 0
    return place


def tempered(trained, calibrated, kind, texts):
    """What the probabilities must be: those of the logits before, divided by the temperature."""
    temperature = config_of(calibrated / kind)["calibration"]["temperature"]
    assert abs(temperature - 1) > 0.01
    logits = Classifier(trained / kind).logits(texts).astype(float) / temperature
    return softmax(logits, axis=1) if kind == "single" else expit(logits)


def in_order(answers, label_names):
    """The probabilities in a pipeline's answers, (texts, labels)."""
    scores = [{label["label"]: label["score"] for label in answer} for answer in answers]
    return [[row[label] for label in label_names] for row in scores]


@pytest.mark.parametrize("kind", DATA)
def test_probabilities_are_those_of_the_tempered_logits(trained_models, calibrated, kind):
    texts = [row["text"] for row in rows_of(kind, "test")][:9]
    expected, classifier = tempered(trained_models, calibrated, kind, texts), Classifier(calibrated / kind)
    np.testing.assert_allclose(classifier.probabilities(texts), expected, atol=1e-6)
    model = AutoModelForSequenceClassification.from_pretrained(calibrated / kind)
    tokenizer = AutoTokenizer.from_pretrained(calibrated / kind)
    pipe = pipeline("text-classification", model=model, tokenizer=tokenizer, top_k=None)
    answers = pipe(texts, truncation=True)
    np.testing.assert_allclose(in_order(answers, classifier.label_names), expected, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("kind", DATA)
def test_probabilities_where_we_are_not_installed(trained_models, calibrated, kind, tmp_path):
    texts = [row["text"] for row in rows_of(kind, "test")][:9]
    expected = tempered(trained_models, calibrated, kind, texts)
    (tmp_path / "model").symlink_to(calibrated / kind)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_US, *texts], cwd=tmp_path, capture_output=True, text=True,
        env=os.environ | {"HF_MODULES_CACHE": str(tmp_path / "modules")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout.splitlines()[-1])
    np.testing.assert_allclose(in_order(answers, Classifier(trained_models / kind).label_names), expected, atol=1e-6)


def test_overconfident_model_becomes_honest(trained_models, calibrated, tmp_path):
    """Logits five times as large need a temperature five times as high, and end as the same model."""
    folder = copy_of(trained_models, "single", tmp_path)
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    with torch.no_grad():
        for parameter in model.classifier.parameters():
            parameter.mul_(5)
    model.save_pretrained(folder)
    assert main(["calibrate", str(folder)]) == 0
    results, modest = results_of(folder), results_of(calibrated / "single")
    before, after = results["calibration"]["before"], results["metrics"]
    assert results["calibration"]["temperature"] == pytest.approx(5 * modest["calibration"]["temperature"], rel=1e-3)
    for name in ("log_loss", "expected_calibration_error"):
        assert after[name] < before[name]
        assert after[name] == pytest.approx(modest["metrics"][name], rel=1e-3)
    assert after["accuracy"] == before["accuracy"]
    assert config_of(folder)["calibration"]["thresholds"] is None
    assert "metrics_at_0.5" not in results


def test_results_card_and_diagram_are_those_of_the_new_weights(trained_models, calibrated, tmp_path):
    results, old = results_of(calibrated / "multi"), results_of(trained_models / "multi")
    assert results["calibration"]["before"] == pytest.approx(
        {name: value for name, value in old["metrics"].items() if name != "per_label"}, abs=1e-6
    )
    assert results["metrics"]["macro_f1"] > results["metrics_at_0.5"]["macro_f1"]
    classifier, rows = Classifier(calibrated / "multi"), rows_of("multi", "validation")
    true = np.array([[name in row["topics"].split(";") for name in classifier.label_names] for row in rows])
    predicted = held_out_labels(classifier.probabilities([row["text"] for row in rows]), true)
    assert results["calibration"]["held_out"]["macro_f1"] == pytest.approx(f1_score(true, predicted, average="macro"))
    for name in ("train_rows", "train_seconds", "versions", "rows", "split"):
        assert results[name] == old[name]
    card = (calibrated / "multi" / "README.md").read_text(encoding="utf-8")
    for value in (results["metrics"], results["metrics_at_0.5"], results["calibration"]["held_out"]):
        assert f"{value['macro_f1']:.4f}" in card
    assert f"{results['calibration']['temperature']:.3f}" in card
    assert (calibrated / "multi" / "reliability.png").read_bytes().startswith(b"\x89PNG")
    assert not (calibrated / "multi" / ".partial").exists()
    # evaluate comes to the same figures
    out = tmp_path / "out"
    assert main(["evaluate", str(calibrated / "multi"), "--split", "validation", "--output_dir", str(out)]) == 0
    for name in ("metrics", "metrics_at_0.5"):
        flat = {key: value for key, value in results[name].items() if key != "per_label"}
        assert {key: results_of(out)[name][key] for key in flat} == pytest.approx(flat, abs=1e-6)


def test_calibrated_again_nothing_changes(calibrated, tmp_path):
    again = copy_of(calibrated, "multi", tmp_path)
    assert main(["calibrate", str(again)]) == 0
    old, new = config_of(calibrated / "multi")["calibration"], config_of(again)["calibration"]
    assert new["temperature"] == pytest.approx(old["temperature"], rel=1e-4)
    assert new["thresholds"] == pytest.approx(old["thresholds"], abs=1e-4)
    texts = [row["text"] for row in rows_of("multi", "test")]
    np.testing.assert_allclose(
        Classifier(again).probabilities(texts), Classifier(calibrated / "multi").probabilities(texts), atol=1e-4
    )


def test_thresholds_decide_the_labels(calibrated, tmp_path, capsys):
    """In Python, in `predict` and in `evaluate`, unless `--thresholds 0.5` says otherwise."""
    folder = str(calibrated / "multi")
    thresholds = config_of(calibrated / "multi")["calibration"]["thresholds"]
    classifier, rows = Classifier(folder), rows_of("multi", "test")
    probabilities = classifier.probabilities([row["text"] for row in rows])
    true = np.array([[name in row["topics"].split(";") for name in classifier.label_names] for row in rows])
    for number, (limits, flags) in enumerate([(thresholds, []), (0.5, ["--thresholds", "0.5"])]):
        expected = probabilities >= np.array(limits)
        names = [";".join(np.array(classifier.label_names)[row]) for row in expected]
        source, target = str(SAMPLES / "news_zh" / "test.csv"), tmp_path / f"{number}.csv"
        assert main(["predict", folder, source, "--output", str(target), *flags]) == 0
        assert [row["label"] for row in read_rows(target)] == names
        python = Classifier(folder, thresholds=0.5 if flags else None)([row["text"] for row in rows])
        assert [";".join(prediction.label) for prediction in python] == names
        out = tmp_path / f"evaluation{number}"
        assert main(["evaluate", folder, "--output_dir", str(out), *flags]) == 0
        results = results_of(out)
        f1 = f1_score(true, expected, average="macro", zero_division=0)
        assert results["metrics"]["macro_f1"] == pytest.approx(f1)
        assert results["metrics"]["micro_f1"] == pytest.approx(f1_score(true, expected, average="micro"))
        mistakes = {row["text"]: row["predicted"] for row in read_rows(out / "errors.csv")}
        wrong = (expected != true).any(axis=1)
        assert mistakes == {row["text"]: name for row, name, bad in zip(rows, names, wrong, strict=True) if bad}
        if number == 0:
            at_half = results["metrics_at_0.5"]
            assert at_half["macro_f1"] == pytest.approx(
                f1_score(true, probabilities >= 0.5, average="macro", zero_division=0)
            )
            assert f"macro_f1 {at_half['macro_f1']:.4f}" in capsys.readouterr().out
        else:
            assert "metrics_at_0.5" not in results


def test_card_has_the_new_figures_and_what_people_wrote(trained_models, tmp_path):
    folder = copy_of(trained_models, "multi", tmp_path)
    card = folder / "README.md"
    card.write_text(card.read_text(encoding="utf-8") + "\nNot for medical texts.\n", encoding="utf-8")
    assert main(["calibrate", str(folder)]) == 0
    text = card.read_text(encoding="utf-8")
    assert text.endswith("\nNot for medical texts.\n")
    assert f"| macro_f1 | {results_of(folder)['metrics']['macro_f1']:.4f} |" in text
    card.write_text("# Somebody else's\n", encoding="utf-8")
    assert main(["calibrate", str(folder)]) == 0
    assert card.read_text(encoding="utf-8") == "# Somebody else's\n"


def test_interrupted_before_the_files_are_whole(trained_models, tmp_path, monkeypatch):
    folder = copy_of(trained_models, "multi", tmp_path)
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("hf_textclf.evaluation.calibration.move_files", stop)
    assert main(["calibrate", str(folder)]) == 130
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
    monkeypatch.undo()
    assert main(["calibrate", str(folder)]) == 0
    assert not (folder / ".partial").exists()


class Killed(BaseException):
    """The process ends here."""


def test_killed_at_any_moment(calibrated, trained_models, tmp_path, monkeypatch):
    """Weights and config.json belong together at every moment, also for who does not know of us."""
    texts = [row["text"] for row in rows_of("multi", "test")][:9]
    states = {
        path: (Classifier(path / "multi").probabilities(texts), config_of(path / "multi").get("calibration"))
        for path in (trained_models, calibrated)
    }
    seen = set()
    for moment in range(1, 99):
        folder, left = copy_of(trained_models, "multi", tmp_path / str(moment)), iter(range(moment))

        def killed(source, target, *, real, left=left):
            if next(left, None) is None:
                raise Killed
            real(source, target)

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", partial(killed, real=os.replace))
            patch.setattr(shutil, "copyfile", partial(killed, real=shutil.copyfile))
            try:
                finished = main(["calibrate", str(folder)]) == 0
            except Killed:
                finished = False
        model = AutoModelForSequenceClassification.from_pretrained(folder)
        found = Classifier(folder)
        state = next(
            path
            for path, (_, calibration) in states.items()
            if getattr(model.config, "calibration", None) == calibration
        )
        np.testing.assert_allclose(found.probabilities(texts), states[state][0], atol=1e-6)
        # no figures are told of weights that they are not of
        facts = Facts(folder, name="it")
        if "metrics" in facts.results:
            assert ("calibration" in facts.results) is (state == calibrated), moment
        seen.add((state, finished))
        assert main(["calibrate", str(folder)]) == 0
        assert {path.name for path in folder.iterdir()} == {path.name for path in (calibrated / "multi").iterdir()}
        if finished:
            break
    assert seen == {(trained_models, False), (calibrated, False), (calibrated, True)}


@pytest.fixture
def rare(trained_models, tmp_path):
    """A copy of `multi`, and a file of texts of which none has its first label."""
    folder = copy_of(trained_models, "multi", tmp_path)
    first = Classifier(folder).label_names[0]
    rows = [row for row in rows_of("multi", "validation") if first not in row["topics"].split(";")]
    write_rows(tmp_path / "rare.csv", rows)
    return folder, first, ["--dataset", str(tmp_path / "rare.csv"), "--split", "test"]


def test_label_without_a_text_keeps_its_threshold(rare, caplog):
    folder, first, flags = rare
    config = config_of(folder)
    config["calibration"] = {"temperature": 1.0, "thresholds": [0.3] * len(config["id2label"])}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    texts = [row["text"] for row in rows_of("multi", "test")]
    before = [first in answer.label for answer in Classifier(folder)(texts)]
    assert main(["calibrate", str(folder), *flags]) == 0
    assert f"no text to calibrate on has the labels {first}: their thresholds stay" in caplog.text
    kept, *others = config_of(folder)["calibration"]["thresholds"]
    temperature = config_of(folder)["calibration"]["temperature"]
    assert kept == pytest.approx(expit(np.log(0.3 / 0.7) / temperature)) and 0.3 not in others
    assert [first in answer.label for answer in Classifier(folder)(texts)] == before


def test_texts_without_any_label(rare, refused_command, tmp_path):
    folder, _, flags = rare
    write_rows(tmp_path / "rare.csv", [{"text": row["text"], "topics": ""} for row in rows_of("multi", "test")])
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    refused_command("calibrate", folder, *flags, words=["none of the", "has a label"])
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_card_where_all_thresholds_are_one_half(trained_models, tmp_path):
    """There are no other figures for 0.5 then."""
    folder = copy_of(trained_models, "multi", tmp_path)
    assert main(["calibrate", str(folder)]) == 0
    results = results_of(folder)
    del results["metrics_at_0.5"]
    (folder / "eval_results.json").write_text(json.dumps(results), encoding="utf-8")
    assert main(["card", str(folder)]) == 0
    assert "held out.\n" in (folder / "README.md").read_text(encoding="utf-8")


def test_data_of_its_own(calibrated, trained_models, tmp_path):
    """All rows of a file; what the folder says of itself then belongs to them."""
    folder = copy_of(trained_models, "multi", tmp_path)
    source = SAMPLES / "news_zh" / "test.csv"
    assert main(["calibrate", str(folder), "--dataset", str(source), "--split", "test", "--batch_size", "7"]) == 0
    assert (results_of(folder)["split"], results_of(folder)["rows"]) == ("test", len(rows_of("multi", "test")))
    assert config_of(folder)["calibration"] != config_of(calibrated / "multi")["calibration"]


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        (["calibrate", "regression"], ["found regression"]),
        (["calibrate", "nowhere/model", "--dataset", "samples/news_zh"], ["'nowhere/model'", "no folder"]),
        (["calibrate", "multi", "--batch_size", "0"], ["batch_size", "0"]),
        (["calibrate", "multi", "--dataset", "samples/opinions_zh"], ["topics"]),
        (["evaluate", "single", "--thresholds", "0.5", "--output_dir", "out"], ["thresholds=0.5", "multi-label"]),
        (
            ["predict", "multi", "in.csv", "--output", "out.csv", "--thresholds", "7"],
            ["thresholds=7.0", "from 0 to 1"],
        ),
    ],
)
def test_refused(trained_models, refused_command, tmp_path, monkeypatch, tokens, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.csv").write_text("text\n好\n", encoding="utf-8")
    command, folder, *rest = tokens
    folder = trained_models / folder if (trained_models / folder).is_dir() else folder
    before = sorted(trained_models.rglob("*"))
    refused_command(command, folder, *rest, words=words)
    assert sorted(trained_models.rglob("*")) == before and [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_thresholds_that_do_not_fit(calibrated, refused_command, tmp_path):
    folder = copy_of(calibrated, "multi", tmp_path)
    config = config_of(folder)
    config["calibration"]["thresholds"].pop()
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    refused_command("evaluate", folder, "--output_dir", tmp_path / "out", words=["thresholds in its config.json"])
