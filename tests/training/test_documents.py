"""Runs whose networks read long texts in parts: what they learn beside the network, save, and say of each part."""

import csv
import json
import random
import shutil

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from hf_textclf import Classifier
from hf_textclf.cli.main import main
from hf_textclf.data import read_rows
from tests.helpers.small_runs import WORDS

# shorter than most of the samples; the Trainer groups the validation texts by length, too
SHORT = [
    "--max_length", "8", "--max_steps", "30", "--learning_rate", "0.02",
    "--train_sampling_strategy", "group_by_length",
]  # fmt: skip
TEXTS = [
    "These shoes fell apart. I love them! They are great and I wear them each day of the week. Bad.",
    "",
    "Short.",
]
RUNS = {
    "single": ["samples/opinions_zh", "sentiment", "windows", "--sentence_weights", "tfidf", "--stride", "2"],
    "multi": ["samples/news_zh", "topics", "sentences", "--sentence_weights", "attention", "--label_separator", ";"],
    "regression": [
        "samples/opinions_en", "rating", "sentences", "--sentence_weights", "attention",
        "--problem_type", "regression",
    ],
    "calibrated": [
        "samples/news_en", "topics", "windows", "--sentence_weights", "attention", "--label_separator", ";",
        "--calibrate", "true",
    ],
    "shortened": ["samples/opinions_en", "sentiment", "key_sentences", "--num_sentences", "1"],
}  # fmt: skip


@pytest.fixture
def run(train, tmp_path):
    """Train one of RUNS and return its folder."""

    def run(name, *more):
        dataset, label, strategy, *flags = RUNS[name]
        code, error = train(dataset, "--label_column", label, "--document_strategy", strategy, *flags, *SHORT, *more)
        assert code == 0, error
        return tmp_path / "run"

    return run


@pytest.mark.parametrize("name", RUNS)
def test_train_evaluate_and_stock_tools(run, name):
    folder = run(name)
    assert main(["evaluate", str(folder), "--split", "validation"]) == 0
    trained = json.loads((folder / "eval_results.json").read_text())["metrics"]
    judged = json.loads((folder / "evaluation_validation" / "eval_results.json").read_text())
    flat = {name: value for name, value in trained.items() if name != "per_label" and value is not None}
    assert {name: judged["metrics"][name] for name in flat} == pytest.approx(flat, abs=1e-6)
    reason = f"document_strategy {RUNS[name][2]}: a pipeline refuses a long text"
    assert reason in judged["pipeline"]["why"] and judged["pipeline"]["failed"] > 0
    assert judged["pipeline"]["same_probabilities"] in (None, 1)

    classifier = Classifier(folder)
    assert classifier.predictor.document_strategy == RUNS[name][2]
    predictions = classifier(TEXTS)
    assert [len(prediction.chunks) > 0 for prediction in predictions] == [True, False, False]
    assert sum(part.weight for part in predictions[0].chunks) == pytest.approx(1)
    assert list(classifier.stream(TEXTS, batch_size=1))[0].score == pytest.approx(predictions[0].score, abs=1e-6)
    # stock tools read what fits, and refuse what they would cut
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    with torch.no_grad():
        stock = model(**tokenizer("Short.", truncation=True, return_tensors="pt")).logits
    np.testing.assert_allclose(classifier.logits(["Short."]), stock, atol=1e-6)
    with pytest.raises(ValueError, match="which only hf-textclf does"):
        tokenizer(TEXTS[0], truncation=True)


def test_parts_say_what_the_model_says_of_them_alone(run):
    classifier = Classifier(run("multi"))
    (prediction,) = classifier(["足球比赛开始了。股市大涨，央行降息！电影上映"])
    # the second sentence is longer than a window
    parts = ["足球比赛开始了。", "股市大涨，央行降", "大涨，央行降息！", "电影上映"]
    assert [part.text for part in prediction.chunks] == parts
    for part in prediction.chunks:
        (alone,) = classifier([part.text])
        assert (part.label, part.score) == (alone.label, pytest.approx(alone.score, abs=1e-5))


def test_predicted_files(run, tmp_path):
    folder = run("regression")
    (tmp_path / "in.csv").write_text(f'text,parts\n"{TEXTS[0]}",mine\nShort.,\n')
    for target, flags, there in [
        ("a.jsonl", [], True), ("b.json", [], True), ("c.csv", [], False), ("d.csv", ["--parts", "true"], True),
        ("e.parquet", ["--parts", "true"], True), ("f.jsonl", ["--parts", "false"], False),
    ]:  # fmt: skip
        assert (
            main(["predict", str(folder), str(tmp_path / "in.csv"), "--output", str(tmp_path / target), *flags]) == 0
        )
        rows = list(read_rows(tmp_path / target))
        assert rows[0]["parts"] == "mine" and ("predicted_parts" in rows[0]) == there
        if not there:
            continue
        parts, none = (row["predicted_parts"] for row in rows)
        if target == "d.csv":
            parts, none = json.loads(parts), json.loads(none)
        assert len(none) == 0 and set(parts[0]) == {"text", "weight", "label", "score"}
        assert sum(part["weight"] * part["score"] for part in parts) == pytest.approx(
            float(rows[0]["score"]), abs=1e-4
        )


