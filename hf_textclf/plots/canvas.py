"""What all pictures share: fonts that have the characters, colours that everybody can tell apart, whole files.

Nothing here touches `pyplot`, so no display is needed and no state is left behind.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontEntry, findfont, fontManager
from matplotlib.ft2font import FT2Font
from matplotlib.style import library

# made for colour-blind readers (Petroff 2021); beyond ten, the markers go on telling systems apart
COLOURS: list[str] = library["petroff10"]["axes.prop_cycle"].by_key()["color"]
MARKERS = "osD^vPX<>hp"
DEFAULT_FONT = "DejaVu Sans"
LONGEST_NAME = 28
STYLE = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "0.9",
    # a label may hold a dollar
    "text.parse_math": False,
    "axes.formatter.useoffset": False,
}


@dataclass(frozen=True)
class Page:
    """A picture to be: its title, and how each name is to be written."""

    title: str
    written: dict[str, str]

    def save(self, figure: Figure, path: Path) -> None:
        """Write a png, whole or not at all; inside `canvas`, because ticks are made when they are drawn."""
        figure.suptitle(self.title)
        if numbered := [text for name, text in self.written.items() if text.startswith("#") and text != name]:
            figure.supxlabel(
                f"{numbered[0]}: its number, no installed font can write the name", fontsize=8, color="0.4"
            )
        partial = path.with_name(f".{path.name}.partial")
        # squares, as of a confusion matrix, may leave the room that the layout keeps for them
        figure.savefig(partial, format="png", dpi=150, bbox_inches="tight", pad_inches=0.1)
        os.replace(partial, path)


@contextmanager
def canvas(title: str, names: Iterable[str]) -> Iterator[Page]:
    """Set the style of a picture, and fonts that have all its characters.

    Matplotlib's own font has no Chinese: an installed one that has the missing characters joins it. A name that no
    font can write becomes its position among the names, `#3`, and never a row of boxes. Long names lose their middle.
    """
    short = {name: _short(name) for name in names}
    texts = [*short.values(), *title.splitlines()]
    used = set("".join(texts))
    missing = used - _known(findfont(DEFAULT_FONT), used)
    family, lost = _font_for(missing, texts) if missing else (DEFAULT_FONT, missing)
    written = {name: f"#{number}" if lost & set(text) else text for number, (name, text) in enumerate(short.items())}
    # ours comes first: other fonts lack the minus sign
    with matplotlib.rc_context(STYLE | {"font.family": list(dict.fromkeys([DEFAULT_FONT, family]))}):
        yield Page(title.translate(dict.fromkeys(map(ord, lost), "?")), written)


def panels(
    count: int, *, width: float, height: float, ratios: tuple[float, ...] = (1,), columns: int = 3
) -> tuple[Figure, list[list[Axes]]]:
    """A figure of panels in rows, each a column of axes with these ratios of height; width and height of one panel."""
    across = min(columns, count)
    down = -(-count // across)
    figure = Figure(figsize=(across * width, down * height), layout="constrained")
    axes = figure.subplots(down * len(ratios), across, squeeze=False, height_ratios=ratios * down)
    columned = axes.reshape(down, len(ratios), across).transpose(0, 2, 1).reshape(down * across, len(ratios)).tolist()
    for unused in columned[count:]:
        for one in unused:
            one.remove()
    return figure, columned[:count]


def colour(number: int) -> str:
    """The colour of system number so and so, the same in all pictures."""
    return COLOURS[number % len(COLOURS)]


def marker(number: int) -> str:
    """Its marker; with the colours, 110 systems differ."""
    return MARKERS[number % len(MARKERS)]


def unit_axes(axes: Axes, *, xlabel: str, ylabel: str) -> None:
    """Both axes from 0 to 1."""
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xlabel=xlabel, ylabel=ylabel)


def _short(name: str) -> str:
    name = " ".join(name.split())
    half = LONGEST_NAME // 2
    return name if len(name) <= LONGEST_NAME else f"{name[: half - 1]}…{name[-half:]}"


def _known(path: str, characters: set[str]) -> set[str]:
    """Those of some characters that a font file has; none where it cannot be read."""
    try:
        font = FT2Font(path)
    except (OSError, RuntimeError):
        return set()
    return {character for character in characters if font.get_char_index(ord(character))}


def _font_for(missing: set[str], texts: Sequence[str]) -> tuple[str, set[str]]:
    """The installed font with which most texts can be written, and the characters that it lacks."""
    best, most, lost = DEFAULT_FONT, 0, missing
    for entry in sorted(fontManager.ttflist, key=_plainness):
        # this font has a box for every character there is
        if "Last Resort" in entry.name:
            continue
        lacking = missing - _known(entry.fname, missing)
        count = sum(not lacking & set(text) for text in texts)
        if count > most and lacking < missing:
            best, most, lost = entry.name, count, lacking
        if not lost:
            break
    return best, lost


def _plainness(entry: FontEntry) -> tuple[bool, bool, bool, str]:
    """Regular before bold, upright before italic, plain before serif."""
    regular = str(entry.weight) in ("400", "normal", "regular")
    return not regular, entry.style != "normal", "sans" not in entry.name.lower(), entry.name
