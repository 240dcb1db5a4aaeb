"""The page in a real browser: what is seen, clicked and typed."""

import re
import shutil

import pandas as pd
import pytest

from hf_textclf import Classifier
from hf_textclf.cli.main import main
from hf_textclf.files import SAMPLES

pytestmark = pytest.mark.slow

SECRET = "quokka7731"
CHINESE = "耳机音质很好，戴一整天也不累。"
HOSTILE = """
<script>document.title = "owned"</script>
<img src="https://example.com/pixel.png" onerror="document.title='owned'">
![picture](https://example.com/picture.png) [link](javascript:alert(1)) **bold**
"""


@pytest.fixture(scope="module")
def space(serve, models, tmp_path_factory):
    """The page with all models; the card of the second is hostile."""
    second = shutil.copytree(models["second"], tmp_path_factory.mktemp("hostile") / "second")
    with open(second / "README.md", "a", encoding="utf-8") as card:
        card.write(HOSTILE)
    compared = tmp_path_factory.mktemp("compared") / "comparison"
    assert main(["compare", str(models["first"]), str(models["second"]), "--output_dir", str(compared)]) == 0
    return serve(models["first"], second, models["topics"], models["rating"], "--comparison", compared)


@pytest.fixture(scope="module")
def opinions(models):
    """A text on which the first two models agree, and one on which they do not, with what each says."""
    texts = pd.read_csv(SAMPLES / "opinions_en" / "test.csv").text.tolist()
    first, second = (Classifier(str(models[name]), device="cpu")(texts) for name in ("first", "second"))
    pairs = {text: (a, b) for text, a, b in zip(texts, first, second, strict=True)}
    agreed = next(text for text, (a, b) in pairs.items() if a.label == b.label)
    split = next(text for text, (a, b) in pairs.items() if a.label != b.label)
    return {text: pairs[text] for text in (agreed, split)}


def write(page, text):
    """Type a text and wait for what the models make of it."""
    before = page.inner_html("#results .cards")
    page.fill("#text textarea", text)
    cards = "document.querySelector('#results .cards')"
    done = f"before => {cards}.innerHTML != before && !{cards}.querySelector('[aria-busy]')"
    page.wait_for_function(done, arg=before)


def bars(card):
    """What the bars of a model's card say: label -> percent, and the labels that stand out."""
    rows = card.locator("tbody tr").all()
    shown = {row.locator("th").inner_text(): row.locator("td").last.inner_text() for row in rows}
    return shown, [row.locator("th").inner_text() for row in rows if row.get_attribute("class") == "chosen"]


def test_side_by_side(visit, space, opinions, screenshots):
    page = visit(space.address)
    assert page.evaluate("document.activeElement.closest('#text') != null"), "one can type at once"
    cards = page.locator("#results .card")
    for text, answers in opinions.items():
        write(page, text)
        assert cards.count() == 2
        for number, said in enumerate(answers):
            shown, chosen = bars(cards.nth(number))
            assert shown == {label: f"{p:.1%}" for label, p in said.probabilities.items()} and chosen == [said.label]
            assert re.search(r"\d ms", cards.nth(number).inner_text())
        verdict = page.inner_text("#results [role=status]")
        assert ("disagree" in verdict) == (answers[0].label != answers[1].label) and answers[0].label in verdict
    # of one model the test accuracy was measured, of the other that on validation
    assert re.search(r"accuracy on test 0\.\d{3} \[0\.\d{3}, [01]\.\d{3}\]", cards.nth(0).inner_text())
    assert "accuracy on validation" in cards.nth(1).inner_text()
    page.screenshot(path=screenshots / "side_by_side.png")
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight"), "nothing to scroll to"


