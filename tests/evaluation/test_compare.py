"""`hf-textclf compare`: the figures of `evaluate` for every folder, costs, tables, pictures, and what it refuses."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from threadpoolctl import threadpool_info

from hf_textclf import Classifier
from hf_textclf.cli.main import main
from hf_textclf.data import DataArguments, write_rows
from hf_textclf.evaluation import benchmark as costs
from hf_textclf.evaluation.report import confusion
from hf_textclf.evaluation.scoring import load_rows, predict_rows
from tests.benchmarks.minilm import minilm_folder

METRICS = {
    "single": ["accuracy", "macro_f1", "roc_auc"],
    "multi": ["macro_f1", "micro_f1", "subset_accuracy", "macro_roc_auc"],
    "regression": ["mae", "mse", "pearson"],
}
SYSTEM = {"folder", "metrics", "intervals", "thresholds", "num_parameters", "megabytes", "load_seconds", "latency_ms",
          "texts_per_second", "model_digest", "seen_texts"}  # fmt: skip


def copy_model(folder, target, *, change=lambda weights: None, labels=lambda names: names):
    """Copy what a saved folder needs to load, with other weights or another order of labels."""
    target.mkdir(parents=True)
    for path in folder.iterdir():
        if path.is_file():
            shutil.copy(path, target)
    weights = load_file(target / "model.safetensors")
    change(weights)
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((target / "config.json").read_text())
    names = labels([config["id2label"][str(number)] for number in range(len(config["id2label"]))])
    config["id2label"] = {str(number): name for number, name in enumerate(names)}
    config["label2id"] = {name: number for number, name in enumerate(names)}
    (target / "config.json").write_text(json.dumps(config))
    return target


def noise(weights):
    """Make a model worse."""
    generator = torch.Generator().manual_seed(0)
    weights["classifier.weight"] += 0.5 * torch.randn(weights["classifier.weight"].shape, generator=generator)


def turned(weights):
    """The head for labels in the opposite order."""
    for name in ("classifier.weight", "classifier.bias"):
        weights[name] = weights[name].flip(0).contiguous()


@pytest.fixture(scope="module")
def compared(trained_models, tmp_path_factory):
    """Compare each kind of model with a noisy copy; (output folder, results) of each kind."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(costs, "SECONDS", 0.01)
        for kind in METRICS:
            folder = tmp_path_factory.mktemp(kind)
            noisy = copy_model(trained_models / kind, folder / "noisy", change=noise)
            out = folder / "out"
            assert main(["compare", str(trained_models / kind), str(noisy), "--output_dir", str(out),
                         "--latency_texts", "7", "--bootstrap_samples", "200"]) == 0  # fmt: skip
            found[kind] = (out, json.loads((out / "comparison.json").read_text(encoding="utf-8")))
    return found


@pytest.mark.parametrize("kind", METRICS)
def test_figures_are_those_of_evaluate(trained_models, compared, tmp_path, kind):
    out, results = compared[kind]
    for name, folder in ((kind, trained_models / kind), ("noisy", out.parent / "noisy")):
        assert main(["evaluate", str(folder), "--output_dir", str(tmp_path / name)]) == 0
        alone = json.loads((tmp_path / name / "eval_results.json").read_text(encoding="utf-8"))
        system = results["systems"][name]
        assert system["metrics"] == alone["metrics"]
        assert system["num_parameters"] == alone["num_parameters"]
        assert (results["split"], results["rows"]) == (alone["split"], alone["rows"])
    assert results["systems"][kind]["metrics"] != results["systems"]["noisy"]["metrics"]


