"""What all pictures share: fonts that have the characters, colours that everybody can tell apart, whole files.

Nothing here touches `pyplot`, so no display is needed and no state is left behind.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
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


@contextmanager
def canvas(names: Iterable[str]) -> Iterator[dict[str, str]]:
    """Set the style of a picture and its fonts; yields for each name how it is to be written.

    Matplotlib's own font has no Chinese: an installed one that has the missing characters joins it. A name that no
    font can write becomes its position among the names, `#3`, and never a row of boxes. Long names lose their middle.
    """
    short = {name: _short(name) for name in names}
    missing = frozenset("".join(short.values())) - _characters(findfont(DEFAULT_FONT))
    family, known = _font_for(missing, list(short.values())) if missing else (DEFAULT_FONT, frozenset())
    written = {
        name: f"#{number}" if (missing - known) & set(text) else text
        for number, (name, text) in enumerate(short.items())
    }
    # a Chinese minus is missing in many fonts, ours comes first
    with matplotlib.rc_context(STYLE | {"font.family": list(dict.fromkeys([DEFAULT_FONT, family]))}):
        yield written


def save(figure: Figure, path: Path) -> None:
    """Write a png, whole or not at all; inside `canvas`, because ticks are made when they are drawn."""
    partial = path.with_name(f".{path.name}.partial")
    figure.savefig(partial, format="png", dpi=150)
    os.replace(partial, path)


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


def note(figure: Figure, written: dict[str, str]) -> None:
    """Say below the picture what a number in place of a name means, if there is one."""
    if lost := [name for name in written.values() if name.startswith("#") and name not in written]:
        figure.supxlabel(f"{lost[0]} and the like: no installed font can write the name", fontsize=8, color="0.4")


def unit_axes(axes: Axes, *, xlabel: str, ylabel: str) -> None:
    """Both axes from 0 to 1."""
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xlabel=xlabel, ylabel=ylabel)


def _short(name: str) -> str:
    name = " ".join(name.split())
    half = LONGEST_NAME // 2
    return name if len(name) <= LONGEST_NAME else f"{name[: half - 1]}…{name[-half:]}"


@cache
def _characters(path: str) -> frozenset[str]:
    """Every character that a font file has; none where the file cannot be read."""
    try:
        return frozenset(map(chr, FT2Font(path).get_charmap()))
    except (OSError, RuntimeError):
        return frozenset()


def _font_for(missing: frozenset[str], names: Sequence[str]) -> tuple[str, frozenset[str]]:
    """The installed font that can write most of the names, and its characters."""
    best, most, known = DEFAULT_FONT, 0, frozenset[str]()
    for entry in sorted(fontManager.ttflist, key=_plainness):
        characters = _characters(entry.fname)
        count = sum((missing & set(name)) <= characters for name in names)
        # the last resort has a box for every character there is
        if count > most and missing & characters and "Last Resort" not in entry.name:
            best, most, known = entry.name, count, characters
        if most == len(names):
            break
    return best, known


def _plainness(entry: FontEntry) -> tuple[bool, bool, bool, str]:
    """Regular before bold, upright before italic, plain before serif."""
    regular = str(entry.weight) in ("400", "normal", "regular")
    return not regular, entry.style != "normal", "sans" not in entry.name.lower(), entry.name
