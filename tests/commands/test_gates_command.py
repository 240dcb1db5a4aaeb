"""The picture of an LSTM's gates: the command, its refusals, and letters that fonts may lack."""

import warnings

import pytest
import torch
from matplotlib import font_manager, image

from hf_textclf import Classifier
from hf_textclf.cli import main
from hf_textclf.explanation import read_gates
from hf_textclf.explanation.fonts import find_fonts
from hf_textclf.explanation.gate_figure import save_figure

TEXT = "房间很好，下次还来。"


@pytest.fixture(autouse=True)
def strict():
    """A letter that is drawn as a box is a warning of matplotlib's."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*[Gg]lyph")
        yield


@pytest.mark.parametrize("kind", ["single", "multi", "regression"])
def test_command(trained, tmp_path, capsys, kind):
    picture = tmp_path / "gates.png"
    assert main(["gates", str(trained / kind), str(picture), "--text", TEXT]) == 0
    assert capsys.readouterr().out == f"the gates over {len(TEXT)} tokens drawn into {picture}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["gates.png"]
    pixels = image.imread(picture)
    assert min(pixels.shape[:2]) > 500
    assert pixels.std() > 0.1


@pytest.mark.parametrize("suffix", [".svg", ".pdf"])
def test_other_formats(trained, tmp_path, suffix):
    assert main(["gates", str(trained / "single"), str(tmp_path / f"gates{suffix}"), "--text", TEXT]) == 0
    assert (tmp_path / f"gates{suffix}").stat().st_size > 1000


def test_letters_and_fonts(trained, tmp_path, monkeypatch):
    """Every token is drawn or numbered, whichever fonts there are; signs of formulae and long texts do no harm."""
    model = Classifier(trained / "single").system.model
    tokens = ["房", "很好", "$5", "x_1^2$", "😀", "\x07", "", "word"] * 20
    [reading] = read_gates(model, torch.randint(2, 400, (1, len(tokens))))
    save_figure(tmp_path / "these.svg", tokens, [reading], title="好 $ 5$")
    monkeypatch.setattr(font_manager, "get_font_names", lambda: ["DejaVu Sans"])
    assert find_fonts(["房a"]) == (["DejaVu Sans"], {"a"})
    save_figure(tmp_path / "none.svg", tokens[:9], [reading_of(reading, 9)], title="好 $ 5$")
    drawn = (tmp_path / "none.svg").read_text(encoding="utf-8")
    assert "no installed font can draw" in drawn
    assert "<!-- (1) -->" in drawn and "<!-- word -->" in drawn and "? $ 5$" in drawn and "<!-- $5 -->" in drawn


def reading_of(reading, length):
    """The first tokens of a reading."""
    parts = {name: getattr(reading, name)[:, :length] for name in ("gates", "cells", "hidden")}
    return type(reading)(layer=reading.layer, direction=reading.direction, **parts)


@pytest.mark.parametrize(
    ("image", "flags", "words"),
    [
        ("gates.png", [], "required: --text"),
        ("gates.png", ["--text", ""], "has no tokens"),
        ("gates.png", ["--text", TEXT, "--layer", "2"], "layer=2 is not there, expected 1 to 1"),
        ("gates.gif", ["--text", TEXT], "no known format"),
        ("none/gates.png", ["--text", TEXT], "a folder that exists"),
        ("taken.png", ["--text", TEXT], "expected a new file"),
    ],
)
def test_refusals(trained, tmp_path, refused, image, flags, words):
    (tmp_path / "taken.png").write_bytes(b"")
    refused("gates", trained / "single", tmp_path / image, *flags, words=[words])
    assert [path.name for path in tmp_path.iterdir()] == ["taken.png"]
