"""Two cards become one: what people wrote on the Hub stays, what a run knows is renewed."""

from huggingface_hub import ModelCardData

from ..card.writing import SECTION, read_card

# lists that people add to
SHARED_LISTS = ("tags", "datasets", "language", "metrics")


def merge_cards(theirs: str, ours: str, *, theirs_to_change: tuple[str, ...] = ()) -> str:
    """Return the card on the Hub with our metadata and our marked sections in place of the old ones.

    Where it has no section of ours, its text stays as it is. A section or a key that people added stays; a section
    that they took out stays out.

    theirs_to_change: keys of ours that keep the value that people gave them.

    Raises:
        UserError: the metadata of one of them cannot be read.
    """
    if theirs == ours:
        return ours
    card, new = read_card(theirs, where="README.md on the Hub"), read_card(ours, where="README.md")
    old_data, new_data = card.data.to_dict(), new.data.to_dict()
    merged = old_data | new_data | {key: old_data[key] for key in theirs_to_change if key in old_data}
    for key in SHARED_LISTS:
        if key in old_data and key in new_data:
            both = [*_list(old_data[key]), *_list(new_data[key])]
            merged[key] = list(dict.fromkeys(both)) if len(set(both)) > 1 else new_data[key]
    card.data = ModelCardData(**merged, ignore_metadata_errors=True)
    fresh = {found[1]: found[0] for found in SECTION.finditer(new.text)}
    card.text = SECTION.sub(lambda found: fresh.get(found[1], found[0]), card.text)
    return str(card)


def _list(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]