@pytest.mark.parametrize("kind", METRICS)
def test_what_is_recorded(compared, kind):
    _, results = compared[kind]
    assert set(results["versions"]) >= {"python", "torch"} and results["hardware"]
    assert results["settings"] == {"split": None, "max_samples": None, "batch_size": 64, "bootstrap_samples": 200,
                                   "latency_texts": 7}  # fmt: skip
    for name, system in results["systems"].items():
        assert set(system) == SYSTEM and Path(system["folder"]).name == name
        assert list(system["intervals"]) == METRICS[kind]
        for metric, (low, high) in system["intervals"].items():
            assert low <= system["metrics"][metric] <= high
        assert 0 < system["latency_ms"]["p50"] <= system["latency_ms"]["p99"]
        assert system["load_seconds"] > 0 and system["texts_per_second"] > 0
        assert system["thresholds"] == (None if kind != "multi" else [0.5] * len(results["label_names"]))


@pytest.mark.parametrize("kind", METRICS)
def test_tables_and_pictures(compared, kind):
    out, results = compared[kind]
    drawn = {"scatter.png"} if kind == "regression" else {"confusion.png", "reliability.png", "curves.png"}
    tables = {f"comparison.{suffix}" for suffix in ("json", "csv", "md")}
    assert {path.name for path in out.iterdir()} == tables | drawn | {"metrics.png"}
    with open(out / "comparison.csv", encoding="utf-8", newline="") as stream:
        rows = {row["name"]: row for row in csv.DictReader(stream)}
    table = (out / "comparison.md").read_text(encoding="utf-8").splitlines()
    cells = {line.split("|")[1].strip(): line.split("|")[2:-1] for line in table if line.startswith("|")}
    headings = [cell.strip() for cell in cells[""]]
    assert list(rows) == list(results["systems"]) == list(cells)[2:]
    for name, system in results["systems"].items():
        for metric in METRICS[kind]:
            low, high = system["intervals"][metric]
            for key, value in ((metric, system["metrics"][metric]), (f"{metric}_low", low), (f"{metric}_high", high)):
                assert float(rows[name][key]) == value
            cell = cells[name][headings.index(metric)]
            assert cell.replace("*", "").strip() == f"{system['metrics'][metric]:.3f} [{low:.3f}, {high:.3f}]"
            values = [each["metrics"][metric] for each in results["systems"].values()]
            best = min(values) if metric in ("mae", "mse") else max(values)
            assert ("**" in cell) == (f"{system['metrics'][metric]:.3f}" == f"{best:.3f}")
        assert float(rows[name]["latency_p99_ms"]) == system["latency_ms"]["p99"]
        assert f"{system['num_parameters']:,}" in cells[name][headings.index("parameters")]
    text = "\n".join(table)
    test = "Wilcoxon" if kind == "regression" else "McNemar"
    assert test in text and "one CPU thread" in text and f"{results['rows']:,} texts" in text


def test_the_same_labels_in_another_order(trained_models, tmp_path, monkeypatch, capsys):
    """The same model with its labels turned round gives the same answers; folders of one name are told apart."""
    monkeypatch.setattr(costs, "SECONDS", 0.01)
    backwards = copy_model(
        trained_models / "single", tmp_path / "single", change=turned, labels=lambda names: names[::-1]
    )
    out = tmp_path / "out"
    flags = ["--latency_texts", "3", "--bootstrap_samples", "20", "--max_samples", "40", "--split", "validation"]
    capsys.readouterr()
    assert main(["compare", str(trained_models / "single"), str(backwards), "--output_dir", str(out), *flags]) == 0
    results = json.loads((out / "comparison.json").read_text(encoding="utf-8"))
    first, second = results["systems"]
    assert first == f"{trained_models.name}/single" and second == f"{tmp_path.name}/single"
    one, other = results["systems"].values()
    assert one["metrics"]["accuracy"] == other["metrics"]["accuracy"]
    assert one["metrics"]["log_loss"] == pytest.approx(other["metrics"]["log_loss"], abs=1e-6)
    assert one["intervals"]["macro_f1"] == other["intervals"]["macro_f1"]
    assert results["difference"]["p_value"] == 1 and results["difference"]["metrics"]["accuracy"] == 0
    assert (results["split"], results["rows"]) == ("validation", 40)
    printed = capsys.readouterr().out
    assert printed.startswith((out / "comparison.md").read_text(encoding="utf-8")) and "p = 1.000" in printed


