"""What all pictures share: fonts that have the characters, colours that everybody can tell apart, whole files. No
figure is of `pyplot`'s state, so no display is needed and nothing stays behind."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontEntry, fontManager
from matplotlib.ft2font import FT2Font
from matplotlib.style import library

from ..files import whole

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
            reason = f"{numbered[0]}: its number, no installed font can write the name"
            figure.supxlabel(reason, fontsize=8, color="0.4")
        with whole(path) as partial:
            # squares, as of a confusion matrix, may leave the room that the layout keeps for them
            figure.savefig(partial, format="png", dpi=150, bbox_inches="tight", pad_inches=0.1)


@contextmanager
def canvas(title: str, names: Iterable[str]) -> Iterator[Page]:
    """Set the style of a picture, and fonts that have all its characters.

    A name that no installed font can write becomes its position among the names, `#3`, and never a row of boxes. Long
    names lose their middle.
    """
    half = LONGEST_NAME // 2
    short = {name: " ".join(name.split()) for name in names}
    short |= {name: f"{text[: half - 1]}…{text[-half:]}" for name, text in short.items() if len(text) > LONGEST_NAME}
    families, lost = _fonts_for(set("".join([*short.values(), *title.splitlines()])))
    written = {name: f"#{number}" if lost & set(text) else text for number, (name, text) in enumerate(short.items())}
    with matplotlib.rc_context(STYLE | {"font.family": families}):
        yield Page(title.translate(dict.fromkeys(map(ord, lost), "?")), written)


def panels(count: int, *, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """A figure of panels in rows of three; width and height of one panel."""
    across = min(3, count)
    down = -(-count // across)
    figure = Figure(figsize=(across * width, down * height), layout="constrained")
    return figure, [figure.add_subplot(down, across, place + 1) for place in range(count)]


def colour(number: int) -> str:
    """The colour of system number so and so, the same in all pictures."""
    return COLOURS[number % len(COLOURS)]


def marker(number: int) -> str:
    """Its marker; with the colours, 110 systems differ."""
    return MARKERS[number % len(MARKERS)]


def _fonts_for(characters: set[str]) -> tuple[list[str], set[str]]:
    """The families that together write some characters, and the characters that no installed font has. Matplotlib
    takes each character from the first family that has it. Its own font comes first: others lack the minus sign."""
    families, missing = [DEFAULT_FONT], characters
    for font in sorted(fontManager.ttflist, key=_plainness):
        # this font has a box for every character there is
        if not missing or "Last Resort" in font.name:
            continue
        with suppress(OSError, RuntimeError):  # a broken file
            face = FT2Font(font.fname)
            lacking = {character for character in missing if not face.get_char_index(ord(character))}
            families += [font.name] if lacking < missing else []
            missing = lacking
    return list(dict.fromkeys(families)), missing


def _plainness(font: FontEntry) -> tuple[bool, bool, bool, bool, str]:
    """Ours first, then regular before bold, upright before italic, plain before serif."""
    regular = str(font.weight) in ("400", "normal", "regular")
    return font.name != DEFAULT_FONT, not regular, font.style != "normal", "sans" not in font.name.lower(), font.name
