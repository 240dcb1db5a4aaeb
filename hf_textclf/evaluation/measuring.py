"""What `compare` finds out of one folder alone, kept in it for its card: costs, intervals, pictures."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from ..data import DataArguments
from ..files import write_json
from ..provenance import public_name
from ..saved_model.layout import MEASURED, model_digest
from .compare import CompareArguments, compare

# of both: what was measured, and how
KEPT = ("split", "rows", "settings", "hardware", "versions")


def measure_costs(folder: str, data_arguments: DataArguments, *, split: str | None = None) -> None:
    """Measure a saved folder on one split and write `measured.json` and SPLIT_*.png into it.

    Raises:
        UserError: as `compare`.
    """
    place = Path(folder)
    # inside the folder, so that pictures can be moved from there and a full disk is found out early
    with TemporaryDirectory(dir=place if place.is_dir() else None, prefix=".measuring") as output:
        results = compare([folder], data_arguments, CompareArguments(output_dir=output, split=split))
        (system,) = results["systems"].values()
        del system["folder"]
        for picture in Path(output).glob("*.png"):
            # metrics and costs of a single system are no picture
            if picture.stem != "metrics":
                os.replace(picture, place / f"{results['split']}_{picture.name}")
    measured = {
        "dataset": public_name(data_arguments.dataset),
        **{name: results[name] for name in KEPT},
        **system,
        "model_digest": model_digest(place),
    }
    write_json(place / MEASURED, measured)
