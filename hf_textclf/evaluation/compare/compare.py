"""One comparison, read top to bottom. The figures are safe in `comparison.json` before the first picture is drawn."""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ...data import DataArguments, TextData, write_rows
from ...errors import UserError
from ...files import new_folder, write_json, write_text
from ...inference import Classifier
from ...provenance import describe_hardware, describe_versions
from ..metrics import compute_metrics
from ..scoring import load_rows
from .answers import Answers, ask, check_same_task, name_folders
from .benchmark import load_in_turns, measure_speed, megabytes
from .bootstrap import intervals, measure_of, resample
from .figures import draw
from .significance import difference_of_best
from .tables import csv_rows, markdown


@dataclass
class CompareArguments:
    """How saved folders are compared."""

    output_dir: str = field(metadata={"help": "New folder for the tables (json, csv, md) and the pictures (png)."})
    split: str | None = field(
        default=None, metadata={"help": "train, validation or test; by default test, else validation."}
    )
    max_samples: int | None = field(default=None, metadata={"help": "Judge on a seeded subset of this many rows."})
    batch_size: int = field(default=64, metadata={"help": "Texts in one batch; a latency is of one text alone."})
    bootstrap_samples: int = field(default=1000, metadata={"help": "Resamples behind the 95%% intervals."})
    latency_texts: int = field(
        default=200, metadata={"help": "Texts of the split, evenly spaced, that latency and speed are measured on."}
    )

    def __post_init__(self) -> None:
        for name in ("max_samples", "batch_size", "bootstrap_samples", "latency_texts"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UserError(f"{name}={value}, expected 1 or more; correct --{name}")


def compare(folders: list[str], data_arguments: DataArguments, arguments: CompareArguments) -> dict[str, Any]:
    """Judge saved folders on one split and write tables and pictures into a new folder.

    The labels of the data are read as the first folder names them; the others may have them in another order.
    Accuracy is computed on a GPU where there is one, costs on one CPU thread. Returns what `comparison.json` holds.

    Raises:
        UserError: unreadable folders or data, folders for different labels, an output folder that holds something.
    """
    output = new_folder(arguments.output_dir)
    named = name_folders(folders)
    classifiers, load_seconds = load_in_turns(named)
    check_same_task(classifiers)
    first = next(iter(classifiers.values()))
    data, split, rows = load_rows(
        data_arguments, first, folders=folders, split=arguments.split, max_samples=arguments.max_samples
    )
    labels = np.asarray(rows["labels"])

    answers = {}
    for name, folder in named.items():
        # one at a time: on a GPU there may be no room for all
        answers[name] = ask(
            Classifier(str(folder)),
            rows,
            label_names=first.label_names,
            batch_size=arguments.batch_size,
            progress=f"evaluating {name}",
        )
    systems, difference = _judge(answers, labels, data, samples=arguments.bootstrap_samples)
    # evenly spaced, so that rows sorted by label or length are no trap
    chosen = np.linspace(0, len(rows) - 1, min(arguments.latency_texts, len(rows))).astype(int)
    speeds = measure_speed(classifiers, rows.select(chosen)["text"][:], batch_size=arguments.batch_size)
    for number, (name, classifier) in enumerate(classifiers.items()):
        systems[name] = {
            "folder": folders[number],
            **systems[name],
            "num_parameters": classifier.predictor.num_parameters,
            "megabytes": megabytes(named[name]),
            "load_seconds": load_seconds[name],
            **speeds[name],
        }
    results = {
        "dataset": data_arguments.dataset,
        "split": split,
        "rows": len(rows),
        "problem_type": data.problem_type,
        "label_names": data.label_names,
        # where the results went is not how they came about
        "settings": {key: value for key, value in asdict(arguments).items() if key != "output_dir"},
        "systems": systems,
        "difference": difference,
        "hardware": describe_hardware(),
        "versions": describe_versions(),
    }
    output.mkdir(parents=True, exist_ok=True)
    write_json(output / "comparison.json", results)
    write_rows(output / "comparison.csv", csv_rows(results))
    write_text(output / "comparison.md", markdown(results))
    draw(output, results, answers, labels)
    return results


def _judge(
    answers: dict[str, Answers], labels: np.ndarray, data: TextData, *, samples: int
) -> tuple[dict[str, dict[str, Any]], dict[str, Any] | None]:
    """The metrics of each system with their intervals, and what sets the best two apart."""
    metrics = {}
    for name, said in answers.items():
        try:
            metrics[name] = compute_metrics(
                said.scores,
                labels,
                problem_type=data.problem_type,
                label_names=data.label_names,
                thresholds=said.thresholds or 0.5,
            )
        except UserError as error:
            raise UserError(f"{name}: {error}") from error
    measures = [
        measure_of(said.scores, labels, said.predicted, problem_type=data.problem_type) for said in answers.values()
    ]
    resampled = resample(measures, len(labels), samples=samples)
    difference = difference_of_best(answers, labels, metrics, resampled, problem_type=data.problem_type)
    systems = {
        name: {
            "metrics": metrics[name],
            "intervals": intervals(resampled[:, number], problem_type=data.problem_type),
            "thresholds": said.thresholds,
        }
        for number, (name, said) in enumerate(answers.items())
    }
    return systems, difference
