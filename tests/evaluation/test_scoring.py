"""Whether a model has seen the texts that it is evaluated on is told by the texts, whatever their file is called."""

import json
import logging
import shutil

import pytest

import hf_textclf
from hf_textclf.cli.main import main
from hf_textclf.data import read_rows, write_rows
from hf_textclf.files import SAMPLES

ROWS = list(read_rows(SAMPLES / "opinions_zh" / "train.csv"))
TEST = list(read_rows(SAMPLES / "opinions_zh" / "test.csv"))
KEYS = ["--label_column", "sentiment"]


@pytest.fixture(scope="module")
def trained(tiny_yaml, tmp_path_factory):
    """A folder with `data/three.csv`, and `m`, which was trained on it from inside `data`."""
    place = tmp_path_factory.mktemp("place")
    (place / "data").mkdir()
    write_rows(place / "data" / "three.csv", ROWS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place / "data")
        for name, keys in {"m": [], "linear": ["--model_type", "maxent"], "other": ["--split_seed", "7"]}.items():
            config = [] if name == "linear" else ["--config", tiny_yaml]
            flags = ["--dataset", "three.csv", "--output_dir", f"../{name}", *KEYS, *keys]
            assert main(["train", *config, *flags]) == 0
    return place


@pytest.fixture
def evaluate(trained, tmp_path, monkeypatch, caplog):
    """Evaluate from the folder above; returns results, the texts that were evaluated, and what was said."""
    monkeypatch.chdir(trained)

    def run(model="m", **keys):
        caplog.clear()
        with caplog.at_level(logging.INFO, logger="hf_textclf"):
            results = hf_textclf.evaluate(model, output_dir=tmp_path / str(len(list(tmp_path.iterdir()))), **keys)
        return results, caplog.text

    return run


def copies(place):
    """The file under other names, in other forms."""
    shutil.copy("data/three.csv", place / "test.csv")
    write_rows(place / "copy.jsonl", [{"text": row["text"] + " ", "label": row["sentiment"]} for row in ROWS])
    write_rows(place / "reversed.parquet", ROWS[::-1])
    return {name: {"dataset": str(place / name)} for name in ("test.csv", "reversed.parquet")} | {
        "same": {"dataset": "data/three.csv"},
        "recorded": {},
        "jsonl": {"dataset": str(place / "copy.jsonl"), "label_column": ["label"]},
        "another split": {"split_seed": 3, "validation_size": 0.5, "split": "validation"},
    }


@pytest.mark.parametrize("model", ["m", "linear"])
def test_training_rows_are_no_test_under_any_name(evaluate, tmp_path_factory, model):
    run = json.loads(open(f"{model}/eval_results.json", encoding="utf-8").read())
    for name, keys in copies(tmp_path_factory.mktemp("copies")).items():
        results, said = evaluate(model, **keys)
        assert (results["split"], results["rows"]) == ("validation", run["rows"]), name
        assert results["metrics"]["accuracy"] == run["metrics"]["accuracy"], name
        assert results["seen_texts"] == {"train": 0, "validation": run["rows"]}
        assert f"the {run['rows']} of its {len(ROWS)} texts that were held out" in said


def test_a_test_is_counted_and_kept(evaluate, tmp_path_factory):
    """Texts that merely occur in train too stay in the test."""
    file = tmp_path_factory.mktemp("data") / "test.csv"
    write_rows(file, TEST + ROWS[:5])
    results, said = evaluate(dataset=str(file))
    assert (results["split"], results["rows"]) == ("test", len(TEST) + 5)
    assert sum(results["seen_texts"].values()) == 5
    count = results["seen_texts"]["train"]
    assert f"test: m was trained on {count} of these {len(TEST) + 5} texts" in said and "WARNING" in said
    results, said = evaluate(dataset=str(SAMPLES / "opinions_zh" / "test.csv"))
    assert results["seen_texts"] == {"train": 0, "validation": 0}
    assert "test: m was trained on 0 of these 70 texts" in said and "WARNING" not in said


