"""The folder of a search, and the study in it: Optuna's journal, a JSON line for each thing that happened.

A search that was stopped, however hard, goes on from its journal; a trial that was running then is run again. No
pickle: only Optuna's snapshots would be one, which its journal in a file does not make.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from filelock import FileLock, Timeout

from ..errors import UserError

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import JournalStorage
    from optuna.trial import FrozenTrial

Direction = Literal["maximize", "minimize"]
JOURNAL = "study.jsonl"
LOCK = ".lock"
NAME = "hf-textclf"


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
def open_study(
    output: Path, *, direction: Direction, settings: dict[str, Any]
) -> Iterator[tuple["Study", "JournalStorage"]]:
    """Start the study of a folder or go on with it, and let nobody else do so meanwhile.

    direction: maximize or minimize. settings: what a search must be started with again to go on.
    Yields the study and where it is stored. A mistake before the first trial is judged leaves nothing behind.

    Raises:
        UserError: another process is at it, the journal cannot be read, or its settings were others.
    """
    output.mkdir(parents=True, exist_ok=True)
    lock = FileLock(output / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise UserError(
            f"another search is writing into {str(output)!r}; wait for its end or choose another output_dir"
        ) from error
    try:
        study, storage = _study(output, direction=direction, settings=settings)
        try:
            yield study, storage
        except UserError:
            if not judged(study):
                (output / JOURNAL).unlink()
            raise
    finally:
        (output / LOCK).unlink(missing_ok=True)
        lock.release()
        if not any(output.iterdir()):
            output.rmdir()


def _study(output: Path, *, direction: Direction, settings: dict[str, Any]) -> tuple["Study", "JournalStorage"]:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
    from optuna.trial import TrialState

    # our own lines say what a trial came to
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = output / JOURNAL
    _mend(path)
    try:
        storage = JournalStorage(JournalFileBackend(str(path), JournalFileOpenLock(str(path))))
        study = optuna.create_study(storage=storage, study_name=NAME, direction=direction, load_if_exists=True)
        before = study.user_attrs.get("settings")
    except (ValueError, KeyError) as error:
        raise UserError(f"{path}: no journal of a search ({error}); remove it or choose another output_dir") from error
    if before is None:
        study.set_user_attr("settings", settings)
    else:
        _compare(before, json.loads(json.dumps(settings)), output)
    for trial in study.get_trials(deepcopy=False, states=[TrialState.RUNNING]):
        study.tell(trial.number, state=TrialState.FAIL)
    return study, storage


def judged(study: "Study") -> list["FrozenTrial"]:
    """The trials that count: run to their end, or pruned."""
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=[TrialState.COMPLETE, TrialState.PRUNED])


def completed(study: "Study") -> list["FrozenTrial"]:
    """The trials that were run to their end: one of them is the best."""
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])


def _mend(path: Path) -> None:
    """Take away what a killed search can leave behind: half a line, and the lock of the line it was writing."""
    path.with_name(f"{path.name}.lock").unlink(missing_ok=True)
    if path.exists():
        with path.open("rb+") as file:
            whole = file.read().rfind(b"\n") + 1
            file.truncate(whole)


def _compare(before: dict[str, Any], now: dict[str, Any], output: Path) -> None:
    for part in before:
        for key in sorted(before[part].keys() | now[part].keys()):
            old, new = (side[part].get(key, "its default") for side in (before, now))
            if old != new:
                raise UserError(
                    f"the search in {str(output)!r} was started with {part} {key}: {old}, not {new}; "
                    "go on with the same settings or choose another output_dir"
                )
