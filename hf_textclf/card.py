"""The model card of a saved folder: README.md, filled from the run's own files."""

import re
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard, ModelCardData

from .results import write_text

SNIPPET = """```python
import hf_textclf

classifier = hf_textclf.Classifier("{folder}")
print(classifier(["{example}"]))
```"""


def write_card(folder: Path, *, config: dict[str, Any], results: dict[str, Any]) -> None:
    """Write README.md into a folder: Hub metadata, results on validation, how to use it."""
    metrics = {name: value for name, value in results["metrics"].items() if name != "per_label"}
    data = ModelCardData(
        license=config.get("license"),
        library_name="transformers",
        pipeline_tag="text-classification",
        tags=["text-classification", "hf-textclf"],
        base_model=_hub_id(config.get("model_name_or_path")),
    )
    table = "\n".join(
        f"| {name} | {'not measured' if value is None else f'{value:.4f}'} |" for name, value in metrics.items()
    )
    text = f"""---
{data.to_yaml()}
---

# Text classifier trained with hf-textclf

Trained on {results["train_rows"]:,} texts in {results["train_seconds"]:,} seconds ({results["hardware"]}).

## Results on {results["split"]} ({results["rows"]:,} texts)

| metric | value |
|---|---|
{table}

## Use

{SNIPPET.format(folder="path/or/id", example="a text")}
"""
    write_text(folder / "README.md", str(ModelCard(text)))


def _hub_id(name: str | None) -> str | None:
    """The name if it is a Hub id; a path of somebody's machine does not belong into a card."""
    return name if name and re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", name) and not Path(name).exists() else None
