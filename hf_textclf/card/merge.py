"""Two cards become one: what people wrote stays, what a run knows is renewed.

A section of ours stands between `<!-- hf-textclf:NAME -->` and `<!-- /hf-textclf:NAME -->`; all else belongs to
people. A section that they took out stays out.
"""

import re
from collections.abc import Container, Iterable
from pathlib import Path

import yaml
from huggingface_hub import CardData, ModelCard, ModelCardData

from ..errors import UserError
from ..saved_model.layout import CARD
from .metadata import METRICS, TASKS

SECTION = re.compile(r"<!-- hf-textclf:(\w+) -->.*?<!-- /hf-textclf:\1 -->", re.DOTALL)
NAME = "hf-textclf"
# what these say is true of one model or Space alone: of an older one nothing may be left
FACTS = ("eval_results", "model_name", "metrics", "pipeline_tag", "library_name", "models", "preload_from_hub")
# the same of a model of another family; of the same one people may have given what no run knows
ORIGIN = ("base_model", "datasets", "language")


def read_card(text: str, *, where: str) -> ModelCard:
    """Read a card and its metadata; where: its name for a mistake.
    Raises UserError: the metadata are not YAML, or not a mapping.
    """
    try:
        # a broken model-index is replaced anyway
        return ModelCard(text, ignore_metadata_errors=True)
    except (ValueError, yaml.YAMLError) as error:
        problem = f"the metadata cannot be read ({' '.join(str(error).split())}), expected YAML"
        raise UserError(f"{where}: {problem}; correct what stands between its first two lines ---") from error


def is_ours(path: Path) -> bool:
    """Whether a card has sections of ours."""
    return path.is_file() and SECTION.search(path.read_text(encoding="utf-8", errors="replace")) is not None


def section(name: str, body: str) -> str:
    """A section of ours, between its two marks."""
    return f"<!-- hf-textclf:{name} -->\n{body}\n<!-- /hf-textclf:{name} -->"


def merge_cards(old: str, new: str, *, keep_keys: Iterable[str] = ()) -> str:
    """Return the card on the Hub with our metadata and our marked sections in place of the old ones.

    Where it has no section of ours, its text stays as it is. keep_keys: as in `merge_metadata`.
    Raises UserError: the metadata of one of them cannot be read.
    """
    if old == new:
        return new
    # the editor of the Hub may send the line ends of Windows
    card = read_card(old.replace("\r\n", "\n"), where=f"{CARD} on the Hub")
    ours = read_card(new, where=CARD)
    card.data = merge_metadata(card.data, ours.data, keep_keys=keep_keys)
    card.text = merge_sections(card.text, ours.text)
    return str(card)


def merge_sections(old: str, new: str, *, keep: Container[str] = (), add: Iterable[str] = ()) -> str:
    """Return the text of a card with the sections of a new one in place of its own.

    keep: names of sections that stay as they are. add: those that come in at the end where people took them out.
    """
    sections = {match[1]: match[0] for match in SECTION.finditer(new)}
    present = {match[1] for match in SECTION.finditer(old)}
    merged = SECTION.sub(lambda match: match[0] if match[1] in keep else sections.get(match[1], match[0]), old)
    missing = [sections[name] for name in add if name not in present]
    return "\n\n".join([merged.rstrip(), *missing]) + "\n" if missing else merged


def merge_metadata(old: CardData, new: CardData, *, keep_keys: Iterable[str] = ()) -> ModelCardData:
    """Return the metadata of the new card and, of the old one, what it does not say.

    A tag, a result or a key that people added stays. keep_keys: those of ours that keep the value people gave them.
    """
    family = _former_family(old.get("tags", []), new.get("tags", []))
    outlived = FACTS + ORIGIN if family else FACTS
    merged = {key: value for key, value in old.__dict__.items() if key not in outlived}
    merged |= {key: value for key, value in new.__dict__.items() if value is not None}
    merged |= {key: old[key] for key in keep_keys if old.get(key) is not None}
    tags = [*new.get("tags", []), *(tag for tag in old.get("tags", []) if tag != family)]
    merged["tags"] = list(dict.fromkeys(tags)) or None
    # people name task or metric in another way than we do
    ours = {(task, metric) for task in TASKS.values() for _, metric, _ in METRICS.values()}
    results = [each for each in old.get("eval_results", []) if (each.task_name, each.metric_name) not in ours]
    results = new.get("eval_results", []) + results
    merged["eval_results"] = results or None
    merged["model_name"] = new.get("model_name") or old.get("model_name") if results else None
    return ModelCardData(**merged, ignore_metadata_errors=True)


def _former_family(old: list[str], new: list[str]) -> str | None:
    """The `model_type` of another family, which stands after our name in the tags of a card of ours."""
    former, family = (next(iter(tags[tags.index(NAME) + 1 :] if NAME in tags else []), None) for tags in (old, new))
    return None if family in old else former
