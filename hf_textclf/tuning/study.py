"""The folder of a search, and the study in it: Optuna's journal, a JSON line for each thing that happened.

Workers, also on several machines, share the journal. A trial that a killed worker left is run again. No pickle: only
Optuna's snapshots would be one, which its journal in a file does not make.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from filelock import FileLock, Timeout

from ..errors import UserError

if TYPE_CHECKING:
    from optuna import Study
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

JOURNAL = "study.jsonl"
NAME = "hf-textclf"
# trials of different batch sizes have no step in common: they report in thousandths of their training. From the middle
# on, a trial is pruned where it does worse there than three quarters of the others, of which there must be five.
# Earlier a trial shows little of its end
THOUSANDTHS, FEWEST_TRIALS, KEPT_PERCENT = 1000, 5, 75


def check_folder(output: Path) -> None:
    """Refuse a folder that holds something else than a search.

    Raises:
        UserError: a file stands there, or a folder that is neither empty nor that of a search.
    """
    if output.is_file() or output.is_dir() and any(output.iterdir()) and not (output / JOURNAL).is_file():
        raise UserError(
            f"output_dir {str(output)!r} already holds something, expected a new folder or that of a search to go on "
            "with; choose another one or remove it"
        )


@contextmanager
def open_study(output: Path, *, direction: str, settings: dict[str, Any], seed: int) -> Iterator["Study"]:
    """Start the study of a folder, resume it, or join those who work on it.

    direction: maximize or minimize. settings: what a search must be called with again to be resumed. A mistake before
    the first trial has ended leaves nothing behind.

    Raises:
        UserError: the journal cannot be read, or its settings were others.
    """
    from optuna.trial import TrialState

    output.mkdir(parents=True, exist_ok=True)
    # first of all, so that a worker that starts now knows the folder
    (output / JOURNAL).touch()
    # held as long as this process lives: by it others see that there is a worker
    lock = FileLock(output / f".{uuid4().hex}.worker")
    with lock:
        try:
            if not _others(output, lock):
                _mend(output / JOURNAL)
            study = _study(output / JOURNAL, direction=direction, seed=seed)
            _compare(study, json.loads(json.dumps(settings)), output)
            # read before the look at others: whoever began these works on them still, or never will again
            running = study.get_trials(deepcopy=False, states=[TrialState.RUNNING])
            if not _others(output, lock):
                for trial in running:
                    study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
            try:
                yield study
            except UserError:
                if not ended(study) and not _others(output, lock):
                    (output / JOURNAL).unlink()
                raise
        finally:
            Path(lock.lock_file).unlink()
            if not any(output.iterdir()):
                output.rmdir()


def _others(output: Path, own: FileLock) -> bool:
    """Whether another worker is at it; what killed ones have left is removed."""
    for path in output.glob(".*.worker"):
        if path != Path(own.lock_file):
            try:
                with FileLock(path, timeout=0):
                    path.unlink(missing_ok=True)
            except Timeout:
                return True
    return False


def _study(path: Path, *, direction: str, seed: int) -> "Study":
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    # our own lines say what a trial came to
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        return optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(path), JournalFileOpenLock(str(path)))),
            study_name=NAME,
            direction=direction,
            sampler=_sampler(seed),
            pruner=optuna.pruners.PercentilePruner(
                KEPT_PERCENT, n_startup_trials=FEWEST_TRIALS, n_warmup_steps=THOUSANDTHS // 2
            ),
            load_if_exists=True,
        )
    except (ValueError, KeyError) as error:
        raise UserError(f"{path}: no journal of a search ({error}); remove it or choose another output_dir") from error


def _sampler(seed: int) -> "BaseSampler":
    """Optuna's, whose choice follows from the seed and the trials before alone, so that an interrupted search resumes
    with the choices that it would have made. Failed trials do not count.
    """
    from optuna.samplers import TPESampler
    from optuna.trial import TrialState

    class ResumableSampler(TPESampler):
        def before_trial(self, study: "Study", trial: "FrozenTrial") -> None:
            earlier = study.get_trials(deepcopy=False)[: trial.number]
            # another seed for each trial, also of workers that start one at the same time
            self.__init__(seed=seed + sum(one.state != TrialState.FAIL for one in earlier))  # type: ignore[misc]

    return ResumableSampler()


def ended(study: "Study", *, pruned: bool = True) -> list["FrozenTrial"]:
    """The trials that count: those run to their end, one of which is the best, and those pruned."""
    from optuna.trial import TrialState

    states = [TrialState.COMPLETE, TrialState.PRUNED] if pruned else [TrialState.COMPLETE]
    return study.get_trials(deepcopy=False, states=states)


def _mend(path: Path) -> None:
    """Take away what a killed search can leave behind: half a line, and the lock of the line it was writing."""
    path.with_name(f"{path.name}.lock").unlink(missing_ok=True)
    with path.open("rb+") as file:
        file.truncate(file.read().rfind(b"\n") + 1)


def _compare(study: "Study", now: dict[str, Any], output: Path) -> None:
    """Refuse to resume with other settings."""
    before = study.user_attrs.get("settings")
    if before is None:
        study.set_user_attr("settings", now)
        return
    for part in before:
        for key in sorted(before[part].keys() | now[part].keys()):
            old, new = (side[part].get(key, "its default") for side in (before, now))
            if old != new:
                raise UserError(
                    f"the search in {str(output)!r} was started with {part} {key}: {old}, not {new}; "
                    "go on with the same settings or choose another output_dir"
                )
