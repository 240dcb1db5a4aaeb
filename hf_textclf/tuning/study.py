"""What Optuna works with: the objective, which is a training run, and the study of a folder, which workers share.

The study is Optuna's journal, a JSON line for each thing that happened; no pickle. A trial that a killed worker left
is run again.
"""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import optuna
from filelock import FileLock, Timeout
from optuna import Study, Trial, TrialPruned
from optuna.distributions import BaseDistribution
from optuna.samplers import TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState
from transformers import TrainerCallback, TrainingArguments
from transformers.trainer_utils import SaveStrategy

from ..errors import Diverged, UserError
from ..training import TrainRun, check, make_trainer, prepare
from ..training.trainer import run_trainer
from .search_space import suggest, with_values

logger = logging.getLogger(__name__)
JOURNAL = "study.jsonl"
# trials of different batch sizes have no step in common: they report in thousandths of their training. From the middle
# on, a trial is pruned where it does worse there than three quarters of the others, of which there must be five.
# Earlier a trial shows little of its end
THOUSANDTHS, FEWEST_TRIALS, KEPT_PERCENT = 1000, 5, 75


class Objective(TrainerCallback):
    """One trial: the run that `hf-textclf train` would make of its values, without saving.

    Data are prepared anew only where they differ from those of the trial before.
    """

    def __init__(self, base: TrainRun, space: dict[str, BaseDistribution]) -> None:
        self.base, self.space = base, space
        self.prepared_for: Any = None

    def __call__(self, trial: Trial) -> float:
        """Train; return the best evaluation, which is the one that `train` keeps."""
        run = with_values(self.base, suggest(trial, self.space))
        check(run)
        # the weights come from `hf-textclf train`
        run.training.save_strategy = SaveStrategy.NO
        reads = (run.data, run.model, getattr(run.new_model, "vocab_size", None))
        if self.prepared_for != reads:
            self.prepared_for, self.prepared = reads, prepare(run)
        trainer = make_trainer(run, *self.prepared)[0]
        self.trial, self.values = trial, list[float]()
        trainer.add_callback(self)
        try:
            run_trainer(trainer, None)
            if not self.values:  # shorter than the steps between two evaluations
                trainer.evaluate()
        except Diverged as error:
            logger.warning("%s", error)
            raise TrialPruned from error
        finally:
            # or the accelerator's state, which all Trainers share, keeps the model
            trainer.accelerator.free_memory()
        return self.best

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any) -> None:
        """Report the best figure so far; called by the Trainer. Raises Optuna's TrialPruned in a hopeless trial."""
        name = f"eval_{str(args.metric_for_best_model).removeprefix('eval_')}"
        if name not in metrics:
            return  # the Trainer itself will say which there are
        self.values.append(metrics[name])
        self.best = (max if args.greater_is_better else min)(self.values)
        self.trial.report(self.best, step=round(THOUSANDTHS * state.global_step / state.max_steps))
        if self.trial.should_prune():
            raise TrialPruned


@contextmanager
def open_study(training: TrainingArguments, settings: dict[str, Any]) -> Iterator[Study]:
    """Start the study of a folder, resume it, or join those who work on it.

    settings: what a search must be called with again to be resumed. A mistake before the first trial has ended leaves
    nothing behind.
    Raises UserError: the folder holds something else, the journal cannot be read, or its settings were others.
    """
    output = Path(str(training.output_dir))
    journal = output / JOURNAL
    if output.is_file() or output.is_dir() and any(output.iterdir()) and not journal.is_file():
        raise UserError(
            f"output_dir {str(output)!r} already holds something, expected a new folder or that of a search to go on "
            "with; choose another one or remove it"
        )
    output.mkdir(parents=True, exist_ok=True)
    # first of all, so that a worker that starts now knows the folder
    journal.touch()
    # held as long as this process lives: by it others see that there is a worker
    lock = FileLock(output / f".{uuid4().hex}.worker")
    with lock:
        try:
            if not _others(output, lock):
                # what a killed search can leave behind: half a line, and the lock of the line it was writing, which
                # Optuna renames before it goes
                for left in output.glob(f"{JOURNAL}.lock*"):
                    left.unlink()
                with journal.open("rb+") as file:
                    file.truncate(file.read().rfind(b"\n") + 1)
            study = _study(journal, training)
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
                    journal.unlink()
                raise
        finally:
            Path(lock.lock_file).unlink()
            if not any(output.iterdir()):
                output.rmdir()


def _others(output: Path, own: FileLock) -> bool:
    """Whether another worker is at it; what killed ones have left is removed."""
    for path in set(output.glob(".*.worker")) - {Path(own.lock_file)}:
        try:
            with FileLock(path, timeout=0):
                path.unlink(missing_ok=True)
        except Timeout:
            return True
    return False


def _study(journal: Path, training: TrainingArguments) -> Study:
    class ResumableSampler(TPESampler):
        """Chooses by the seed and the trials before alone, so that a resumed search makes the same choices."""

        def before_trial(self, study: Study, trial: FrozenTrial) -> None:
            earlier = study.get_trials(deepcopy=False)[: trial.number]
            # another seed for each trial, also of workers that start one at the same time; failed ones do not count
            self.__init__(seed=training.seed + sum(one.state != TrialState.FAIL for one in earlier))  # type: ignore[misc]

    # our own lines say what a trial came to
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        return optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(journal), JournalFileOpenLock(str(journal)))),
            study_name="hf-textclf",
            direction="maximize" if training.greater_is_better else "minimize",
            sampler=ResumableSampler(),
            pruner=optuna.pruners.PercentilePruner(KEPT_PERCENT, FEWEST_TRIALS, n_warmup_steps=THOUSANDTHS // 2),
            load_if_exists=True,
        )
    except (ValueError, KeyError) as error:
        raise UserError(f"{journal}: no journal of a search ({error}); remove it or choose another folder") from error


def _compare(study: Study, now: dict[str, Any], output: Path) -> None:
    """Refuse to resume with other settings."""
    if (before := study.user_attrs.get("settings")) is None:
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


def ended(study: Study, *, pruned: bool = True) -> list[FrozenTrial]:
    """The trials that count: those run to their end, one of which is the best, and those pruned."""
    states = [TrialState.COMPLETE, TrialState.PRUNED] if pruned else [TrialState.COMPLETE]
    return study.get_trials(deepcopy=False, states=states)
