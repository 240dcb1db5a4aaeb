"""The tab Why: what it shows of words, gates and attention, as HTML and in a real browser."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from html import unescape

import pytest

from hf_textclf import Classifier
from hf_textclf.cli.main import main
from hf_textclf.explanation import attribute, pooling_weights

TEXT = "The hinge broke within a week, and nobody answered my letters."
HOSTILE = "Never <script>document.title = 'owned'</script> & \"again\" <img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def served(app, models, tmp_path_factory):
    """Three networks, one with attention pooling, and a linear model."""
    root = tmp_path_factory.mktemp("why")
    flags = ["--dataset", "samples/opinions_en", "--label_column", "sentiment"]
    tiny = ["--embedding_size", "7", "--hidden_size", "5", "--max_steps", "9", "--tokenizer_type", "word"]
    assert main(["train", *flags, "--model_type", "maxent", "--output_dir", str(root / "linear")]) == 0
    attending = [*flags, *tiny, "--pooling", "attention", "--bidirectional", "true", "--disable_tqdm", "true"]
    assert main(["train", *attending, "--output_dir", str(root / "attending")]) == 0
    folders = [models["first"], models["topics"], models["rating"], root / "attending", root / "linear"]
    return app("models").load([str(folder) for folder in folders])


def cards(app, served, names, text, label=None):
    """The finished cards of some models."""
    *_, page = app("tab_explain").pages([served[name] for name in names], text, label, None)
    return re.findall('<section class="card">.*?</section>', page, re.DOTALL)


def numbers(paragraph):
    return [float(number) for number in re.findall(r'<span class="\w+[^"]*" style="[^"]*" title="([^"]*)"', paragraph)]


def paragraphs(card):
    return re.findall('<p class="words".*?</p>', card, re.DOTALL)


def shown(paragraph):
    return unescape(re.sub("<[^>]+>", "", paragraph))


@pytest.mark.parametrize("name", ["first", "topics", "rating", "attending"])
def test_words_are_coloured_by_their_contributions(app, served, name):
    for text in (TEXT, HOSTILE, "房间 👍🏽 שלום", "good " * 60):
        [card] = cards(app, served, [name], text)
        if "vocabulary lacks" in card:
            continue
        found = attribute(Classifier(served[name].folder), text)
        first, *others = paragraphs(card)
        assert shown(first) == text
        assert numbers(first) == pytest.approx(found.contributions, abs=6e-4)
        assert ("words were not read" in card) == (found.unread > 0)
        assert found.label in card and f"{found.score:+.2f}"[1:] in card
        assert bool(others) == (name == "attending")


def test_attention_and_gates(app, served):
    [card] = cards(app, served, ["attending"], TEXT)
    weights = pooling_weights(served["attending"].classifier, TEXT)
    assert numbers(paragraphs(card)[1]) == pytest.approx(weights.weights, abs=6e-4)
    assert card.count("data:image/png;base64,") == 6 and "reading backward" in card
    [row, _] = re.findall("<ol>(.*?)</ol>", card)
    assert [shown(word) for word in re.findall("<li.*?</li>", row)] == weights.words
    assert "Only the first 80 words" not in card
    [card] = cards(app, served, ["attending"], "good " * 90)
    assert "Only the first 80 words" in card and card.count("<li") == 2 * 80


def test_nothing_of_a_text_becomes_markup(app, served):
    for name in ("first", "attending"):
        [card] = cards(app, served, [name], HOSTILE)
        assert "<script" not in card and "<img src=x" not in card and "&lt;" in card


def test_what_cannot_be_explained(app, served):
    answers = dict(
        zip(
            ["first", "rating", "linear"],
            cards(app, served, ["first", "rating", "linear"], TEXT, "negative"),
            strict=True,
        )
    )
    assert "negative" in answers["first"] and "has no label “negative”" in answers["rating"]
    assert "no neural network" in answers["linear"]
    assert "vocabulary lacks" in cards(app, served, ["first"], "耳机音质很好，戴一整天也不累。")[0]
    for text, expected in (("", "Write something above"), (" \n", "There is no text"), ("👍", "only signs")):
        assert expected in "".join(app("tab_explain").pages([served["first"]], text, None, None))
    *_, page = app("tab_explain").pages([served["first"]], "good " * 1000, None, None)
    assert "The first 1,000 characters are explained" in page


def explained(app, served, text, names=None, label=None):
    asked = [served[name] for name in names or served]
    return app("tab_explain").explain(asked, app("predictions").readable(text), label, None)


def test_the_endpoints_answer(app, served):
    answers = explained(app, served, TEXT)
    assert list(answers) == list(served)
    for name, answer in answers.items():
        if name == "linear":
            assert answer["label"] is None and "no neural network" in answer["notices"][0]
            continue
        if name == "topics":  # learnt from Chinese
            assert answer["label"] is None and "vocabulary lacks" in answer["notices"][0]
            continue
        assert "".join(word["word"] for word in answer["words"]) == TEXT.replace(" ", "")
        added = sum(word["contribution"] for word in answer["words"])
        difference = answer["score"] - answer["baseline_score"]
        assert added == pytest.approx(difference, rel=0.05, abs=0.01)
        assert answer["error"] == pytest.approx(added - difference)
    # places are those in the text that is told; what was done to it is told too
    one = explained(app, served, "\u202egood " * 1000, ["first"], "negative")["first"]
    assert one["label"] == "negative" and len(one["text"]) == 1000 and len(one["words"]) <= 200
    assert all(one["text"][word["start"] : word["end"]] == word["word"] for word in one["words"])
    said = " ".join(one["notices"])
    assert "cannot be seen" in said and "first 1,000 characters are explained" in said and "were not read" in said
    assert "no label “sad”" in explained(app, served, TEXT, ["first"], "sad")["first"]["notices"][0]
    foreign = explained(app, served, "耳机音质很好，戴一整天也不累。", ["first"])["first"]
    assert foreign["label"] is None and "vocabulary lacks" in foreign["notices"][0]


def test_a_long_text_is_answered_as_a_whole_too(app, served):
    for name, text in {"first": "good " * 1000, "topics": "球" * 1200, "rating": "good " * 1000}.items():
        [said], _ = served[name].classify([text])
        notice = explained(app, served, text, [name])[name]["notices"][-1]
        value = f"{said.score:.2f}" if name == "rating" else f"{max(said.probabilities.values()):.1%}"
        assert notice.startswith("Of the whole text this model says") and value in notice
        assert notice in shown(cards(app, served, [name], text)[0])


def test_a_rough_sum_is_told(app, served, monkeypatch):
    monkeypatch.setattr(app("tab_explain"), "EXACT", -1)
    monkeypatch.setattr(app("tab_explain"), "EXACT_SHARE", 0)
    assert "contributions are rough" in explained(app, served, TEXT, ["first"])["first"]["notices"][0]
    assert "contributions are rough" in cards(app, served, ["first"], TEXT)[0]


def test_others_are_answered_during_an_explanation(app, served, monkeypatch):
    model, inside, answered = served["first"], threading.Event(), threading.Event()

    def slow(classifier, *arguments, **options):
        inside.set()
        # the second tokenizer and the shared network, while the others are in use
        assert answered.wait(60)
        return attribute(classifier, *arguments, **options)

    monkeypatch.setattr("hf_textclf.explanation.attribute", slow)
    expected = attribute(Classifier(model.folder), TEXT)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(explained, app, served, TEXT, ["first"])
        assert inside.wait(60)
        try:
            before, _ = model.classify([TEXT])
        finally:
            answered.set()
        while not answer.done():
            assert model.classify([TEXT])[0] == before
        found = answer.result()["first"]
    assert [word["contribution"] for word in found["words"]] == pytest.approx(expected.contributions, abs=1e-6)


def test_few_may_wait(app, served, monkeypatch):
    monkeypatch.setattr(app("tab_explain"), "LINE", threading.BoundedSemaphore(1))
    with app("tab_explain").LINE:
        assert "Too many explanations" in explained(app, served, TEXT, ["first"])["first"]["notices"][0]
        assert "Too many explanations" in cards(app, served, ["first"], TEXT)[0]
    assert explained(app, served, TEXT, ["first"])["first"]["label"]


@pytest.mark.slow
def test_in_the_browser(visit, serve, models, screenshots):
    space = serve(models["first"], models["second"])
    for name, settings in {
        "light": {},
        "dark": {"color_scheme": "dark", "locale": "zh-CN"},
        "phone": {"size": (390, 844)},
    }.items():
        page = visit(space.address, **settings)
        page.get_by_role("tab").nth(1).click()
        page.fill("#text textarea", HOSTILE)
        page.wait_for_selector("#why .card:nth-of-type(2) .words")
        assert page.inner_text("#why .card .words").replace("\n", " ").strip() == HOSTILE
        assert page.title() != "owned" and not page.locator("#why [onerror]").count()
        assert page.locator("#why .card").count() == page.locator("#why .card ol").count() == 2
        # another label, by keyboard; of few words all weigh the same way for one and against the other
        before = page.inner_text("#why .card p")
        page.locator(".why-ask input").focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.wait_for_function("before => document.querySelector('#why .card p').innerText != before", arg=before)
        page.screenshot(path=screenshots / f"why_{name}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    # a link to the tab explains at once
    link = visit(space.address + "#tab=why&text=Good+coffee")
    link.wait_for_selector("#why .card:nth-of-type(2) .words")
