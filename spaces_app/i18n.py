"""What the page says, in English and Chinese.

Labels go to the browser as keys, which it translates by its own language (`label`). Sentences that are made while a
visitor waits are chosen here, by the language that the browser asks for in its request (`say`).
"""

import json
from pathlib import Path

import gradio as gr
from gradio.i18n import I18nData

# language -> key -> text, with the same keys in every language
WORDS: dict[str, dict[str, str]] = json.loads(Path(__file__).with_name("i18n.json").read_text(encoding="utf-8"))
# the names that Gradio knows the languages by; under any other the browser gets English, and so do sentences
LOCALES = {"en": "en", "zh-CN": "zh", "zh-TW": "zh"}
# Gradio translates whatever reads like a key, a column named "text" too: no other word begins like this
PREFIX = "hf_textclf:"


def fill(key: str, **values: object) -> None:
    """Put values into a label, which the browser cannot do."""
    for texts in WORDS.values():
        texts[key] = texts[key].format(**values)


def label(key: str) -> I18nData:
    """A text that the browser translates."""
    return I18nData(PREFIX + key)


def translations() -> gr.I18n:
    """All labels, for `launch`."""
    texts = {name: {PREFIX + key: text for key, text in known.items()} for name, known in WORDS.items()}
    return gr.I18n(**{locale: texts[language] for locale, language in LOCALES.items()})


def say(key: str, request: gr.Request | None, **values: object) -> str:
    """A sentence in the visitor's language; English for a client that asks for none."""
    accepted = (request.headers.get("accept-language") or "") if request else ""
    return WORDS[LOCALES.get(accepted.split(",")[0].strip(), "en")][key].format(**values)
