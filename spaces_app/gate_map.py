"""The gates of an LSTM over the words of a text as a heat map in HTML, which follows the page's width and colours."""

import base64
from collections.abc import Callable
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hf_textclf.explanation import DirectionGates, WordGates

# columns, each wide enough for a word that stands upright
MAX_WORDS = 80
SHOWN = ("input", "forget", "output")


def draw(gates: "WordGates", say: Callable[..., str]) -> str:
    """The gates of the top layer; say: escaped text of a key."""
    top = [reading for reading in gates.readings if reading.layer == gates.readings[-1].layer]
    shown = gates.words[:MAX_WORDS]
    cut = say("why_gates_cut", count=MAX_WORDS) if len(gates.words) > MAX_WORDS else ""
    return (
        f"<h4>{say('why_gates')}</h4><small>{say('why_gates_note')} {cut}<br>"
        f'{say("why_shut")}<span class="scale"></span>{say("why_open")}</small>'
        f'<div class="gates" tabindex="0" style="--columns:{len(shown)}">'
        f"{''.join(_direction(reading, shown, say) for reading in top)}</div>"
    )


def _direction(reading: "DirectionGates", words: list[str], say: Callable[..., str]) -> str:
    from matplotlib.image import imsave

    from hf_textclf.explanation.gates import GATES

    # (words, gates, units)
    values = reading.gates[0, : len(words)]
    order = values[:, GATES.index("forget")].mean(0).argsort(descending=True)
    means = values.mean(2)
    rows = []
    for gate in SHOWN:
        file = BytesIO()
        imsave(file, values[:, GATES.index(gate), order].T.numpy(), cmap="cividis", vmin=0, vmax=1, format="png")
        picture = base64.b64encode(file.getvalue()).decode("ascii")
        name = say(f"why_{gate}")
        rows.append(f'<span>{name}</span><img alt="{name}" src="data:image/png;base64,{picture}">')
    columns = []
    for number, word in enumerate(words):
        numbers = ", ".join(f"{say(f'why_{gate}')} {means[number, GATES.index(gate)]:.2f}" for gate in SHOWN)
        columns.append(f'<li title="{escape(word)}: {numbers}">{escape(word)}</li>')
    title = say(f"why_{reading.direction}")
    return f"<small>{title}</small><div>{''.join(rows)}<span></span><ol>{''.join(columns)}</ol></div>"