def test_a_split_named_test_is_kept_whole(evaluate, tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_rows(folder / "test.csv", ROWS)
    results, said = evaluate(dataset=str(folder))
    assert (results["split"], results["rows"]) == ("test", len(ROWS))
    assert f"was trained on {len(ROWS) - results['seen_texts']['validation']:,} of these" in said


@pytest.mark.parametrize("command", ["evaluate", "calibrate", "compare"])
def test_it_is_no_test_for_any_command(trained, refused_command, monkeypatch, tmp_path, command):
    monkeypatch.chdir(trained)
    output = [] if command == "calibrate" else ["--output_dir", tmp_path / "out"]
    flags = ["--dataset", "data/three.csv", "--split", "test", *output]
    refused_command(command, "m", *flags, words=["'data/three.csv'", "trained on", "--split validation"])


def test_part_of_a_folder(trained_models, refused_command, tmp_path):
    """A model that has a validation file of its own has held out nothing of its train file, and all of the other."""
    flags = ["--output_dir", tmp_path / "out", "--dataset"]
    train, validation = (SAMPLES / "opinions_zh" / f"{split}.csv" for split in ("train", "validation"))
    words = ["208 texts", "none were held out"]
    refused_command("evaluate", trained_models / "single", *flags, train, words=words)
    assert main(["evaluate", str(trained_models / "single"), *map(str, flags), str(validation)]) == 0
    results = json.loads((tmp_path / "out" / "eval_results.json").read_text())
    assert (results["split"], results["rows"]) == ("validation", 43)


def test_compared_on_what_all_have_held_out(trained, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(trained)
    flags = ["--dataset", "data/three.csv", "--output_dir", str(tmp_path / "out"), "--latency_texts", "1"]
    assert main(["compare", "m", "other", *flags]) == 0
    results = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert 0 < results["rows"] < 21
    assert [system["seen_texts"]["train"] for system in results["systems"].values()] == [0, 0]
    assert "training data: m 0, other 0." in capsys.readouterr().out


def test_what_a_model_started_from_has_seen_counts_too(trained, evaluate, tiny_yaml, tmp_path_factory, monkeypatch):
    further = tmp_path_factory.mktemp("further") / "model"
    flags = ["--dataset", str(SAMPLES / "opinions_zh" / "test.csv"), "--model_name_or_path", str(trained / "m")]
    keys = ["--max_steps", "1", "--load_best_model_at_end", "false", "--output_dir", str(further)]
    assert main(["train", *flags, *KEYS, *keys]) == 0
    results, _ = evaluate(str(further), dataset="data/three.csv")
    assert (results["split"], results["rows"]) == ("validation", 21)


def test_a_model_of_before_is_known_by_its_path(trained, evaluate, tmp_path_factory):
    """It has no digests; then the file that its configuration names is all that is known."""
    old = tmp_path_factory.mktemp("old") / "model"
    shutil.copytree(trained / "m", old)
    (old / "seen_texts.safetensors").unlink()
    results, said = evaluate(str(old))
    assert (results["split"], results["rows"], results["seen_texts"]) == ("validation", 21, None)
    assert "does not say which texts it was trained on" in said
    shutil.copy("data/three.csv", old.parent / "copy.csv")
    results, said = evaluate(str(old), dataset=str(old.parent / "copy.csv"))
    assert results["split"] == "test" and "does not say which texts it was trained on" in said


def test_few_texts_deserve_a_line(evaluate, tmp_path_factory):
    few = tmp_path_factory.mktemp("few") / "few.csv"
    write_rows(few, TEST[:2])
    for count in (2, len(TEST)):
        write_rows(few, TEST[:count])
        _, said = evaluate(dataset=str(few))
        assert ("test has 2 texts, too few" in said) is (count == 2)
