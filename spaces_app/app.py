"""The Space: type a text and see what each model makes of it.

hf-textclf page runs/lstm runs/bert                    folders, or Hub models pinned as owner/name@COMMIT
MODELS="owner/lstm@COMMIT owner/bert@COMMIT"           the same on a Space, which has no command line
models.txt beside this file, one a line                where neither names any; `hf-textclf space` writes it

Gradio's own variables (GRADIO_SERVER_PORT, GRADIO_SERVER_NAME, …) are obeyed. Visitors' texts are kept nowhere.
"""

import argparse
import importlib.util
import json
import os
import re
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import gradio as gr
import i18n
import tab_batch
import tab_compare
import tab_explain
import visitor_files
from api import add_endpoints
from gradio.state_holder import SessionState
from huggingface_hub import ModelCard
from i18n import label
from markdown_it import MarkdownIt
from models import Served, load, named_models
from transformers.utils.logging import disable_progress_bar

from hf_textclf import UserError
from hf_textclf.saved_model.layout import CARD

HERE = Path(__file__).parent
# what `hf-textclf compare` wrote, where somebody has put it beside this file
COMPARISON = HERE / "comparison"
# answers at the same time, and people who may wait: with 1, 2 or 4 at once two cores give the same 35-50 answers a
# second, each by an LSTM and a BERT (tests/benchmarks/space_load.py): the last who waits has his in two seconds
AT_ONCE, WAITING = 2, 64
# signals that end the page; Windows has no SIGHUP
ENDS = {signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}
EXAMPLES = [
    "The central bank kept its key rate unchanged.",
    "The hinge broke within a week. Never again.",
    "主队在补时阶段攻入制胜一球，球迷冲进场内庆祝。",
    "耳机音质很好，戴一整天也不累，这个价格很值。",
]


def build(models: dict[str, Served], comparison: Path | None = None) -> gr.Blocks:
    """Make the page and its public endpoints."""

    def show(text: str, chosen: list[str], request: gr.Request) -> Iterator[str]:
        yield from tab_compare.compare(models, text, chosen, request)

    private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    # of many models the first two, as a page shows two side by side
    default = list(models)[:2]
    with gr.Blocks(title="hf_textclf", analytics_enabled=False) as page:
        with gr.Row(elem_id="head"):
            gr.Markdown(label("title"))
            link = gr.Button(label("link"), size="sm", elem_id="link", scale=0, min_width=130)
        # seen when a link was copied that lacks the end of the text
        gr.Markdown(label("link_cut"), elem_id="link-cut")
        with gr.Column(elem_id="ask"):
            lines: dict[str, Any] = {"lines": 2, "max_lines": 6, "placeholder": label("placeholder")}
            text = gr.Textbox(label=label("text"), autofocus=True, elem_id="text", **lines)
            with gr.Row():
                with gr.Column(scale=3, min_width=320):
                    gr.Examples(EXAMPLES, text, label=label("examples"), elem_id="examples", api_visibility="private")
                with gr.Column(scale=1, min_width=220):
                    chosen = gr.CheckboxGroup(list(models), value=default, label=label("models"), elem_id="models")
        with gr.Tabs() as tabs:
            with gr.Tab(label("side_tab"), id="side") as side_tab:
                results = gr.HTML(elem_id="results")
            with gr.Tab(label("why_tab"), id="why") as why_tab:
                tab_explain.build_explain(models, text, chosen, why_tab)
            with gr.Tab(label("many_tab"), id="many") as many_tab:
                tab_batch.build_batch(models)
            with gr.Tab(label("about_tab"), id="about") as about_tab:
                _build_about(models, comparison)

        for tab in (side_tab, why_tab, many_tab, about_tab):
            tab.select(None, js=f"() => view.tab({json.dumps(tab.id)})", **private)
        link.click(None, js="() => view.copy()", **private)
        changes, asked = [text.change, chosen.change], [text, chosen]
        gr.on(changes, None, asked, js="(text, chosen) => view.write(text, chosen)", **private)
        gr.on([*changes, text.submit], show, asked, results, trigger_mode="always_last", **private)
        read = f"() => view.read(...{json.dumps([default, list(models)])})"
        page.load(None, None, [*asked, tabs], js=read, **private).then(show, asked, results, **private)
        page.unload(visitor_files.delete)
        add_endpoints(models)
    return page


