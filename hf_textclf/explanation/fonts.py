"""Fonts for the words of a picture.

What would surprise you: the font that matplotlib brings has no Chinese, and a letter that a font lacks is drawn as a
box. So fonts that have the letters are looked for among those installed.
"""

from collections.abc import Iterable

# matplotlib's own, which is always there
PLAIN = "DejaVu Sans"


def find_fonts(texts: Iterable[str]) -> tuple[list[str], set[str]]:
    """Find installed fonts that together draw every letter of the texts, as far as there are any.

    Returns their names, in the order in which matplotlib is to try them, and the letters that they draw.
    """
    from matplotlib import font_manager

    missing = {letter for text in texts for letter in text}
    families: list[str] = []
    drawable: set[str] = set()
    for name in [PLAIN, *sorted(font_manager.get_font_names(), key=_rank)]:
        if not missing:
            break
        # draws the name of the script in a box, whatever the letter
        if name.startswith("Last Resort"):
            continue
        font = font_manager.get_font(font_manager.findfont(name))
        if found := {letter for letter in missing if font.get_char_index(ord(letter))}:
            families.append(name)
            drawable |= found
            missing -= found
    return families or [PLAIN], drawable


def _rank(name: str) -> tuple[bool, bool, str]:
    """Without serifs like the rest of a picture, and Chinese in the form of the mainland."""
    return ("Sans" not in name, not name.endswith(" SC"), name)


__all__ = ["find_fonts"]
