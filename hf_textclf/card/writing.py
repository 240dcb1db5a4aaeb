"""README.md: the template filled, and what people wrote into the old one kept.

A section of ours stands between `<!-- hf-textclf:NAME -->` and `<!-- /hf-textclf:NAME -->`; all else belongs to
people. A section that they took out stays out. The author's prose is marked too, and stays until it is given again.
"""

import logging
import re
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import ModelCard
from jinja2 import ChainableUndefined, Environment, FileSystemLoader

from ..errors import TOKEN, UserError
from ..files import bundled, write_text
from ..provenance import HUB_ID
from ..saved_model.facts import Facts, outdated, read_facts
from ..saved_model.layout import CARD
from .arguments import CardArguments
from .figures import draw_learning_curve
from .metadata import card_data
from .tables import costs_table, labels_table, markdown, number, results_table

logger = logging.getLogger(__name__)
EMPTY = "---\n\n---\n"
# a section of ours, between its two marks
SECTION = re.compile(r"<!-- hf-textclf:(\w+) -->.*?<!-- /hf-textclf:\1 -->", re.DOTALL)
# settings that follow from others
UNSAID = {"logging_nan_inf_filter", "do_eval"}


class _Absent(ChainableUndefined):
    """What a file does not hold: a template may ask for it and never write it."""

    __str__ = ChainableUndefined._fail_with_undefined_error


def write_card(folder: Path, arguments: CardArguments | None = None, *, name: str | None = None) -> None:
    """Write or renew the README.md of a saved folder, and draw its learning curve.

    name: of the model, where there is no Hub id; by default that of the folder.

    Raises:
        UserError: as `render_card`.
    """
    draw_learning_curve(folder, name=arguments and arguments.repo or name or folder.resolve().name)
    write_text(folder / CARD, render_card(folder, arguments, name=name))
    for results in outdated(folder):
        logger.warning("%s is of weights that are no longer there, and stays out of the card; measure again", results)


def render_card(folder: Path, arguments: CardArguments | None = None, *, name: str | None = None) -> str:
    """The README.md that `write_card` writes; what people wrote into the one that is there stays.

    Raises:
        UserError: no model there, a file that cannot be read, an old card with broken metadata, a card that holds an
            access token.
    """
    arguments = arguments or CardArguments()
    path = folder / CARD
    card = read_card(path.read_text(encoding="utf-8") if path.is_file() else EMPTY, where=str(path))
    ours = is_ours(path)
    prose = _read_prose(arguments.prose)
    old: Any = card.data
    named = old.model_name if ours and HUB_ID.fullmatch(old.model_name or "") else None
    facts = read_facts(folder, name=arguments.repo or named or name or folder.resolve().name)
    data = card_data(facts, arguments, old, ours=ours)
    new = _render(facts, data.to_dict(), prose=prose)
    card.data, card.text = data, _merge(card.text, new, with_prose=prose is not None)
    text = str(card)
    for line_number, line in enumerate(text.splitlines(), 1):
        if TOKEN.search(line):
            raise UserError(
                f"line {line_number} of the card for {folder.name!r} holds what looks like an access token; take it "
                "out of README.md or of the prose, and revoke it"
            )
    return text


def read_card(text: str, *, where: str) -> ModelCard:
    """Read a card and its metadata; where: its name for a mistake.

    Raises:
        UserError: the metadata are not YAML, or not a mapping.
    """
    try:
        # a broken model-index is replaced anyway
        return ModelCard(text, ignore_metadata_errors=True)
    except (ValueError, yaml.YAMLError) as error:
        raise UserError(
            f"{where}: the metadata cannot be read ({' '.join(str(error).split())}), expected YAML; correct what "
            "stands between its first two lines ---"
        ) from error


def is_ours(path: Path) -> bool:
    """Whether a README.md has sections of ours."""
    return path.is_file() and SECTION.search(path.read_text(encoding="utf-8", errors="replace")) is not None


def _read_prose(name: str | None) -> str | None:
    if name is None:
        return None
    try:
        prose = Path(name).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"prose {name!r} cannot be read ({error}), expected a Markdown file; correct --prose"
        ) from error
    if "hf-textclf:" in prose:
        raise UserError(f"prose {name!r} holds marks of a card's sections (hf-textclf:), expected text; remove them")
    return prose


def _render(facts: Facts, metadata: dict[str, Any], *, prose: str | None) -> str:
    """The body of a card that nobody has written into yet."""
    environment = Environment(
        loader=FileSystemLoader(bundled("model_cards")),
        undefined=_Absent,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"table": markdown, "number": number}
    template = "language_model.md.j2" if facts.is_language_model else "classifier.md.j2"
    settings = {key: value for key, value in facts.run.items() if key not in UNSAID}
    return environment.get_template(template).render(
        facts=facts,
        metadata=metadata,
        prose=prose,
        settings=yaml.safe_dump(settings, allow_unicode=True, sort_keys=False).strip() if settings else "",
        results=results_table(facts),
        labels=labels_table(facts),
        costs=costs_table(facts),
        # the code that travels with a home-made model
        trust=", trust_remote_code=True" if "auto_map" in facts.config else "",
    )


def _merge(old: str, new: str, *, with_prose: bool) -> str:
    """The old body with our sections renewed; where it has none, the new one after it.

    with_prose: whether the author gave new prose, which then gets into the card even if the old one was taken out.
    """
    fresh = {found[1]: found[0] for found in SECTION.finditer(new)}
    there = {found[1] for found in SECTION.finditer(old)}
    if not there:
        return f"{old.rstrip()}\n\n{new}" if old.strip() else f"\n{new}"
    prose = fresh["prose"]
    if not with_prose:
        del fresh["prose"]
    merged = SECTION.sub(lambda found: fresh.get(found[1], found[0]), old)
    return f"{merged.rstrip()}\n\n{prose}\n" if with_prose and "prose" not in there else merged
