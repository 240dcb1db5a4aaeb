"""One network for each label, each saying whether a text has it, judged and used as one classifier."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UserError
from ..files import write_json
from ..saved_model.layout import ONE_VS_REST
from .documents.network import open_network

# in the folder of the group, beside one numbered folder for each label


def describe_group(folder: Path, *, problem_type: str, label_names: list[str]) -> None:
    """Write down that a folder holds one network for each label, in the folders `0`, `1`, …"""
    write_json(folder / ONE_VS_REST, {"problem_type": problem_type, "label_names": label_names})


class OneVsRest:
    """The networks of a folder that `train --one_vs_rest true` wrote; arguments as in `Classifier`.

    Raises:
        UserError: the description is broken, or a network cannot be read or belongs to another label.
    """

    def __init__(self, folder: str, *, device: str | None = None, **options: Any) -> None:
        try:
            description = json.loads((Path(folder) / ONE_VS_REST).read_text(encoding="utf-8"))
            self.problem_type: str = description["problem_type"]
            self.label_names: list[str] = description["label_names"]
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{folder}/{ONE_VS_REST} is broken ({error!r}); train the group again") from error
        self.networks = [
            open_network(str(Path(folder) / str(number)), device=device) for number in range(len(self.label_names))
        ]
        for number, (name, network) in enumerate(zip(self.label_names, self.networks, strict=True)):
            if network.label_names != [f"not {name}", name]:
                raise UserError(
                    f"{folder}/{number} has the labels {network.label_names}, expected {[f'not {name}', name]}; "
                    "copy or train the group again"
                )
        # each network was asked one question: its even odds are the threshold
        self.thresholds: list[float] | None = None
        self.num_parameters = sum(network.num_parameters for network in self.networks)

    def logits(self, texts: Sequence[str], *, batch_size: int = 64) -> np.ndarray:
        """Return (texts, labels): for multi-label data the log-odds of each label, whose sigmoid is what its network
        says; else the logarithm of that probability, whose softmax shares out 1 among the labels in proportion."""
        parts = [network.logits(texts, batch_size=batch_size) for network in self.networks]
        log_odds = np.stack([part[:, 1] - part[:, 0] for part in parts], axis=1)
        if self.problem_type == "multi_label_classification":
            return log_odds
        return -np.logaddexp(0, -log_odds)
