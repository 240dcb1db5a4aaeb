"""Two cards become one: what people wrote stays, what a run knows is renewed.

A section of ours stands between `<!-- hf-textclf:NAME -->` and `<!-- /hf-textclf:NAME -->`; all else belongs to
people. A section that they took out stays out. Within a section, too, what they changed stays: a comment before the
first section holds a digest of each block of lines and of each key that we wrote, which tells theirs from ours.
"""

import hashlib
import json
import logging
import re
from collections.abc import Container, Iterable
from difflib import SequenceMatcher
from pathlib import Path

import yaml
from huggingface_hub import CardData, ModelCard, ModelCardData

from ..errors import UserError
from ..saved_model.layout import CARD
from .metadata import METRICS, NO_PROSE, TASKS

logger = logging.getLogger(__name__)
SECTION = re.compile(r"<!-- hf-textclf:(\w+) -->\n(.*?)\n<!-- /hf-textclf:\1 -->", re.DOTALL)
DIGESTS = re.compile(r"<!-- hf-textclf digests:((?: [0-9a-f]{8})*) -->\n")
NAME = "hf-textclf"
# what these say is true of one model or Space alone: of an older one nothing may be left
FACTS = tuple(
    "eval_results model_name metrics pipeline_tag library_name co2_eq_emissions models preload_from_hub".split()
)
# the same of a model of another family; of the same one people may have given what no run knows
ORIGIN = ("base_model", "datasets", "language")
LICENSE = ("license", "license_name", "license_link")
# keys of ours that people may correct
CORRECTED = (*LICENSE, *ORIGIN, "widget", "short_description")


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


def merge_cards(old: str, new: str, *, keep_keys: Iterable[str] = (), given: Container[str] = ()) -> str:
    """Return the card on the Hub with our metadata and our marked sections in place of the old ones.

    Where it has no section of ours, its text stays as it is. keep_keys, given: as in `merge_metadata`.
    Raises UserError: the metadata of one of them cannot be read.
    """
    if old == new:
        return new
    # the editor of the Hub may send the line ends of Windows
    card = read_card(old.replace("\r\n", "\n"), where=f"{CARD} on the Hub")
    ours = read_card(new, where=CARD)
    merged = merge_metadata(card.data, ours.data, written=read_digests(card.text), keep_keys=keep_keys, given=given)
    for key in CORRECTED:
        if key not in keep_keys and ours.data.get(key) not in (None, merged.get(key)):
            logger.warning("%s of the card on the Hub was changed there, and stays as it is", key)
    # nobody's words give way to none
    keep = {match[1] for match in SECTION.finditer(ours.text) if match[2].endswith(NO_PROSE)}
    card.text = merge_sections(card.text, ours.text, metadata=(ours.data, merged), keep=keep)
    card.data = merged
    return str(card)


def merge_sections(
    old: str, new: str, *, metadata: tuple[CardData, CardData], keep: Container[str] = (), given: Iterable[str] = ()
) -> str:
    """Return the text of a card with the sections of a new one in place of its own, but for what people changed.

    metadata: of the new card and of both merged; what is ours of them is known from now on. keep: names of sections
    that stay as they are. given: those whose words its author just gave: they replace what stands there, and come in
    at the end where people took them out.
    """
    written, sections = read_digests(old), {match[1]: match[2] for match in SECTION.finditer(new)}
    present = {match[1] for match in SECTION.finditer(old)}

    def renew(match: re.Match[str]) -> str:
        name, body = match[1], match[2]
        if name in keep or name not in sections:
            return match[0]
        return section(name, sections[name] if name in given else _merge_blocks(name, body, sections[name], written))

    merged = SECTION.sub(renew, DIGESTS.sub("", old))
    missing = [section(name, sections[name]) for name in given if name not in present]
    merged = "\n\n".join([merged.rstrip(), *missing]) + "\n" if missing else merged
    ours = [_digest(name, block) for name, body in sections.items() if name not in keep for block in _blocks(body)]
    left = [_digest(match[1], block) for match in SECTION.finditer(merged) for block in _blocks(match[2])]
    keys, left_keys = ([_key_digest(key, data) for key in CORRECTED if data.get(key)] for data in metadata)
    digests = sorted({*keys, *ours, *(digest for digest in left + left_keys if digest in (written or ()))})
    return SECTION.sub(lambda match: f"<!-- hf-textclf digests: {' '.join(digests)} -->\n{match[0]}", merged, count=1)


