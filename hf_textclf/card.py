"""The model card of a saved folder: README.md, filled from the run's own files."""

import re
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard, ModelCardData

from .resources import bundled
from .results import write_text


def write_card(folder: Path, *, config: dict[str, Any], results: dict[str, Any]) -> None:
    """Write README.md into a folder; arguments as in `card_text`."""
    write_text(folder / "README.md", card_text(config, results=results))


def card_text(config: dict[str, Any], *, results: dict[str, Any]) -> str:
    """Hub metadata, results on validation, how to use it.

    config: the resolved configuration of the run; results: what its `eval_results.json` holds.
    """
    data = ModelCardData(
        license=config.get("license"),
        library_name="transformers",
        pipeline_tag="text-classification",
        tags=["text-classification", "hf-textclf"],
        base_model=_hub_id(config.get("model_name_or_path") or config.get("encoder_name_or_path")),
    )
    metrics = {name: value for name, value in results["metrics"].items() if name != "per_label"}
    card = ModelCard.from_template(
        data, template_path=str(bundled("model_cards") / "card.md.j2"), results=results, metrics=metrics
    )
    return str(card)


def _hub_id(name: str | None) -> str | None:
    """The name if it is a Hub id; a path of somebody's machine does not belong into a card."""
    return name if name and re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", name) and not Path(name).exists() else None