def test_parts_of_a_model_that_cuts_are_refused(train, tmp_path, capsys):
    train("samples/opinions_en", "--label_column", "sentiment")
    (tmp_path / "in.csv").write_text("text\nShort.\n")
    flags = [str(tmp_path / "run"), str(tmp_path / "in.csv"), "--output", str(tmp_path / "out.jsonl")]
    assert main(["predict", *flags, "--parts", "true"]) == 2
    assert "expected a model trained with --document_strategy" in capsys.readouterr().err
    assert not (tmp_path / "out.jsonl").exists()
    assert main(["predict", *flags]) == 0
    assert "parts" not in (tmp_path / "out.jsonl").read_text()


def write_stories(path, rows=120):
    """Texts of five sentences, one of which tells the label."""
    draw = random.Random(1)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for number in range(rows):
            kind = ["cold", "warm"][number % 2]
            story = [" ".join(draw.choices("cloud breeze west sky town street".split(), k=4)) for _ in range(5)]
            story[draw.randrange(5)] = " ".join(draw.choices(WORDS[kind].split(), k=4))
            writer.writerow([". ".join(story), kind])
    return str(path)


@pytest.mark.parametrize("weights", ["attention", "tfidf"])
def test_weights_find_the_sentence_that_tells(train, tmp_path, weights, caplog):
    data = write_stories(tmp_path / "stories.csv")
    flags = ["--document_strategy", "sentences", "--sentence_weights", weights, "--class_weights", "balanced"]
    code, error = train(data, *flags, "--max_steps", "60", "--learning_rate", "0.02")
    assert code == 0, error
    classifier = Classifier(tmp_path / "run")
    story = "sky town street sky. breeze town sky west. rain frost north wind. town cloud sky west"
    (prediction,) = classifier([story])
    assert prediction.label == "cold"
    assert max(prediction.chunks, key=lambda part: part.weight).text == "rain frost north wind. "
    if weights == "attention":
        line = next(line for line in caplog.messages if line.startswith("attention over the chunks"))
        found, even = (float(word.rstrip(",")) for word in line.split() if word[0].isdigit())
        assert found < even


def test_a_saved_reader_is_calibrated(run):
    """The temperature divides the logits of the parts, and with them what they are merged into."""
    folder = run("single")
    before = Classifier(folder).logits(TEXTS)
    assert main(["calibrate", str(folder)]) == 0
    temperature = json.loads((folder / "config.json").read_text())["calibration"]["temperature"]
    np.testing.assert_allclose(Classifier(folder).logits(TEXTS), before / temperature, rtol=1e-5)
    assert temperature != 1


def test_attention_reads_a_bert(train, bert, tmp_path):
    flags = ["--document_strategy", "windows", "--sentence_weights", "attention", "--max_length", "9"]
    data = write_stories(tmp_path / "stories.csv", rows=24)
    code, error = train(data, "--model_name_or_path", bert, *flags, "--stride", "2", new=False)
    assert code == 0, error
    (prediction,) = Classifier(tmp_path / "run")(["cloud breeze west. " * 5])
    assert len(prediction.chunks) > 2 and np.ptp([part.weight for part in prediction.chunks[:-1]]) < 1


def test_one_network_for_each_label_reads_long_texts(run):
    folder = run("multi", "--one_vs_rest", "true", "--max_steps", "2")
    text = "足球比赛开始了。股市大涨！电影上映"
    alone = Classifier(folder / "0")
    assert alone.predictor.document_strategy == "sentences"
    log_odds = np.diff(alone.logits([text]))[0]
    np.testing.assert_allclose(Classifier(folder).logits([text])[0, 0], log_odds[0], atol=1e-6)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--stride", "3"], "stride=3 belongs to document_strategy windows"),
        (["--document_strategy", "windows", "--stride", "8", "--max_length", "8"], "expected 0 to 7"),
        (["--document_strategy", "key_sentences", "--num_sentences", "0"], "num_sentences=0"),
        (["--document_strategy", "pages"], "invalid choice: 'pages'"),
    ],
)
def test_refused(refused_training, weather, flags, words):
    assert words in refused_training(weather, *flags)


def test_a_reader_without_its_weights_is_refused(run, capsys):
    folder = run("single")
    (folder / "document.safetensors").unlink()
    capsys.readouterr()
    assert main(["evaluate", str(folder)]) == 2
    assert "document.safetensors" in capsys.readouterr().err


def test_a_hub_repository_is_read_as_the_folder_is(run, tmp_path, monkeypatch):
    folder = run("single")
    repository = tmp_path / "cache" / "models--owner--name"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("a" * 40)
    shutil.copytree(folder, repository / "snapshots" / ("a" * 40))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    found = Classifier("owner/name")
    assert found.predictor.document_strategy == "windows"
    np.testing.assert_array_equal(found.logits(TEXTS), Classifier(folder).logits(TEXTS))
