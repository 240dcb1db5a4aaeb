"""The output folder of a run: new, and how it is written: into a hidden folder, whose files are moved when whole,
config.json last. So a folder with a config.json is a finished model."""

import csv
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from transformers import Trainer, TrainingArguments
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from ..card import write_card
from ..data import TextData, label_examples, texts_of
from ..evaluation.calibration import Calibration
from ..files import PARTIAL, hold_folder, write_json, write_text
from ..inference.long_texts import DocumentReader
from ..provenance import is_public
from ..saved_model.check import file_digests
from ..saved_model.layout import (
    EVAL_RESULTS,
    RELIABILITY_DIAGRAM,
    RUN_CONFIG,
    TRAINER_STATE,
    model_digest,
    move_files,
)
from ..saved_model.seen_texts import SeenTexts
from ..tokenization import save_tokenizer
from .checkpoints import find_problem

# labels of which the card shows a text each
MAX_EXAMPLES = 50


@contextmanager
def hold_output(training: TrainingArguments) -> Iterator[None]:
    """Hold the output folder of a run; of several processes the first one does. Half a checkpoint or model, which
    a full disk or a signal has left, goes.
    Raises UserError: another command is at it; OSError: nothing can be written there.
    """
    if training.process_index != 0:
        yield
        return
    output, checkpoints = Path(str(training.output_dir)), f"{PREFIX_CHECKPOINT_DIR}-*"
    with hold_folder(output):
        before = set(output.glob(checkpoints))
        try:
            yield
        except BaseException:
            broken = [path for path in set(output.glob(checkpoints)) - before if find_problem(path, training)]
            for path in (*broken, output / PARTIAL):
                shutil.rmtree(path, ignore_errors=True)
            raise


def data_facts(data: TextData, dataset: str) -> dict[str, Any]:
    """What results say of the data: their summary and, of data that everybody may see, a text for each label."""
    facts: dict[str, Any] = {"data": list(data.summary)}
    if data.problem_type != "regression" and len(data.label_names) <= MAX_EXAMPLES and is_public(dataset):
        facts["examples"] = label_examples(data.splits["train"], data.label_names)
    return facts


def write_records(folder: Path, recorded: dict[str, Any], results: dict[str, Any]) -> None:
    """Write down the resolved configuration of a run, and its results, to which digests of the weights beside them are
    added, since they are of no others."""
    if (dataset := str(recorded["dataset"])) and Path(dataset).exists():
        # the data are found from any working directory
        recorded = recorded | {"dataset": os.path.abspath(dataset)}
    write_text(folder / RUN_CONFIG, yaml.safe_dump(recorded, allow_unicode=True, sort_keys=False))
    results |= {"model_digest": model_digest(folder), "digests": file_digests(folder)}
    write_json(folder / EVAL_RESULTS, results)


def seen_texts(data: TextData, *starts: str | None) -> SeenTexts:
    """The texts that a run has seen. starts: folders or Hub ids of the models that it starts from."""
    return SeenTexts.of(texts_of(data.splits["train"]), texts_of(data.splits["validation"]), starts=starts)


def save_folder(
    trainer: Trainer,
    recorded: dict[str, Any],
    results: dict[str, Any],
    *,
    calibration: Calibration | None = None,
    reader: DocumentReader | None = None,
    seen: SeenTexts | None = None,
) -> None:
    """Save model, tokenizer, results, the resolved configuration and the card into the output folder; of several
    processes the first one writes, the others wait."""
    if trainer.is_world_process_zero():
        output = Path(str(trainer.args.output_dir))
        partial = output / PARTIAL
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        trainer.save_model(str(partial))
        (partial / "training_args.bin").unlink(missing_ok=True)  # a pickle
        # the path of this machine's checkpoint is nobody else's business
        trainer.state.best_model_checkpoint = Path(trainer.state.best_model_checkpoint or "").name or None
        trainer.state.save_to_json(str(partial / TRAINER_STATE))
        energy = output / "emissions.csv"
        if energy.is_file():
            # what codecarbon (`--report_to codecarbon`) estimates, the sum over a run and its resumptions
            with energy.open(newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            results |= {
                "energy_kwh": sum(float(row["energy_consumed"]) for row in rows),
                "co2_kg": sum(float(row["emissions"]) for row in rows),
            }
        if reader:
            reader.save(partial)
        save_tokenizer(trainer.processing_class, partial)
        if seen:
            seen.save(partial)
        write_records(partial, recorded, results)
        if calibration:
            calibration.plot(partial / RELIABILITY_DIAGRAM)
        # last, since it is written from the other files
        write_card(partial, name=output.resolve().name)
        move_files(partial, output)
    trainer.accelerator.wait_for_everyone()