def test_thresholds_of_the_model_decide(trained_models):
    """In the order of the data's labels, whatever the model's own is."""
    classifier = Classifier(trained_models / "multi")
    size = len(classifier.label_names)
    classifier.thresholds = np.linspace(0.05, 0.6, size)
    data = DataArguments(dataset="samples/news_zh", label_column=["topics"], label_separator=";")
    _, _, rows, _ = load_rows(data, classifier, folders=[], split="test", max_samples=30)
    turned_names = classifier.label_names[::-1]
    predictions = predict_rows(classifier, rows, label_names=turned_names, batch_size=8, progress="evaluating")
    expected = classifier.probabilities(rows["text"][:], batch_size=8) >= classifier.thresholds
    np.testing.assert_array_equal(predictions.predicted, expected[:, ::-1])
    assert predictions.thresholds == classifier.thresholds[::-1].tolist()


def test_confusion_of_one_and_of_many_labels():
    labels, predicted = np.array([0, 0, 0, 2, 2, 1]), np.array([0, 0, 2, 2, 0, 1])
    shares = confusion(predicted, labels, np.array([0, 2, 3]))
    np.testing.assert_allclose(shares, [[2 / 3, 1 / 3, 0], [1 / 2, 1 / 2, 0], [0, 0, 0]])
    many = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 1]], dtype=np.float32)
    said = np.array([[1, 0, 1], [1, 1, 0], [0, 0, 1]], dtype=bool)
    np.testing.assert_allclose(confusion(said, many, np.arange(3)), [[1, 0.5, 0.5], [1, 0, 1], [0, 0, 1]])


def test_size_of_what_loading_needs(trained_models, tmp_path):
    folder = copy_model(trained_models / "single", tmp_path / "model")
    needed = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
    size = sum((folder / name).stat().st_size for name in needed)
    code = sum(path.stat().st_size for path in folder.glob("*.py"))
    for name in ("checkpoint-40", "evaluation_test", ".partial"):
        (folder / name).mkdir()
        (folder / name / "model.safetensors").write_bytes(bytes(999))
    (folder / "plot.png").write_bytes(bytes(999))
    assert costs.megabytes(folder) == pytest.approx((size + code) / 1e6)
    # the networks of a group lie in folders of their own
    (folder / "0").mkdir()
    (folder / "0" / "model.safetensors").write_bytes(bytes(1000))
    assert costs.megabytes(folder) == pytest.approx((size + code + 1000) / 1e6)


def test_one_thread_and_back(monkeypatch):
    monkeypatch.delenv("TOKENIZERS_PARALLELISM", raising=False)
    before = [(pool["filepath"], pool["num_threads"]) for pool in threadpool_info()]
    torch.set_num_threads(2)
    try:
        with costs.one_thread():
            assert torch.get_num_threads() == 1
            assert {pool["num_threads"] for pool in threadpool_info()} == {1}
            assert costs.os.environ["TOKENIZERS_PARALLELISM"] == "false"
        assert torch.get_num_threads() == 2 and "TOKENIZERS_PARALLELISM" not in costs.os.environ
    finally:
        torch.set_num_threads(1)
    assert [(pool["filepath"], pool["num_threads"]) for pool in threadpool_info()] == before


