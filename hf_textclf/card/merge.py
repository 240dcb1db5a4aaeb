"""Two cards become one: what people wrote on the Hub stays, what a run knows is renewed."""

from typing import Any

from huggingface_hub import ModelCardData

from ..saved_model.layout import CARD
from .metadata import of_others
from .writing import SECTION, read_card

# what these say is true of one model or Space alone: of an older one nothing may be left
FACTS = ("model-index", "metrics", "pipeline_tag", "library_name", "models", "preload_from_hub")
# the same of a model of another family; of the same one people may have given what no run knows
ORIGIN = ("base_model", "datasets", "language")


def merge_cards(theirs: str, ours: str, *, theirs_to_change: tuple[str, ...] = ()) -> str:
    """Return the card on the Hub with our metadata and our marked sections in place of the old ones.

    Where it has no section of ours, its text stays as it is. A section, a tag, a result or a key that people added
    stays; a section that they took out stays out.

    theirs_to_change: keys of ours that keep the value that people gave them.

    Raises:
        UserError: the metadata of one of them cannot be read.
    """
    if theirs == ours:
        return ours
    # the editor of the Hub may send the line ends of Windows
    card = read_card(theirs.replace("\r\n", "\n"), where="README.md on the Hub")
    new = read_card(ours, where=CARD)
    old_data, new_data = card.data.to_dict(), new.data.to_dict()
    family = _family(old_data)
    gone = FACTS if family is None or family == _family(new_data) else FACTS + ORIGIN
    kept = {key: value for key, value in old_data.items() if key not in gone}
    merged = kept | new_data | {key: old_data[key] for key in theirs_to_change if key in old_data}
    tags = [*new_data.get("tags", []), *(tag for tag in old_data.get("tags", []) if tag != family)]
    if tags:
        merged["tags"] = list(dict.fromkeys(tags))
    results = [*(new.data.get("eval_results") or []), *of_others(card.data.get("eval_results") or [])]
    if results:
        name = new.data.get("model_name") or card.data.get("model_name")
        merged.pop("model-index", None)
        merged |= {"eval_results": results, "model_name": name}
    card.data = ModelCardData(**merged, ignore_metadata_errors=True)
    fresh = {found[1]: found[0] for found in SECTION.finditer(new.text)}
    card.text = SECTION.sub(lambda found: fresh.get(found[1], found[0]), card.text)
    return str(card)


def _family(metadata: dict[str, Any]) -> str | None:
    """The `model_type` of a card of ours, which stands after our name in its tags."""
    tags = metadata.get("tags") or []
    place = tags.index("hf-textclf") + 1 if "hf-textclf" in tags else len(tags)
    return tags[place] if place < len(tags) else None
