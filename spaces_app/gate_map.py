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
WORDS = {
    "en": {
        "why_gates": "Gates of the LSTM",
        "why_gates_note": "Columns are words, rows the units of the top layer, those that remember longest on top.",
        "why_gates_cut": "Only the first {count:,} words are drawn.",
        "why_shut": "0 shut",
        "why_open": "1 open",
        "why_input": "input",
        "why_forget": "forget",
        "why_output": "output",
        "why_forward": "reading forward",
        "why_backward": "reading backward",
    },
    "zh": {
        "why_gates": "LSTM 的门",
        "why_gates_note": "每列是一个词，每行是顶层的一个单元，记得最久的在上面。",
        "why_gates_cut": "只画出前 {count:,} 个词。",
        "why_shut": "0 关",
        "why_open": "1 开",
        "why_input": "输入门",
        "why_forget": "遗忘门",
        "why_output": "输出门",
        "why_forward": "正向读",
        "why_backward": "反向读",
    },
}
# the gradient is matplotlib's cividis, made for colour-blind eyes
STYLE = """
#why .gates { overflow-x: auto; }
#why .gates > div { display: grid; gap: 3px 8px; align-items: center; margin-top: 6px;
  grid-template-columns: max-content minmax(calc(var(--columns) * 1.05rem), 1fr); }
#why .gates > div > :nth-child(odd) { position: sticky; left: 0; padding-right: 6px;
  background: var(--block-background-fill); font-size: 0.85rem; }
#why .gates img { width: 100%; height: 72px; image-rendering: pixelated; border-radius: 3px; margin: 0; }
#why .gates ol { display: flex; align-items: start; list-style: none; padding: 0; margin: 0; }
#why .gates li { flex: 1 1 0; min-width: 0; margin: 0; writing-mode: vertical-rl; max-height: 7em; overflow: hidden;
  text-overflow: ellipsis; white-space: nowrap; font-size: 0.8rem; line-height: 1.2; display: block; }
#why .scale { display: inline-block; width: 6rem; height: 0.7em; border-radius: 3px; margin: 0 6px;
  background: linear-gradient(to right, #00224e, #434e6c, #7d7c78, #bcaf6f, #fee838); }
"""


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


__all__ = ["MAX_WORDS", "STYLE", "WORDS", "draw"]
