"""What the page says, in English and Chinese.

Labels go to the browser as keys, which it translates by its own language (`label`). Sentences that are made while a
visitor waits are chosen here, by the language that the browser asks for in its request (`say`).
"""

import gradio as gr
from gradio.i18n import I18nData

WORDS: dict[str, dict[str, str]] = {"en": {}, "zh": {}}
# the names that Gradio knows the languages by; under any other the browser gets English, and so do sentences
LOCALES = {"en": "en", "zh-CN": "zh", "zh-TW": "zh"}
# Gradio translates whatever reads like a key, a column named "text" too: no other word begins like this
PREFIX = "hf_textclf:"


def add(words: dict[str, dict[str, str]]) -> None:
    """Take in the texts of a module, language -> key -> text, with the same keys in every language."""
    for language, texts in words.items():
        WORDS[language] |= texts


def label(key: str) -> I18nData:
    """A text that the browser translates."""
    return I18nData(PREFIX + key)


def translations() -> gr.I18n:
    """All labels, for `launch`."""
    texts = {name: {PREFIX + key: text for key, text in known.items()} for name, known in WORDS.items()}
    return gr.I18n(**{locale: texts[language] for locale, language in LOCALES.items()})


def say(key: str, request: gr.Request | None, **values: object) -> str:
    """A sentence in the visitor's language; English for a client that asks for none."""
    wished = (request.headers.get("accept-language") or "") if request else ""
    return WORDS[LOCALES.get(wished.split(",")[0].strip(), "en")][key].format(**values)
