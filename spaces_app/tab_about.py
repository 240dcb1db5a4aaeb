"""The models' own cards, and how they compare: what `hf-textclf card` and `hf-textclf compare` wrote."""

import re
from pathlib import Path

import gradio as gr
import i18n
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt
from models import Served

from hf_textclf.saved_model.layout import CARD

COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


def build_about(models: dict[str, Served], comparison: Path | None) -> None:
    """Put the cards on the page, and the tables and pictures of a comparison where there is one."""
    gr.Markdown(i18n.label("about_data"))
    if comparison is not None:
        gr.HTML(_html((comparison / "comparison.md").read_text(encoding="utf-8")), elem_classes="card-text")
        _pictures({path: path.stem for path in sorted(comparison.glob("*.png"))})
    for model in models.values():
        with gr.Accordion(model.name, open=False):
            card = model.folder / CARD
            if not card.is_file():
                gr.Markdown(i18n.label("about_no_card"))
                continue
            text = ModelCard.load(card, ignore_metadata_errors=True).text
            gr.HTML(_html(text), elem_classes="card-text")
            pictures = model.facts.pictures if model.facts else {}
            _pictures({model.folder / file: what for file, what in pictures.items()})


def _pictures(pictures: dict[Path, str]) -> None:
    with gr.Row(elem_classes="pictures"):
        for path, caption in pictures.items():
            # the caption below: a label would lie on the picture's own title
            with gr.Column():
                gr.Image(str(path), label=caption, show_label=False, interactive=False, buttons=["fullscreen"])
                gr.Markdown(caption)


def _html(markdown: str) -> str:
    """Markdown as HTML that holds no HTML of its author's, and no picture: it might lie on another host."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    reader.add_render_rule("image", lambda *_: "")
    return reader.render(COMMENT.sub("", markdown))