def test_models_are_chosen(visit, space, screenshots):
    page = visit(space.address)
    for name in ("first", "second"):
        page.get_by_label(name, exact=True).uncheck()
    page.wait_for_selector("text=No model is chosen")
    page.get_by_label("topics", exact=True).check()
    page.get_by_label("rating", exact=True).check()
    page.wait_for_selector("#results .card:nth-child(2)")
    write(page, CHINESE)
    topics, rating = page.locator("#results .card").all()
    # fitted thresholds are marked; a model of English has no number for Chinese
    assert topics.locator(".bar i").count() == topics.locator("tbody tr").count() > 1
    assert "vocabulary lacks" in rating.inner_text() and not rating.locator(".number").count()
    write(page, "Good coffee and friendly people.")
    assert re.search(r"\d\.\d\d", page.locator("#results .number").inner_text())
    page.screenshot(path=screenshots / "topics_and_rating.png")


def test_examples_fill_the_box(visit, space):
    page = visit(space.address)
    page.get_by_text("The hinge broke within a week").click()
    page.wait_for_selector("#results tr.chosen")
    assert page.input_value("#text textarea").startswith("The hinge broke")


def test_the_link_brings_the_view_back_and_tells_no_server(visit, space, screenshots):
    page = visit(space.address)
    write(page, f"Good coffee & 好喝 #1 {SECRET}")
    page.get_by_label("second", exact=True).uncheck()
    page.click("#link")
    page.wait_for_selector("#link.copied")
    link = page.evaluate("navigator.clipboard.readText()")
    assert SECRET in link.partition("#")[2] and SECRET not in link.partition("#")[0]
    copy = visit(link)
    copy.wait_for_selector("#results tr.chosen")
    assert copy.input_value("#text textarea") == f"Good coffee & 好喝 #1 {SECRET}"
    assert copy.locator("#results .card").count() == 1
    # models that are not served are not asked for
    foreign = visit(space.address + "#model=bert-base-uncased&text=Good&tab=about")
    foreign.wait_for_selector("text=neither logged nor stored")
    assert foreign.locator("#models input:checked").count() == 2
    told = [request for request in page.sent if SECRET in request.url + (request.post_data or "")]
    assert told and {request.url.split("?")[0].rsplit("/", 1)[1] for request in told} == {"join"}
    assert all(SECRET not in request.url for request in told)
    assert SECRET not in space.printed()


def test_a_text_from_right_to_left(visit, space):
    page = visit(space.address)
    write(page, "قهوة جيدة")
    assert page.evaluate("getComputedStyle(document.querySelector('#text textarea')).direction") == "rtl"


def test_a_long_text(visit, space):
    page = visit(space.address)
    write(page, "good " * 3000)
    assert "Only the first 10,000 characters" in page.inner_text("#results")
    assert (
        page.locator("#results .card").first.locator(".remark").inner_text().endswith("the first 40 of 2,000 tokens.")
    )
    # what is shared has an end, and says so
    assert len(page.url) < 5000 and not page.is_visible("#link-cut")
    page.click("#link")
    page.wait_for_selector("#link-cut", state="visible")


def test_another_link_in_the_same_tab(visit, space):
    page = visit(space.address)
    write(page, "Bad coffee.")
    page.evaluate("location.hash = 'text=Good+coffee&model=second'")
    page.wait_for_function("document.querySelector('#text textarea')?.value == 'Good coffee'")
    page.wait_for_selector("#results tr.chosen")
    assert page.locator("#results .card").count() == 1


