"""README.md of a saved folder: the template filled, and what people wrote into the old one kept.

The author's prose is a section of ours, and stays until it is given again.
"""

import logging
from pathlib import Path
from typing import Any

import yaml
from jinja2 import ChainableUndefined, Environment, FileSystemLoader

from ..errors import TOKEN, UserError
from ..files import bundled, write_text
from ..provenance import HUB_ID
from ..saved_model.facts import Facts, outdated, read_facts
from ..saved_model.layout import CARD
from .arguments import CardArguments
from .figures import costs_table, draw_learning_curve, labels_table, markdown, number, results_table
from .merge import is_ours, merge_metadata, merge_sections, read_card
from .metadata import card_data

logger = logging.getLogger(__name__)
EMPTY = "---\n\n---\n"
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
    prose = arguments.read_prose()
    old: Any = card.data
    hub_name = old.model_name if ours and HUB_ID.fullmatch(old.model_name or "") else None
    facts = read_facts(folder, name=arguments.repo or hub_name or name or folder.resolve().name)
    card.data = merge_metadata(old, card_data(facts, arguments, old, ours=ours))
    new = _render(facts, card.data.to_dict(), prose=prose)
    if ours:
        keep, add = ((), ("prose",)) if prose is not None else (("prose",), ())
        card.text = merge_sections(card.text, new, keep=keep, add=add)
    else:
        card.text = f"{card.text.rstrip()}\n\n{new}" if card.text.strip() else f"\n{new}"
    text = str(card)
    for line_number, line in enumerate(text.splitlines(), 1):
        if TOKEN.search(line):
            raise UserError(
                f"line {line_number} of the card for {folder.name!r} holds what looks like an access token; take it "
                "out of README.md or of the prose, and revoke it"
            )
    return text


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
