"""Random bytes changed in files that a command reads: an answer or one line, and never a traceback, a hang, or another
label for an untouched text without a word. What changed is in the message of a failure, and the seed is the number of
the case.

A byte inside the weights may change any answer and cannot be seen, but in a digest of all of them, which takes as long
as reading them; so checkpoints are asked for an end in order alone.
"""

import csv
import logging
import os
import random
import shutil
import signal
from contextlib import contextmanager

import pytest

from hf_textclf import Classifier, UserError
from hf_textclf.inference.predict_file import PredictionArguments, predict
from hf_textclf.training.checkpoints import find_problem
from hf_textclf.training.trainer_arguments import TrainerArguments
from tests.helpers.sample_models import error_line

SECONDS = 30  # for one case, which takes a hundredth of one
TEXTS = ["昨天的比赛很精彩", "价格太贵了，味道也不好", "Rain is expected in the north", "服务员很热情，下次还来", ""]


def mutate(content, seed):
    """Change, drop or add one to three bytes; returns the new content, and what was done."""
    chance, content, done = random.Random(seed), bytearray(content), []
    for _ in range(chance.choice([1, 1, 2, 3])):
        place, byte = (
            chance.randrange(len(content)),
            chance.choice([chance.randrange(256), chance.choice(b'0123"{}[],:.')]),
        )
        kind = chance.choice(["set", "flip", "drop", "add"])
        if kind == "set":
            content[place] = byte
        elif kind == "flip":
            content[place] ^= 1 << chance.randrange(8)
        elif kind == "drop":
            del content[place]
        else:
            content.insert(place, byte)
        done.append(f"{kind} {place} {byte}")
    return bytes(content), f"seed {seed}: {', '.join(done)}"


@contextmanager
def time_limit(case):
    """A case that hangs fails."""

    def stop(*_):
        raise AssertionError(f"{case}: still running after {SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def labels_of(folder):
    return [prediction.label for prediction in Classifier(folder)(TEXTS)]


def assert_one_line(error):
    assert len(str(error).splitlines()) == 1 and len(str(error)) < 1000, str(error)


@pytest.mark.parametrize(
    ("kind", "file", "cases"),
    [
        ("single", "config.json", 70),
        ("multi", "config.json", 60),
        ("single", "tokenizer_config.json", 70),
        ("multi", "tokenizer_config.json", 30),
        ("single", "tokenizer.json", 60),
    ],
)
def test_files_of_a_saved_folder(trained_models, tmp_path, caplog, kind, file, cases):
    folder = tmp_path / kind
    shutil.copytree(trained_models / kind, folder, ignore=shutil.ignore_patterns("checkpoint-*"))
    content, expected, opened = (folder / file).read_bytes(), labels_of(folder), 0
    for seed in range(cases):
        changed, case = mutate(content, seed)
        (folder / file).write_bytes(changed)
        caplog.clear()
        with time_limit(case), caplog.at_level(logging.WARNING, logger="hf_textclf"):
            try:
                labels = labels_of(folder)
            except UserError as error:
                assert_one_line(error)
                continue
        opened += 1
        said = any(file in record.getMessage() for record in caplog.records)
        assert said or changed == content, f"{case}: opened without a word"
        assert said or labels == expected, f"{case}: other labels without a word"
    assert opened < cases


def test_rows_of_a_csv(trained_models, tmp_path):
    """A byte may change its own text, a row or all of the table, but no answer for a text that is still there."""
    path, output = tmp_path / "in.csv", tmp_path / "out.csv"
    texts = [f"{text} {number}" for number, text in enumerate(4 * TEXTS[:-1])]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["number", "text"], *([number, text] for number, text in enumerate(texts))])
    expected = dict(zip(texts, (each.label for each in Classifier(trained_models / "single")(texts)), strict=True))
    content, seen = path.read_bytes(), 0
    for seed in range(110):
        changed, case = mutate(content, seed)
        path.write_bytes(changed)
        with time_limit(case):
            try:
                predict(
                    str(trained_models / "single"), str(path), PredictionArguments(str(output), text_column="text")
                )
            except UserError as error:
                assert_one_line(error)
                assert sorted(file.name for file in tmp_path.iterdir()) == ["in.csv"], case
                continue
        with output.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                label = row.get("label", row.get("predicted_label"))
                if row["text"] in expected:
                    seen += 1
                    assert label == expected[row["text"]], f"{case}: {row}"
        output.unlink()
    assert seen > 100


@pytest.fixture
def checkpoint(train, weather, tmp_path):
    """A checkpoint of a run that was stopped after it."""
    assert train(weather, "--max_steps", "2", "--save_strategy", "steps", "--save_steps", "2")[0] == 0
    run = tmp_path / "run"
    shutil.copytree(run / "checkpoint-2", tmp_path / "kept")
    shutil.rmtree(run)
    return run / "checkpoint-2"


def mutated_checkpoints(checkpoint, kept, cases):
    """Put a checkpoint with changed bytes in one of its files in place, one case after the other."""
    files = sorted(path.name for path in kept.iterdir() if path.is_file())
    for seed in range(cases):
        shutil.rmtree(checkpoint.parent, ignore_errors=True)
        shutil.copytree(kept, checkpoint)
        file = checkpoint / files[seed % len(files)]
        if content := file.read_bytes():
            changed, case = mutate(content, seed)
            file.write_bytes(changed)
            yield f"{file.name}, {case}"


def test_a_checkpoint_is_looked_through(checkpoint, tmp_path):
    training = TrainerArguments(output_dir=str(checkpoint.parent), use_cpu=True)
    problems = []
    for case in mutated_checkpoints(checkpoint, tmp_path / "kept", 110):
        with time_limit(case):
            problems.append(find_problem(checkpoint, training))
        assert len(problems[-1].splitlines()) <= 1, case
    assert any(problems)


@pytest.mark.slow
def test_a_run_resumes_or_refuses(checkpoint, train, weather, tmp_path):
    """In whole runs: a finished model, or one line that leaves the checkpoint as it is."""
    for case in mutated_checkpoints(checkpoint, tmp_path / "kept", int(os.environ.get("MUTATED_RUNS", "40"))):
        keys = ["--max_steps", "3", "--save_strategy", "steps", "--save_steps", "2"]
        with time_limit(case):
            code, error = train(weather, *keys, "--resume_from_checkpoint", "true")
        if code == 0:
            assert (checkpoint.parent / "config.json").is_file(), case
        else:
            assert code == 2 and "Traceback" not in error, f"{case}: {error}"
            complaints = [line for line in error.splitlines() if line.startswith("hf-textclf: error: ")]
            assert len(complaints) == 1 and error_line(complaints[0]), f"{case}: {error}"
