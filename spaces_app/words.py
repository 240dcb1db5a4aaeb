"""What the page says, in English and Chinese.

Labels go to the browser as keys, which it translates by its own language (`label`). Sentences that are made while a
visitor waits are chosen here, by the language that the browser asks for in its request (`say`).
"""

import gradio as gr
from gradio.i18n import I18nData

WORDS: dict[str, dict[str, str]] = {"en": {}, "zh": {}}
# the language's own name is none of the browser's: it asks for one of these
LOCALES = {"en": "en", "zh": "zh", "zh-CN": "zh", "zh-TW": "zh", "zh-HK": "zh", "zh-Hans": "zh", "zh-Hant": "zh"}


def add(words: dict[str, dict[str, str]]) -> None:
    """Take in the texts of a module, language -> key -> text, with the same keys in every language."""
    for language, texts in words.items():
        WORDS[language] |= texts


def label(key: str) -> I18nData:
    """A text that the browser translates."""
    return I18nData(key)


def translations() -> gr.I18n:
    """All labels, for `launch`."""
    return gr.I18n(**{locale: WORDS[language] for locale, language in LOCALES.items()})


def say(key: str, request: gr.Request | None, **values: object) -> str:
    """A sentence in the visitor's language; English for a client that asks for none."""
    wished = (request.headers.get("accept-language") or "") if request else ""
    language = "zh" if wished.lower().startswith("zh") else "en"
    return WORDS[language][key].format(**values)