def test_timing_takes_turns(monkeypatch):
    """Every text is timed alone once for every system, in turns; then all of them in batches, in turns again."""
    monkeypatch.setattr(costs, "SECONDS", 0)
    monkeypatch.setattr(costs, "TURN", 2)
    calls = []

    class Recorder:
        def __init__(self, name):
            self.name = name

        def probabilities(self, texts, *, batch_size):
            calls.append((self.name, "".join(texts), batch_size))

    costs.measure_speed({name: Recorder(name) for name in "AB"}, list("xyz"), batch_size=5)
    alone = [(name, text) for name, text, batch_size in calls if batch_size == 1]
    # the first of a turn warms up
    assert alone == [(name, text) for turn in ("xxy", "zz") for name in "AB" for text in turn]
    assert calls[len(alone) :] == [(name, "xyz", 5) for _ in range(costs.ROUNDS) for name in "AB"]


@pytest.mark.parametrize(
    ("folders", "flags", "words"),
    [
        ([], [], ["required: FOLDER"]),
        (["single", "multi"], [], ["'multi'", "problem_type multi_label", "'single'"]),
        (["single", "other"], [], ["'other'", "other labels", "'furious'", "2 in one"]),
        (["single", "none"], [], ["none", "is no folder"]),
        (["single", "single"], [], ["2 times"]),
        (["single", "data"], [], ["cannot load a model"]),
        (["single", "diverged"], [], ["diverged'", "nan or infinity"]),
        (["single"], ["--bootstrap_samples", "0"], ["bootstrap_samples=0"]),
        (["single"], ["--latency_texts", "0"], ["latency_texts=0"]),
        (["single"], ["--dataset", "none.csv"], ["none.csv"]),
        (["single"], ["--output_dir", "data"], ["'data'", "already holds"]),
        (["single"], ["--smaples", "3"], ["'smaples'"]),
    ],
)
def test_refused(trained_models, refused_command, tmp_path, monkeypatch, folders, flags, words):
    monkeypatch.chdir(tmp_path)
    for kind in ("single", "multi"):
        Path(kind).symlink_to(trained_models / kind)
    copy_model(trained_models / "single", Path("other"), labels=lambda names: ["furious", *names[1:]])
    copy_model(
        trained_models / "single", Path("diverged"), change=lambda weights: weights["classifier.bias"].fill_(torch.nan)
    )
    Path("data").mkdir()
    write_rows("data/test.csv", [{"text": "好", "label": "positive"}])
    before = {path.name for path in tmp_path.rglob("*")}
    refused_command("compare", *folders, "--output_dir", "out", *flags, words=words)
    assert {path.name for path in tmp_path.rglob("*")} == before


def test_output_dir_is_asked_for(trained_models, refused_command):
    refused_command("compare", trained_models / "single", words=["output_dir"])


@pytest.mark.slow
def test_lstm_beside_minilm(tmp_path):
    """The comparison that the project is about, on few steps: BERT knows more and costs more."""
    few = ["--max_steps", "60", "--eval_strategy", "no", "--save_strategy", "no", "--load_best_model_at_end", "false"]
    lstm, bert = str(tmp_path / "lstm"), str(tmp_path / "bert")
    assert main(["train", "--config", "demo_lstm", "--output_dir", lstm, *few, "--embeddings_from",
                 str(minilm_folder())]) == 0  # fmt: skip
    assert main(["train", "--config", "demo_bert", "--output_dir", bert, *few,
                 "--model_name_or_path", str(minilm_folder())]) == 0  # fmt: skip
    out = tmp_path / "out"
    assert main(["compare", lstm, bert, "--output_dir", str(out), "--latency_texts", "40"]) == 0
    results = json.loads((out / "comparison.json").read_text(encoding="utf-8"))
    one, other = results["systems"]["lstm"], results["systems"]["bert"]
    assert other["metrics"]["accuracy"] > one["metrics"]["accuracy"]
    assert results["difference"]["systems"] == ["bert", "lstm"] and results["difference"]["p_value"] < 0.05
    assert other["latency_ms"]["p50"] > 3 * one["latency_ms"]["p50"]
    assert other["texts_per_second"] < one["texts_per_second"] / 3
    assert other["megabytes"] > 80
