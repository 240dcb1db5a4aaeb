"""Words of a text, coloured by what they contribute or weigh, as HTML that light and dark pages can show.

Blue is for and orange against, which colour-blind eyes tell apart (Okabe and Ito); a solid or a dashed line below says
the same without colour, and the number stands in the tooltip.
"""

from collections.abc import Sequence
from html import escape

from .attributions import Attribution, WordWeights

# from this share of the strongest word on, a word carries an arrow too
STRONG = 0.2
# --share is that of the strongest word; the text keeps the colour of the page
CSS = """
.words { line-height: 2; white-space: pre-wrap; overflow-wrap: anywhere; margin: 0.5rem 0; }
.words span { border-bottom: 2px none; border-radius: 3px; padding: 1px 0; }
.words .for { --hue: 0 114 178; border-bottom-style: solid; }
.words .against { --hue: 230 159 0; border-bottom-style: dashed; }
.words .weight { --hue: 0 158 115; border-bottom-style: solid; }
.words .for, .words .against, .words .weight {
  background: rgb(var(--hue) / calc(0.6 * var(--share))); border-bottom-color: rgb(var(--hue) / var(--share)); }
.words .strong::after { font-size: 0.6em; vertical-align: super; }
.words .for.strong::after { content: "▲"; }
.words .against.strong::after { content: "▼"; }
.words .unread { opacity: 0.55; font-style: italic; }
"""


def contributions_html(attribution: Attribution) -> str:
    """The text of an attribution with its words coloured; needs `CSS` on the page."""
    return _paragraph(attribution.text, attribution.spans, attribution.contributions, form="+.3f")


def weights_html(weights: WordWeights) -> str:
    """The text with its words coloured by their weight, the higher the greener; needs `CSS` on the page."""
    return _paragraph(weights.text, weights.spans, weights.weights, kind="weight", form=".3f")


def page_html(attribution: Attribution, *, heading: str) -> str:
    """A whole page, which fetches nothing."""
    return (
        '<!doctype html>\n<html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(heading)}</title><style>\n:root {{ color-scheme: light dark; }}\n"
        f"body {{ font-family: system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; }}{CSS}"
        f'</style></head><body>\n<h1 style="font-size: 1.2rem">{escape(heading)}</h1>\n'
        '<p class="words"><span class="for strong" style="--share:1">for the label</span>  '
        '<span class="against strong" style="--share:1">against it</span></p>\n'
        f"{contributions_html(attribution)}\n</body></html>\n"
    )


def _paragraph(
    text: str, spans: Sequence[tuple[int, int]], values: Sequence[float], *, form: str, kind: str | None = None
) -> str:
    """kind: class of the words; by default `for` and `against` by their sign."""
    strongest = max(map(abs, values), default=0) or 1
    parts, place = [], 0
    for (start, end), value in zip(spans, values, strict=True):
        share = abs(value) / strongest
        classes = kind or ("for" if value > 0 else "against")
        classes += " strong" if share >= STRONG else ""
        word = escape(text[start:end])
        parts += [_between(text[place:start])]
        parts += [f'<span class="{classes}" style="--share:{share:.2f}" title="{value:{form}}">{word}</span>']
        place = end
    return f'<p class="words" dir="auto">{"".join(parts)}{_between(text[place:])}</p>'


def _between(text: str) -> str:
    """What stands between words: blanks, and what the model did not read."""
    return f'<span class="unread">{escape(text)}</span>' if text.strip() else escape(text)


__all__ = ["CSS", "contributions_html", "page_html", "weights_html"]