def _build_about(models: dict[str, Served], comparison: Path | None) -> None:
    """Put the cards on the page, and the tables and pictures of a comparison where there is one."""
    gr.Markdown(label("about_data"))
    if comparison is not None:
        gr.HTML(_html((comparison / "comparison.md").read_text(encoding="utf-8")), elem_classes="card-text")
        _pictures({path: path.stem for path in sorted(comparison.glob("*.png"))})
    for model in models.values():
        with gr.Accordion(model.name, open=False):
            card = model.folder / CARD
            if not card.is_file():
                gr.Markdown(label("about_no_card"))
                continue
            gr.HTML(_html(ModelCard.load(card, ignore_metadata_errors=True).text), elem_classes="card-text")
            pictures = model.facts.pictures if model.facts else {}
            _pictures({model.folder / file: caption for file, caption in pictures.items()})


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
    return reader.render(re.sub("<!--.*?-->", "", markdown, flags=re.DOTALL))


def protect_visitors() -> None:
    """Change two habits of Gradio's, for this process.

    Where a call fails it prints the traceback, whose message may hold the inputs (too few of them, a choice that is
    not there): here, the kind of the failure and its place. And it remembers the last inputs and outputs of every
    session, for links to a page as it was, which anybody who knows the session may ask for: here, none.
    """

    def print_kind_and_place(*_: object, **__: object) -> None:
        kind, _error, trace = sys.exc_info()
        last = traceback.extract_tb(trace)[-1] if trace else None
        place = f" in {last.filename}, line {last.lineno}" if last else ""
        print(f"{kind.__name__ if kind else 'error'}{place}", file=sys.stderr, flush=True)

    traceback.print_exc = print_kind_and_place
    SessionState._update_value_in_config = lambda *_: None


def start(arguments: list[str]) -> None:
    """Serve the page until somebody stops it."""
    parser = argparse.ArgumentParser(prog="hf-textclf page", description="Open a page on trained models.")
    parser.add_argument("models", nargs="*", help="folders, or Hub models pinned as owner/name@COMMIT")
    parser.add_argument("--comparison", type=Path, help="folder that `hf-textclf compare` wrote, shown under About")
    options = parser.parse_args(arguments)
    comparison = options.comparison or (COMPARISON if COMPARISON.is_dir() else None)
    if comparison and not (comparison / "comparison.md").is_file():
        raise UserError(f"'{comparison}' holds no comparison.md, expected what `hf-textclf compare` wrote; correct it")
    # Gradio asks for it with every call; where none is named, that loads all of matplotlib to find one
    os.environ.setdefault("MPLBACKEND", "agg")
    disable_progress_bar()
    # whoever ends this process, or closes its terminal, ends it as Ctrl-C does: nothing of visitors is left
    for number in ENDS:
        signal.signal(number, _stop)
    with visitor_files.private_folder():
        page = build(load(named_models(options.models)), comparison)
        visitor_files.delete_old_files()
        _serve(page)


def _stop(number: int, frame: FrameType | None) -> None:
    """End the page at the first signal; those that follow, of a launcher that passes them on, do not disturb it."""
    for other in ENDS:
        signal.signal(other, signal.SIG_IGN)
    raise KeyboardInterrupt


def _serve(page: gr.Blocks) -> None:
    protect_visitors()
    page.queue(max_size=WAITING, default_concurrency_limit=AT_ONCE)
    page.launch(
        # fonts that every machine has: nothing to fetch, and plain to read
        theme=gr.themes.Soft(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
        css_paths=[HERE / "page.css", HERE / "tab_batch.css"],
        head=f"<script>{(HERE / 'page.js').read_text(encoding='utf-8')}</script>",
        i18n=i18n.translations(),
        footer_links=["api", "settings"],
        mcp_server=importlib.util.find_spec("mcp") is not None,
        ssr_mode=False,
        enable_monitoring=False,
        run_history=False,
        max_file_size=tab_batch.MAX_FILE_SIZE,
        state_session_capacity=tab_batch.SESSIONS,
        prevent_thread_lock=True,
    )
    try:
        page.block_thread()
    finally:
        # the connections of open pages too, so that no upload is written any more
        page.close()


if __name__ == "__main__":
    try:
        start(sys.argv[1:])
    except UserError as error:
        print(f"hf-textclf page: error: {error}", file=sys.stderr)
        sys.exit(2)
