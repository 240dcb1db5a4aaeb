"""`compare`: saved folders of any kind side by side on one split, what they know beside what they cost."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from ..arguments import option
from ..data import DataArguments, write_rows
from ..errors import UserError
from ..files import PARTIAL, hold_folder, new_folder, write_json, write_text
from ..inference import Classifier
from ..provenance import describe_hardware, describe_versions, public_name
from ..saved_model.layout import MEASURED, PICTURES, SPLITS, model_digest, move_files
from .benchmark import load_in_turns, measure_speed, megabytes
from .metrics import compute_metrics
from .report import csv_rows, draw, markdown
from .scoring import Counts, load_rows, predict_rows
from .significance import difference_of_best, intervals, measure_of, resample


@dataclass
class CompareArguments(Counts):
    """How saved folders are compared."""

    output_dir: str = field(metadata={"help": "New folder for the tables (json, csv, md) and the pictures (png)."})
    split: str | None = option(None, "train, validation or test; by default test, else validation.")
    max_samples: int | None = option(None, "Evaluate on a seeded subset of this many rows.")
    batch_size: int = option(64, "Texts in one batch; a latency is of one text alone.")
    bootstrap_samples: int = option(1000, "Resamples behind the 95%% intervals.")
    latency_texts: int = option(200, "Texts of the split, evenly spaced, that latency and speed are measured on.")


def compare(folders: list[str], data_arguments: DataArguments, arguments: CompareArguments) -> dict[str, Any]:
    """Evaluate saved folders on one split and write tables and pictures into a new folder.

    The labels of the data are read as the first folder names them; the others may have them in another order.
    Accuracy is computed on a GPU where there is one, costs on one CPU thread. Returns what `comparison.json` holds.

    Raises:
        UserError: unreadable folders or data, folders for different labels, an output folder that holds something.
    """
    output = new_folder(arguments.output_dir)
    with hold_folder(output), TemporaryDirectory(dir=output, prefix=PARTIAL) as place:
        results = _compare(folders, data_arguments, arguments, Path(place))
        move_files(Path(place), output)
    return results


def _compare(
    folders: list[str], data_arguments: DataArguments, arguments: CompareArguments, output: Path
) -> dict[str, Any]:
    named = _name_folders(folders)
    classifiers, load_seconds = load_in_turns(named)
    _check_same_task(classifiers)
    first = next(iter(classifiers.values()))
    data, split, rows, seen = load_rows(
        data_arguments, first, folders=folders, split=arguments.split, max_samples=arguments.max_samples
    )
    labels = np.asarray(rows["labels"])
    predict = partial(predict_rows, rows=rows, label_names=first.label_names, batch_size=arguments.batch_size)
    problem_type, predictions, metrics = data.problem_type, {}, {}
    for name, folder in named.items():
        # one model at a time: on a GPU there may be no room for all
        system = predictions[name] = predict(Classifier(str(folder)), progress=f"evaluating {name}")
        options: dict[str, Any] = {"label_names": data.label_names, "thresholds": system.thresholds or 0.5}
        try:
            metrics[name] = compute_metrics(system.scores, labels, problem_type=problem_type, **options)
        except UserError as error:
            raise UserError(f"{name}: {error}") from error
    measures = [measure_of(system, labels, problem_type=problem_type) for system in predictions.values()]
    resampled = resample(measures, len(labels), samples=arguments.bootstrap_samples)
    # evenly spaced, so that rows sorted by label or length are no trap
    spaced = np.linspace(0, len(rows) - 1, min(arguments.latency_texts, len(rows))).astype(int)
    speeds = measure_speed(classifiers, rows.select(spaced)["text"][:], batch_size=arguments.batch_size)
    systems = {
        name: {
            "folder": folders[number],
            "model_digest": model_digest(named[name]),
            "seen_texts": seen[number],
            "metrics": metrics[name],
            "intervals": intervals(resampled[:, number], problem_type=problem_type),
            "thresholds": predictions[name].thresholds,
            "num_parameters": classifiers[name].predictor.num_parameters,
            "megabytes": megabytes(named[name]),
            "load_seconds": load_seconds[name],
            **speeds[name],
        }
        for number, name in enumerate(named)
    }
    results = {
        "dataset": data_arguments.dataset,
        "split": split,
        "rows": len(rows),
        "problem_type": problem_type,
        "label_names": data.label_names,
        # where the results went is not how they came about
        "settings": {key: value for key, value in asdict(arguments).items() if key != "output_dir"},
        "systems": systems,
        "difference": difference_of_best(predictions, labels, metrics, resampled, problem_type=problem_type),
        "hardware": describe_hardware(),
        "versions": describe_versions(),
    }
    write_json(output / "comparison.json", results)
    write_rows(output / "comparison.csv", csv_rows(results))
    write_text(output / "comparison.md", markdown(results))
    draw(output, results, predictions, labels)
    return results


def measure_costs(folder: str, data_arguments: DataArguments, *, split: str | None = None) -> None:
    """Measure a saved folder on one split and write `measured.json` and SPLIT_*.png into it; errors: of `compare`."""
    place = Path(folder)
    # inside the folder, so that pictures can be moved from there and a full disk is found out early
    with TemporaryDirectory(dir=place if place.is_dir() else None, prefix=".measuring") as output:
        results = compare([folder], data_arguments, CompareArguments(output_dir=output, split=split))
        (system,) = results["systems"].values()
        del system["folder"]
        for part, name in product(SPLITS, PICTURES):
            (place / f"{part}_{name}").unlink(missing_ok=True)
        for picture in Path(output).glob("*.png"):
            # metrics and costs of a single system are no picture
            if picture.stem != "metrics":
                os.replace(picture, place / f"{results['split']}_{picture.name}")
    measured = {
        "dataset": public_name(data_arguments.dataset),
        **{name: results[name] for name in ("split", "rows", "settings", "hardware", "versions")},
        **system,
    }
    write_json(place / MEASURED, measured)


def _check_same_task(classifiers: dict[str, Classifier]) -> None:
    """Raise UserError unless all systems predict the same labels, in whatever order."""
    (first, reference), *others = classifiers.items()
    for name, classifier in others:
        # a regression has no labels, only a name for its number
        odd = set(classifier.label_names) ^ set(reference.label_names)
        contrast = ""
        if classifier.problem_type != reference.problem_type:
            contrast = f"problem_type {classifier.problem_type}, {first!r} {reference.problem_type}"
        elif odd and reference.problem_type != "regression":
            shown = ", ".join(repr(label)[:40] for label in sorted(odd)[:3])
            contrast = f"other labels than {first!r} ({len(odd)} in one of them only: {shown})"
        if contrast:
            raise UserError(f"{name!r} has {contrast}, expected the same task; compare folders for the same labels")


def _name_folders(folders: Sequence[str]) -> dict[str, Path]:
    """Name each folder by the end of its path, with as many parents as it takes to tell all apart."""
    paths = [Path(folder).resolve() for folder in folders]
    for folder, path in zip(folders, paths, strict=True):
        if not path.is_dir():
            raise UserError(f"{folder!r} is no folder, expected one that `hf-textclf train` wrote; correct its path")
        if paths.count(path) > 1:
            raise UserError(f"{folder!r} is named {paths.count(path)} times, expected different ones; name it once")
    depth = 1
    while len(named := {"/".join(path.parts[-depth:]): path for path in paths}) < len(paths):
        depth += 1
    return named
