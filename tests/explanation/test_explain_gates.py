"""The picture of an LSTM's gates: the command, its refusals, odd tokens."""

import warnings

import pytest
import torch
from matplotlib import image

from hf_textclf import Classifier
from hf_textclf.cli.main import main
from hf_textclf.explanation import read_gates
from hf_textclf.explanation.explain import plot_gates

TEXT = "房间很好，下次还来。"


@pytest.fixture(autouse=True)
def strict():
    """A letter that is drawn as a box is a warning of matplotlib's."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*[Gg]lyph")
        yield


@pytest.mark.parametrize("kind", ["single", "multi", "regression"])
def test_command(trained_models, tmp_path, capsys, kind):
    picture = tmp_path / "gates.png"
    assert main(["gates", str(trained_models / kind), "--output", str(picture), "--text", TEXT]) == 0
    assert capsys.readouterr().out == f"the gates over {len(TEXT)} tokens drawn into {picture}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["gates.png"]
    pixels = image.imread(picture)
    assert min(pixels.shape[:2]) > 500
    assert pixels.std() > 0.1


def test_picture_without_its_flag(trained_models, tmp_path, capsys):
    """As it was typed up to version 0.1."""
    assert main(["gates", str(trained_models / "single"), str(tmp_path / "gates.png"), "--text", TEXT]) == 0
    assert "`gates FOLDER IMAGE` is now `gates FOLDER --output IMAGE`" in capsys.readouterr().err
    assert (tmp_path / "gates.png").is_file()


def test_odd_tokens(trained_models, tmp_path):
    """Signs of formulae, letters that few fonts have, and a long text do no harm."""
    tokens = ["房", "很好", "$5", "x_1^2$", "😀", "\x07", "", "word"] * 20
    [reading] = read_gates(
        Classifier(trained_models / "single").predictor.model, torch.randint(2, 400, (1, len(tokens)))
    )
    plot_gates(tmp_path / "gates.png", tokens, [reading], title="好 $ 5$ 😀")
    assert image.imread(tmp_path / "gates.png").std() > 0.1


@pytest.mark.parametrize(
    ("image", "flags", "words"),
    [
        ("gates.png", [], "required: --text"),
        ("gates.png", ["--text", ""], "has no tokens"),
        ("gates.png", ["--text", TEXT, "--layer", "2"], "layer=2 is not there, expected 1 to 1"),
        ("gates.gif", ["--text", TEXT], "ends in .png"),
        ("none/gates.png", ["--text", TEXT], "no folder"),
        ("taken.png", ["--text", TEXT], "expected a new file"),
    ],
)
def test_refusals(trained_models, tmp_path, refused_command, image, flags, words):
    (tmp_path / "taken.png").write_bytes(b"")
    refused_command("gates", trained_models / "single", "--output", tmp_path / image, *flags, words=[words])
    assert [path.name for path in tmp_path.iterdir()] == ["taken.png"]
