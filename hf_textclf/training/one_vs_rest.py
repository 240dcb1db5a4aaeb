"""One classifier for each label: the same run once for each, its folders used together as one classifier."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..data import load_data
from ..errors import UserError
from ..evaluation.metrics import compute_metrics
from ..inference import Classifier
from ..inference.networks import describe_group
from ..provenance import describe_hardware, describe_versions
from ..saved_model.layout import CONFIG
from .output_dir import require_new, write_records
from .train import TrainRun, resolved_config, train

logger = logging.getLogger(__name__)


def train_one_vs_rest(run: TrainRun) -> dict[str, Any]:
    """Train one binary classifier for each label into `output_dir/0`, `output_dir/1`, …; return their common results.

    A stopped run goes on with `resume_from_checkpoint`: what is finished stays.

    Raises:
        UserError: as `train`, and for data without several labels.
    """
    output, data = Path(run.training.output_dir), load_data(run.data)
    if data.problem_type == "regression" or len(data.label_names) < 3 and data.problem_type.startswith("single"):
        raise UserError(
            f"one_vs_rest on {data.problem_type} with {len(data.label_names)} label(s), expected three or more "
            "classes, or several labels a text; drop --one_vs_rest"
        )
    if str(run.training.resume_from_checkpoint).lower() != "true":
        require_new(output)
    members = []
    for number, label in enumerate(data.label_names):
        folder = output / str(number)
        if not (folder / CONFIG).is_file():
            logger.info("network %d of %d: %s against the rest", number + 1, len(data.label_names), label)
            members.append(train(_member(run, label, folder)))
    if run.training.process_index != 0:
        return members[-1] if members else {}

    describe_group(output, problem_type=data.problem_type, label_names=data.label_names)
    group, validation = Classifier(str(output)), data.splits["validation"]
    scores = group.probabilities(validation["text"], batch_size=run.training.per_device_eval_batch_size)
    labels = validation.with_format("numpy")["labels"]
    results = {
        "split": "validation",
        "rows": len(validation),
        "metrics": compute_metrics(scores, labels, problem_type=data.problem_type, label_names=data.label_names),
        "train_rows": len(data.splits["train"]),
        "train_seconds": round(sum(member["train_seconds"] for member in members), 1),
        "num_parameters": group.predictor.num_parameters,
        "hardware": describe_hardware(processes=run.training.world_size),
        "versions": describe_versions(),
    }
    write_records(output, resolved_config(run), results)
    return results


def _member(run: TrainRun, label: str, folder: Path) -> TrainRun:
    """The run of one label; where it was stopped, it goes on from its last checkpoint."""
    # a run without a checkpoint yet starts again, in the same folder
    resume = "true" if any(folder.glob("checkpoint-[0-9]*")) else None
    training = replace(run.training, output_dir=str(folder), resume_from_checkpoint=resume)
    # one label's area or average precision has no mean over labels
    metric = str(training.metric_for_best_model)
    if metric.endswith(("roc_auc", "average_precision")):
        training = replace(training, metric_for_best_model=metric.removeprefix("macro_").removeprefix("micro_"))
    return replace(run, data=replace(run.data, positive_label=label), training=training)
