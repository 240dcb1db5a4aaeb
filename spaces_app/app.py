"""The Space: type a text and see what each model makes of it, side by side.

python spaces_app/app.py runs/lstm runs/bert           folders, or Hub models pinned as owner/name@COMMIT
MODELS="owner/lstm@COMMIT owner/bert@COMMIT"           the same on a Space, which has no command line
models.txt beside this file, one a line                where neither names any; `hf-textclf space` writes it

Gradio's own variables (GRADIO_SERVER_PORT, GRADIO_SERVER_NAME, …) are obeyed. Visitors' texts are kept nowhere.
"""

import os
import re
import sys
from pathlib import Path

import gradio as gr

from hf_textclf import Classifier, UserError

MAX_CHARACTERS = 10_000
# bars on the page for each model; the endpoint returns every label
MAX_BARS = 10
EMPTY = "There is no text: write or paste some words."
CUT = f"Only the first {MAX_CHARACTERS:,} characters were read."
FOREIGN = "much of this text is not in the vocabulary, the numbers mean little. (The demo's BERT knows English only.)"
API = f"Model name -> {{label: probability}} (regression: {{target: number}}). {MAX_CHARACTERS:,} characters are read."
LISTED = Path(__file__).with_name("models.txt")
PINNED = re.compile(r"([\w.-]+/[\w.-]+)@([0-9a-f]{40})")
# Chinese characters, kana, hangul
CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]")
EXAMPLES = [
    "The central bank left its key rate unchanged and warned that prices may rise again in spring.",
    "The hinge broke within a week, and nobody answered my letters. Never again.",
    "主队在补时阶段攻入制胜一球，球迷冲进场内庆祝。",
    "耳机音质很好，戴一整天也不累，这个价格很值。",
]


def load(sources: list[str]) -> dict[str, Classifier]:
    """Load every model once, under the name that the page shows.

    Raises:
        UserError: no model, or one that cannot be read.
    """
    if not sources:
        raise UserError("no model given; run `python app.py FOLDER [FOLDER ...]` or name them in the variable MODELS")
    models = {}
    for source in sources:
        if Path(source).is_dir():
            name, model = Path(source).resolve().name, Classifier(source)
        elif pinned := PINNED.fullmatch(source):
            name, model = pinned[1], Classifier(pinned[1], revision=pinned[2])
        else:
            raise UserError(f"{source!r} is neither a folder nor a Hub model pinned as owner/name@COMMIT; name one")
        # a second folder of the same name goes by its path
        models[source if name in models else name] = model
    return models


def readable(text: str) -> str:
    """The start of a text that models read; nothing where there is no text, or where a client sent something else."""
    if not isinstance(text, str) or not text.strip():
        return ""
    # half an emoji (a lone surrogate) is no character to a tokenizer
    return text[:MAX_CHARACTERS].encode("utf-8", "replace").decode("utf-8")


def advice(text: str, models: dict[str, Classifier]) -> str:
    """Say which models cannot read a text that is mostly Chinese, Japanese or Korean; nothing for other texts."""
    if 2 * len(CJK.findall(text)) < sum(not character.isspace() for character in text):
        return ""
    blind = []
    for name, model in models.items():
        if not hasattr(model.system, "tokenizer"):  # a linear model
            continue
        ids = model.system.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        if ids.count(model.system.tokenizer.unk_token_id) > 0.3 * len(ids):
            blind.append(f"**{name}**")
    return f"{', '.join(blind)}: {FOREIGN}" if blind else ""


def build(models: dict[str, Classifier]) -> gr.Blocks:
    """Make the page and its one public endpoint, `/classify`."""

    def classify(text: str) -> dict[str, dict[str, float]]:
        """Classify a text with every model."""
        start = readable(text)
        if not start:
            raise gr.Error(EMPTY, print_exception=False)
        return {name: model([start])[0].probabilities for name, model in models.items()}

    def show(text: str) -> list[str | dict[str, float] | None]:
        """Fill the notice and one box of bars for each model."""
        start = readable(text)
        if not start:
            return [EMPTY, *([None] * len(models))]
        notices = [CUT if len(text) > MAX_CHARACTERS else "", advice(start, models)]
        boxes = []
        for model in models.values():
            prediction = model([start])[0]
            number = model.problem_type == "regression"
            boxes.append(f"{prediction.label}: {prediction.score:.2f}" if number else prediction.probabilities)
        return [" ".join(filter(None, notices)), *boxes]

    with gr.Blocks(title="hf_textclf", analytics_enabled=False) as page:
        gr.Markdown("## Text classifiers, side by side\nOne text, read by each model. Texts are not kept.")
        text = gr.Textbox(label="Text", lines=3, max_lines=6, placeholder="Write or paste a text …", autofocus=True)
        gr.Examples(EXAMPLES, text, label="Examples", api_visibility="private")
        notice = gr.Markdown()
        with gr.Row():
            boxes = [gr.Label(label=name, num_top_classes=MAX_BARS) for name in models]
        text.change(show, text, [notice, *boxes], trigger_mode="always_last", api_visibility="private")
        gr.api(classify, api_name="classify", api_description=API)
    return page


if __name__ == "__main__":
    try:
        listed = LISTED.read_text(encoding="utf-8").splitlines() if LISTED.is_file() else []
        app = build(load(sys.argv[1:] or os.environ.get("MODELS", "").split() or listed))
    except UserError as error:
        print(f"app.py: error: {error}", file=sys.stderr)
        sys.exit(2)
    # a font that every machine has: nothing to fetch, and plain to read
    app.launch(theme=gr.themes.Soft(font=["system-ui", "sans-serif"]))
