"""`hf-textclf calibrate FOLDER`: fit on validation and renew the files of a saved folder that it changes."""

import json
import logging
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm
from transformers import PreTrainedModel

from ..args import read_yaml
from ..card import card_text
from ..data import DataArguments, load_split
from ..errors import UserError
from ..prediction import Classifier
from ..results import RUN_CONFIG, describe_hardware, describe_versions, move_files, write_json, write_text
from .model import CHECKED_TEXTS, DIAGRAM, calibrate_model, check_calibration

logger = logging.getLogger(__name__)


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
    model = getattr(classifier.system, "model", None)
    if not isinstance(model, PreTrainedModel):
        raise UserError(f"{folder!r} holds no neural network, expected one to calibrate; calibrate another model")
    check_calibration(model)
    data = load_split(
        data_arguments,
        label_names=classifier.label_names,
        problem_type=classifier.problem_type,
        split=arguments.split,
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
    old = _json(Path(folder) / "eval_results.json")
    results = {
        "num_parameters": classifier.system.num_parameters,
        "hardware": describe_hardware(),
        "versions": describe_versions(),
    }
    results |= old | {"split": split, "rows": len(rows)} | calibration.results(data.label_names)

    partial = Path(folder) / ".partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    model.save_pretrained(partial)
    calibration.plot(partial / DIAGRAM)
    write_json(partial / "eval_results.json", results)
    _renew_card(Path(folder), partial, old=old, new=results)
    move_files(partial, Path(folder))
    return results


def _renew_card(folder: Path, partial: Path, *, old: dict[str, Any], new: dict[str, Any]) -> None:
    """Write a card with the new figures, unless somebody has written into the old one."""
    card, config = folder / "README.md", folder / RUN_CONFIG
    if not (card.is_file() and config.is_file() and old):
        return
    recorded = read_yaml(config)
    if card.read_text(encoding="utf-8") == card_text(recorded, results=old):
        write_text(partial / card.name, card_text(recorded, results=new))
    else:
        logger.warning("%s was edited and stays as it is; its figures are those from before", card)


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
