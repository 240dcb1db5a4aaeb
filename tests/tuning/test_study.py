"""The study of a folder: whatever a killed search has left of its first trial, the next one goes on."""

from types import SimpleNamespace

import pytest
from optuna.study import MaxTrialsCallback
from optuna.trial import TrialState

from hf_textclf.errors import UserError
from hf_textclf.tuning.study import ended, open_study

SETTINGS = {"config": {"dataset": "data.csv"}, "search space": {"learning_rate": {"low": 0.1, "high": 1.0}}}


def search(folder, trials):
    """Search without training; return the values that were tried, those of failed trials left out."""
    training = SimpleNamespace(output_dir=str(folder), greater_is_better=True, seed=1)
    with open_study(training, SETTINGS) as study:
        stop = MaxTrialsCallback(trials, states=(TrialState.COMPLETE, TrialState.RUNNING))
        study.optimize(lambda trial: trial.suggest_float("learning_rate", 0.1, 1.0), callbacks=[stop])
        return [trial.value for trial in ended(study)]


def test_killed_while_it_wrote_the_first_trial(tmp_path):
    whole = search(tmp_path / "whole", 2)
    journal = (tmp_path / "whole" / "study.jsonl").read_bytes()
    lines = journal.splitlines(keepends=True)
    ends = [sum(map(len, lines[:count])) for count in range(len(lines) + 1)]
    cuts = {cut for end, line in zip(ends, lines, strict=False) for cut in (end, end + 1, end + len(line) // 2)}
    for cut in sorted(cuts):
        folder = tmp_path / str(cut)
        folder.mkdir()
        (folder / "study.jsonl").write_bytes(journal[:cut])
        for left in ("study.jsonl.lock", "study.jsonl.lock8e08a715.rename", ".report.lock", ".8e08a715.worker"):
            (folder / left).touch()
        assert search(folder, 2) == whole, cut
        assert {path.name for path in folder.iterdir()} == {"study.jsonl", ".report.lock"}


def test_a_mistake_after_a_kill_leaves_nothing_in_the_way(tmp_path):
    folder = tmp_path / "search"
    folder.mkdir()
    (folder / "study.jsonl").touch()
    (folder / "study.jsonl.lock8e08a715.rename").touch()
    training = SimpleNamespace(output_dir=str(folder), greater_is_better=True, seed=1)
    with pytest.raises(UserError, match="as in a run"), open_study(training, SETTINGS):
        raise UserError("as in a run")
    assert not folder.exists()
    assert len(search(folder, 1)) == 1