def read_digests(text: str) -> set[str] | None:
    """The digests of all that we wrote into a card; None where an older version wrote none down."""
    match = DIGESTS.search(text)
    return set(match[1].split()) if match else None


def _blocks(body: str) -> list[str]:
    """What stands between empty lines."""
    return [block for block in re.split(r"\n\s*\n", body) if block.strip()]


def _digest(name: str, block: str) -> str:
    """Of a block of lines in a section, whatever its white space."""
    return hashlib.sha256(" ".join([name, *block.split()]).encode()).hexdigest()[:8]


def _key_digest(key: str, metadata: CardData) -> str:
    return _digest(key, json.dumps(metadata.get(key), sort_keys=True, default=str))


def _merge_blocks(name: str, old: str, new: str, written: set[str] | None) -> str:
    """The new body of a section, with what people put there or in place of a block of ours, and without what they
    took out, as far as we have nothing new to say there. written: as `read_digests` returns it."""
    there, coming = _blocks(old), _blocks(new)
    before, after = ([_digest(name, block) for block in blocks] for blocks in (there, coming))
    if written is None:
        # of a card of an older version: figures and what says the same with other figures
        shapes = {_shape(block) for block in (*coming, NO_PROSE)}
        figures = [block for block in there if block.startswith(("|", "![")) or _shape(block) in shapes]
        written = {_digest(name, block) for block in figures}
    theirs = [number for number, digest in enumerate(before) if digest not in written | set(after)]
    taken_out = {digest for digest in after if digest in written and digest not in before}
    if not theirs and not taken_out:
        return new
    # where each block of the old body stands in the new one
    place: dict[int, int] = {}
    for _, first, end, start, stop in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        place |= {number: min(start + number - first, stop) for number in range(first, end)}
    merged = []
    for position in range(len(coming) + 1):
        merged += [there[number] for number in theirs if place[number] == position]
        merged += [block for block in coming[position : position + 1] if _digest(name, block) not in taken_out]
    return "\n\n".join(merged)


def _shape(block: str) -> str:
    """A block without its figures and the names of commits."""
    return re.sub(r"[0-9a-f]*\d[\w.,]*", "#", block)


def merge_metadata(
    old: CardData,
    new: CardData,
    *,
    written: set[str] | None,
    keep_keys: Iterable[str] = (),
    given: Container[str] = (),
) -> ModelCardData:
    """Return the metadata of the new card and, of the old one, what it does not say.

    A tag, a result or a key that people added stays, and so does what they made of a key that they may correct.
    written: as `read_digests` returns it. keep_keys: those of ours that keep the value they have. given: those that
    the author just gave, and that replace what stands there.
    """
    family = _former_family(old.get("tags", []), new.get("tags", []))
    outlived = FACTS + ORIGIN if family else FACTS
    merged = {key: value for key, value in old.__dict__.items() if key not in outlived}
    corrected = [key for key in CORRECTED if merged.get(key) is not None and key not in given]
    corrected = [key for key in corrected if written is None or _key_digest(key, old) not in written]
    # the name and the link of a licence go with it
    stay = {*corrected, *(LICENSE if "license" in corrected else ())}
    stay |= {key for key in keep_keys if old.get(key) is not None}
    merged |= {key: value for key, value in new.__dict__.items() if value is not None and key not in stay}
    if merged.get("license") != "other":
        merged = {key: value for key, value in merged.items() if key not in LICENSE[1:]}
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