def test_the_browsers_language(visit, space, screenshots):
    page = visit(space.address, locale="zh-CN")
    write(page, "Good coffee.")
    assert "模型" in page.inner_text("#models") and "准确率" in page.inner_text("#results")
    assert page.get_attribute("html", "lang") == "zh-CN"
    page.screenshot(path=screenshots / "chinese.png")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone(visit, space, screenshots, scheme):
    page = visit(space.address, size=(390, 844), color_scheme=scheme)
    write(page, "Good coffee and friendly people.")
    page.screenshot(path=screenshots / f"phone_{scheme}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.get_by_role("tab", name="About").click()
    page.get_by_role("button", name="first").click()
    page.wait_for_selector("text=How to use it")
    page.screenshot(path=screenshots / f"phone_about_{scheme}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_dark(visit, space, opinions, screenshots):
    page = visit(space.address, color_scheme="dark")
    write(page, list(opinions)[1])
    page.screenshot(path=screenshots / "dark.png")
    text, behind = (
        page.evaluate(f"getComputedStyle(document.querySelector('{where}')).{what}")
        for where, what in (("#results tbody th", "color"), ("#results .card", "backgroundColor"))
    )
    light, dark = (sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (text, behind))
    assert light > 500 and dark < 200


def test_about(visit, space, screenshots):
    page = visit(space.address)
    page.get_by_role("tab", name="About").click()
    assert not page.locator("#text").is_visible()
    comparison = page.locator(".card-text").first.inner_text()
    assert "macro_f1" in comparison and "McNemar" in comparison
    pictures = page.locator(".pictures img").count()
    assert pictures >= 4
    for name in ("first", "second"):
        page.get_by_role("button", name=name).click()
    page.wait_for_selector("text=bold")
    page.screenshot(path=screenshots / "about.png", full_page=True)
    # what a card says is text: no script of its author's, no picture of another host
    assert page.title() == "hf_textclf"
    assert page.locator(".card-text script, .card-text img, .card-text a[href^=javascript]").count() == 0
    assert page.locator(".card-text table").count() >= 2
    assert page.locator(".pictures img").count() > pictures


def test_why(visit, space, opinions, screenshots):
    text, (first, second) = list(opinions.items())[1]
    page = visit(space.address)
    write(page, text)
    page.get_by_role("tab", name="Why").click()
    page.wait_for_selector("#why .card:nth-child(2)")
    cards = page.locator("#why .card").all()
    # words, not pieces of words; what each model says and how that comes about
    assert all(" ".join(text.split()) in " ".join(card.inner_text().split()) for card in cards)
    assert [said.label in card.inner_text() for card, said in zip(cards, (first, second), strict=True)] == [True, True]
    page.screenshot(path=screenshots / "why.png", full_page=True)
    # the link leads to this tab
    copy = visit(page.url)
    copy.wait_for_selector("#why .card:nth-child(2)")


def test_many_texts(visit, space, models, screenshots):
    table = pd.read_csv(SAMPLES / "opinions_en" / "test.csv")
    page = visit(space.address)
    page.get_by_role("tab", name="Many texts").click()
    page.set_input_files("#many input[type=file]", SAMPLES / "opinions_en" / "test.csv")
    page.wait_for_selector(f"text={len(table)} rows")
    # names of columns are the file's own, whatever words of the page they look like
    assert [page.get_by_label(f"Column with the {what}").input_value() for what in ("texts", "labels")] == [
        "text",
        "sentiment",
    ]
    page.get_by_role("button", name="Classify").click()
    page.wait_for_selector(f"text={len(table)} texts in")
    said = Classifier(str(models["first"]), device="cpu")(table.text.tolist())
    right = sum(answer.label == label for answer, label in zip(said, table.sentiment, strict=True))
    assert f"accuracy {right / len(table):.3f}" in page.inner_text("#many")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as csv").click()
    assert pd.read_csv(download.value.path()).label.tolist() == [answer.label for answer in said]
    page.screenshot(path=screenshots / "many.png", full_page=True)


def test_by_keyboard(visit, space):
    page = visit(space.address)
    page.keyboard.type("Good coffee.")
    page.wait_for_selector("#results tr.chosen")
    sent = len(page.sent)
    page.keyboard.press("Control+Enter")
    page.wait_for_timeout(500)
    assert any(request.url.endswith("join?") for request in page.sent[sent:])
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.closest('#examples, #models, [role=tab]')?.id ?? ''"))
    places = [place for place in dict.fromkeys(reached) if place]
    assert places[:2] == ["examples", "models"], reached
    page.get_by_label("first", exact=True).focus()
    ring = "getComputedStyle(document.activeElement.closest('label')).outlineStyle"
    assert page.evaluate(ring) == "solid"
