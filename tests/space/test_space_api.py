"""The endpoints as a client meets them, over HTTP: answers, refusals, and silence about what was sent."""

import asyncio

import pytest

from hf_textclf import Classifier

pytestmark = pytest.mark.slow

# stands in every text that a test sends, and must never stand in a log
SECRET = "quokka7731"
ENGLISH = f"The coffee was good, {SECRET} said."
# what is sent, and what the models read of it
READ = {
    "plain": (ENGLISH, ENGLISH),
    "html": (f"<script>alert('{SECRET}')</script><b>bad</b> & co",) * 2,
    "right to left": (f"good coffee, القهوة {SECRET}",) * 2,
    "zero width": (f"good\u200b cof\u2060fee \ufeff{SECRET}", f"good coffee {SECRET}"),
    "NUL bytes": (f"good\0 coffee {SECRET}\x07", f"good coffee {SECRET}"),
    "1 MB": (f"good {SECRET} " * 60_000, (f"good {SECRET} " * 60_000)[:10_000]),
}
EMPTY = {
    "no text": ["", " \n\t", None, [SECRET], 7, "\u200b\u2060", "\0\0"],
    "no words": ["🙂🙂 👍🏽", "?! … —"],
}


@pytest.fixture(scope="module")
def space(serve, models):
    return serve(models["first"], models["topics"], models["rating"])


@pytest.fixture(scope="module")
def client(space):
    from gradio_client import Client

    return Client(space.address, verbose=False)


def test_what_is_there(client):
    api = client.view_api(return_format="dict", print_info=False)
    assert not api["unnamed_endpoints"]
    assert set(api["named_endpoints"]) == {"/classify", "/explain", "/batch"}
    for endpoint in api["named_endpoints"].values():
        assert endpoint["description"]
        assert all(parameter["python_type"]["type"] != "Any" for parameter in endpoint["parameters"])


@pytest.mark.parametrize("kind", READ)
def test_classify(client, space, models, kind):
    sent, read = READ[kind]
    answers = client.predict(sent, api_name="/classify")
    assert list(answers) == ["first", "topics", "rating"]
    # the model of Chinese has no numbers for most of them
    assert all(answers[name]["probabilities"] for name in ("first", "rating"))
    for name, answer in answers.items():
        if not answer["probabilities"]:
            assert "vocabulary lacks" in answer["notices"][-1]
            continue
        [expected] = Classifier(str(models[name]), device="cpu")([read])
        assert answer["probabilities"] == pytest.approx(expected.probabilities, abs=1e-6)
        assert answer["label"] == expected.label and answer["score"] == pytest.approx(expected.score, abs=1e-6)
        assert answer["milliseconds"] > 0
        said = " ".join(answer["notices"])
        assert ("10,000" in said) == (kind == "1 MB")
        # of the start that the page reads, the model reads 40 tokens
        assert ("the first 40 of" in said) == (kind == "1 MB")
        assert ("cannot be seen" in said) == (kind in ("zero width", "NUL bytes"))
    assert SECRET not in space.printed()


def test_a_text_that_a_model_cannot_read(client):
    answers = client.predict("这家店的咖啡很好喝，下次还来。", api_name="/classify")
    assert answers["first"]["label"] is None and answers["first"]["probabilities"] == {}
    assert "vocabulary lacks" in answers["first"]["notices"][0]
    assert answers["topics"]["probabilities"]


def test_nothing_to_read(client, space):
    from gradio_client.exceptions import AppError

    for words, texts in EMPTY.items():
        for text in texts:
            with pytest.raises(AppError, match=words):
                client.predict(text, api_name="/classify")
    # it goes on, and has told nobody
    assert client.predict(ENGLISH, api_name="/classify")
    assert SECRET not in space.printed() and "Traceback" not in space.printed()


def test_models_are_never_those_of_a_visitor(client, models):
    from gradio_client.exceptions import AppError

    assert list(client.predict(ENGLISH, models=["topics"], api_name="/classify")) == ["topics"]
    for wish in (["google-bert/bert-base-uncased"], [str(models["second"])], "topics", [["topics"]], {"topics": 1}):
        with pytest.raises(AppError, match="no such model here, expected some of: first, topics, rating"):
            client.predict(ENGLISH, models=wish, api_name="/classify")


def test_explain(client, models):
    from gradio_client.exceptions import AppError

    answers = client.predict(ENGLISH, model="first", api_name="/explain")
    assert list(answers) == ["first"]
    added = sum(word["contribution"] for word in answers["first"]["words"])
    assert added == pytest.approx(answers["first"]["score"] - answers["first"]["baseline_score"], rel=0.05, abs=0.01)
    assert answers["first"]["label"] == Classifier(str(models["first"]), device="cpu")([ENGLISH])[0].label
    with pytest.raises(AppError, match="no such model"):
        client.predict(ENGLISH, model="/etc", api_name="/explain")


def test_tools_of_mcp(space):
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    async def call():
        async with (
            streamablehttp_client(f"{space.address}gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            names = [tool.name for tool in (await session.list_tools()).tools]
            return names, await session.call_tool("classify", {"text": ENGLISH, "models": ["first"]})

    names, result = asyncio.run(call())
    assert names == ["classify", "explain", "batch"]
    assert not result.isError and "probabilities" in result.content[0].text
