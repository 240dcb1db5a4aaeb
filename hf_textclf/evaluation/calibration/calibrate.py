"""`hf-textclf calibrate FOLDER`: fit on validation and renew the files of a saved folder that it changes."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from ...card import is_ours, write_card
from ...data import DataArguments, load_split
from ...errors import UserError
from ...files import read_json, write_json
from ...inference import Classifier
from ...provenance import describe_hardware, describe_versions, public_name
from ...saved_model.layout import CARD, EVAL_RESULTS, RELIABILITY_DIAGRAM, move_files
from ..scoring import has_seen
from .model import CHECKED_TEXTS, calibrate_model, check_calibration


@dataclass
class CalibrationArguments:
    """Which texts a saved model is calibrated on."""

    split: str = field(
        default="validation",
        metadata={"help": "Texts the model has not learnt from; test takes all rows of a file of their own."},
    )
    batch_size: int = field(default=64, metadata={"help": "Texts in one batch."})

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise UserError(f"batch_size={self.batch_size}, expected 1 or more; correct --batch_size")


def calibrate(folder: str, data_arguments: DataArguments, arguments: CalibrationArguments) -> dict[str, Any]:
    """Calibrate a saved folder: new weights and config.json, and with them new results, card and a diagram.

    Returns what `eval_results.json` holds.

    Raises:
        UserError: no local folder, a model that cannot be calibrated, unreadable data, labels unknown to the model.
    """
    if not Path(folder).is_dir():
        raise UserError(f"{folder!r} is no folder, expected a trained model to rewrite; download it first")
    classifier = Classifier(folder)
    if classifier.predictor.network is None:
        raise UserError(f"{folder!r} holds no neural network, expected one to calibrate; calibrate another model")
    model = classifier.predictor.network.model
    check_calibration(model)
    data = load_split(
        data_arguments,
        label_names=classifier.label_names,
        problem_type=classifier.problem_type,
        split=arguments.split,
        seen=has_seen(folder, data_arguments.dataset),
    )
    [(split, rows)] = data.splits.items()
    texts, parts = rows["text"][:], []
    with tqdm(total=len(texts), desc="calibrating", unit="text") as bar:
        for start in range(0, len(texts), 16 * arguments.batch_size):
            parts.append(
                classifier.logits(texts[start : start + 16 * arguments.batch_size], batch_size=arguments.batch_size)
            )
            bar.update(len(parts[-1]))
    calibration = calibrate_model(
        model,
        np.concatenate(parts),
        np.asarray(rows["labels"]),
        logits_of=lambda: classifier.logits(texts[:CHECKED_TEXTS]),
    )
    results = {
        "num_parameters": classifier.predictor.num_parameters,
        "hardware": describe_hardware(),
        "versions": describe_versions(),
    }
    results |= read_json(Path(folder) / EVAL_RESULTS)
    results |= {"dataset": public_name(data_arguments.dataset), "split": split, "rows": len(rows)}
    results |= calibration.results(data.label_names)

    partial = Path(folder) / ".partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    model.save_pretrained(partial)
    calibration.plot(partial / RELIABILITY_DIAGRAM)
    write_json(partial / EVAL_RESULTS, results)
    move_files(partial, Path(folder))
    # a card of somebody else's is none of our business
    if is_ours(Path(folder) / CARD):
        write_card(Path(folder))
    return results
