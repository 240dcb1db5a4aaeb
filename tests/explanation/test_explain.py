"""What each word contributes: the command, its pictures, its refusals."""

import re
import sys

import pytest
from matplotlib import image

from hf_textclf import Classifier, UserError
from hf_textclf.cli.main import main
from hf_textclf.explanation import attribute
from hf_textclf.explanation.explain import words_html

TEXT = "房间很好，下次 <b>还来</b>。"


@pytest.mark.parametrize("kind", ["single", "multi", "regression"])
def test_command(trained_models, capsys, kind):
    assert main(["explain", str(trained_models / kind), "--text", TEXT]) == 0
    *words, total = capsys.readouterr().out.splitlines()
    found = attribute(Classifier(trained_models / kind), TEXT)
    values = [float(line.split()[0]) for line in words[: len(found.words)]]
    assert [line.split()[1] for line in words[: len(found.words)]] == found.words
    assert values == pytest.approx(found.contributions, abs=5e-4)
    if words[len(found.words) :]:
        total = words[-1]
    score, label, _, baseline = total.split()[:4]
    assert label == found.label
    assert sum(values) == pytest.approx(float(score) - float(baseline), rel=0.05, abs=0.02)


def test_half_a_character_is_read_as_a_replacement(trained_models, capsys, tmp_path):
    """As `Classifier` reads it; a terminal hands over what is no UTF-8 as such halves."""
    folder = str(trained_models / "single")
    shown = []
    for number, text in enumerate(["房间 \udcff很好", "房间 \ufffd很好"]):
        picture = tmp_path / f"{number}.html"
        assert main(["explain", folder, "--text", text, "--output", str(picture)]) == 0
        assert main(["gates", folder, "--text", text, "--output", str(tmp_path / f"{number}.png")]) == 0
        shown.append(
            (picture.read_text(), capsys.readouterr().out.replace(f"{number}.html", "").replace(f"{number}.png", ""))
        )
    assert shown[0] == shown[1]


def test_another_label_and_a_long_text(trained_models, capsys):
    classifier, text = Classifier(trained_models / "single"), "很好" * 15
    for label in ("negative", "positive"):
        assert main(["explain", str(trained_models / "single"), "--text", text, "--label", label]) == 0
        out = capsys.readouterr().out
        assert f"  {label} = " in out and "10 words were cut off" in out
        values = [float(line.split()[0]) for line in out.splitlines()[:20]]
        assert values == pytest.approx(attribute(classifier, text, label=label).contributions, abs=5e-4)


def test_pictures(trained_models, tmp_path, capsys):
    for name in ("words.png", "words.html"):
        assert main(["explain", str(trained_models / "single"), "--text", TEXT, "--output", str(tmp_path / name)]) == 0
        assert f"drawn into {tmp_path / name}" in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["words.html", "words.png"]
    assert image.imread(tmp_path / "words.png").std() > 0.1
    page = (tmp_path / "words.html").read_text(encoding="utf-8")
    body = page[page.index("<body>") :]
    assert "<b>" not in body and "http" not in page
    # the text as it was typed, and on each word its number
    assert re.sub("<[^>]+>", "", body.splitlines()[3]) == TEXT.replace("<", "&lt;").replace(">", "&gt;")
    found = attribute(Classifier(trained_models / "single"), TEXT)
    assert re.findall('title="(.*?)"', body) == [f"{value:+.3f}" for value in found.contributions]
    kinds = re.findall('class="(for|against).*?title', body.splitlines()[3])
    assert kinds == ["for" if value > 0 else "against" for value in found.contributions]


def test_what_was_not_read_is_marked(trained_models):
    text = "很好" * 10 + "不<i>"
    assert words_html(attribute(Classifier(trained_models / "single"), text)).endswith(
        '<span class="unread">不&lt;i&gt;</span></p>'
    )
    assert words_html(attribute(Classifier(trained_models / "single"), "")) == '<p class="words" dir="auto"></p>'


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ([], "required: --text"),
        (["--text", TEXT, "--label", "sad"], "label 'sad' is unknown, expected one of negative, neutral, positive"),
        (["--text", TEXT, "--output", "words.gif"], "ends in .png or .html"),
        (["--text", TEXT, "--output", "none/words.png"], "no folder 'none'"),
        (["--text", TEXT, "--output", "taken.png"], "expected a new file"),
    ],
)
def test_refusals(trained_models, tmp_path, monkeypatch, refused_command, flags, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken.png").write_bytes(b"")
    refused_command("explain", trained_models / "single", *flags, words=[words])
    assert [path.name for path in tmp_path.iterdir()] == ["taken.png"]


def test_without_captum(trained_models, monkeypatch, refused_command):
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    refused_command("explain", trained_models / "single", "--text", TEXT, words=["captum", "hf-textclf[explain]"])


def test_linear_models_are_refused(tmp_path, refused_command):
    flags = ["--model_type", "maxent", "--dataset", "samples/opinions_en", "--label_column", "sentiment"]
    assert main(["train", *flags, "--output_dir", str(tmp_path / "model")]) == 0
    refused_command("explain", tmp_path / "model", "--text", "good", words=["model' holds no neural network"])


def test_a_group_and_a_reader_of_parts(tiny_yaml, tmp_path):
    flags = ["train", "--config", tiny_yaml, "--dataset", "samples/opinions_zh", "--label_column", "sentiment"]
    assert main([*flags, "--one_vs_rest", "true", "--output_dir", str(tmp_path / "group")]) == 0
    group, own = Classifier(tmp_path / "group"), Classifier(tmp_path / "group" / "2")
    assert own.label_names == ["not positive", "positive"]
    # each label is explained by its own network
    found, expected = attribute(group, TEXT, label="positive"), attribute(own, TEXT, label="positive")
    assert found.contributions == expected.contributions and found.score == expected.score

    assert main([*flags, "--document_strategy", "sentences", "--output_dir", str(tmp_path / "parts")]) == 0
    parts = Classifier(tmp_path / "parts")
    assert sum(attribute(parts, "房间很好。").contributions) != 0
    with pytest.raises(UserError, match=r"by sentences, in 2 chunk\(s\), expected a text that it reads whole"):
        attribute(parts, "房间很好。下次还来。")
