"""Pictures: what their curves, bins and cells say, names that no font has, and that nothing is left half-written."""

import warnings

import matplotlib.image
import numpy as np
import pytest
from matplotlib.font_manager import fontManager
from matplotlib.ft2font import FT2Font
from sklearn.metrics import average_precision_score, roc_auc_score

from hf_textclf.evaluation.metrics.common import expected_calibration_error
from hf_textclf.plots.canvas import canvas, colour, marker
from hf_textclf.plots.charts import (
    FRACTIONS,
    mean_curves,
    plot_confusion,
    plot_curves,
    plot_learning,
    plot_metrics,
    plot_reliability,
    plot_scatter,
    reliability_bins,
)

NAMES = ["costs $5 or $6", "_private", "中文标签", "a very long label that nobody could ever read in a picture"]
# no character stands at this place, and none ever will
NOBODYS = "\ufdd0"


@pytest.fixture
def scores():
    """Scores of 400 texts with ties, and which of them hold."""
    generator = np.random.default_rng(0)
    holds = generator.random(400) < 0.3
    return np.round(np.clip(0.25 * holds + generator.random(400) * 0.75, 0, 1), 2), holds


def test_areas_of_the_curves(scores):
    values, holds = scores
    # a label that always holds has no curve
    sensitivity, precision = mean_curves(np.c_[values, values], np.c_[holds, np.ones_like(holds)])
    assert np.trapezoid(sensitivity, FRACTIONS) == pytest.approx(roc_auc_score(holds, values), abs=2e-3)
    assert precision.mean() == pytest.approx(average_precision_score(holds, values), abs=2e-3)


def test_bins_are_those_of_the_calibration_error(scores):
    values, holds = scores
    counts, means, shares, _ = reliability_bins(values, holds)
    assert counts.sum() == 400
    error = (counts[counts > 0] * np.abs(means - shares)).sum() / 400
    assert error == pytest.approx(expected_calibration_error(values, holds))


def test_bars_are_wilsons(scores):
    counts, _, shares, (low, high) = reliability_bins(*scores)
    counts, z = counts[counts > 0], 1.959964
    centre = (shares + z**2 / (2 * counts)) / (1 + z**2 / counts)
    half = z / (1 + z**2 / counts) * np.sqrt(shares * (1 - shares) / counts + z**2 / (4 * counts**2))
    np.testing.assert_allclose([low, high], [centre - half, centre + half], atol=1e-4)


def test_probabilities_that_rounding_carried_over_the_edge():
    counts, means, shares, _ = reliability_bins(np.array([1 + 1e-7, 0.5], np.float32), np.array([True, True]))
    assert counts[-1] == 1 and means.max() == 1 and shares.tolist() == [1, 1]


def draw_all(folder, systems, labels):
    """Every picture, of systems and labels of these names."""
    generator = np.random.default_rng(0)
    holds = np.eye(len(labels), dtype=bool)[generator.integers(len(labels), size=80)]
    scores = {name: generator.dirichlet(np.ones(len(labels)), 80) for name in systems}
    points = {name: (0.5 + 0.1 * number, (0.4, 0.9)) for number, name in enumerate(systems)}
    costs = {"ms": {name: 0.1 * 9.0**number for number, name in enumerate(systems)}}
    title = f"of {labels[0]}"
    plot_metrics(folder / "metrics.png", {"accuracy": points}, costs, title=title)
    shares = {name: generator.dirichlet(np.ones(len(labels)), len(labels)) for name in systems}
    plot_confusion(folder / "confusion.png", shares, labels, shown=range(len(labels)), title=title)
    sure = {name: (score.max(1), score.argmax(1) == holds.argmax(1)) for name, score in scores.items()}
    plot_reliability(folder / "reliability.png", sure, dict.fromkeys(systems, 0.1), title=title)
    curves = {name: (score, holds) for name, score in scores.items()}
    plot_curves(folder / "curves.png", curves, dict.fromkeys(systems, (0.5, 0.3)), title=title)
    numbers = {name: score[:, 0] for name, score in scores.items()}
    losses = {"train": ([1.0, 2.0], [0.9, 0.5]), "validation": ([1.0, 2.0], [0.8, 0.7])}
    plot_learning(folder / "learning.png", {"loss": losses, "macro_f1": losses}, title=title, best=2.0)
    plot_scatter(folder / "scatter.png", numbers, holds[:, 0] * 1.0, what=labels[-1], title=title)


def test_no_boxes(tmp_path):
    """Matplotlib warns of each character that it has to draw as a box, and of names that a legend leaves out."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw_all(tmp_path, NAMES[1:3], [*NAMES, f"lost {NOBODYS}"])
    pictures = sorted(path.name for path in tmp_path.iterdir())
    assert pictures == ["confusion.png", "curves.png", "learning.png", "metrics.png", "reliability.png", "scatter.png"]
    for name in pictures:
        pixels = matplotlib.image.imread(tmp_path / name)
        assert min(pixels.shape[:2]) > 400
        # lines, letters and their soft edges
        assert len(np.unique(pixels.reshape(-1, pixels.shape[-1]), axis=0)) > 100


def test_one_system(tmp_path):
    plot_scatter(tmp_path / "alone.png", {"only": np.arange(3.0)}, np.arange(3.0), what="stars", title="one panel")
    assert [path.name for path in tmp_path.iterdir()] == ["alone.png"]


def test_names_as_they_are_written():
    with canvas(f"title {NOBODYS}", [*NAMES, NOBODYS]) as page:
        written = list(page.written.values())
    chinese = any(set(map(ord, NAMES[2])) <= set(FT2Font(font.fname).get_charmap()) for font in fontManager.ttflist
                  if "Last Resort" not in font.name)  # fmt: skip
    assert page.title == "title ?"
    assert written[:2] == NAMES[:2] and written[4] == "#4"
    assert written[2] == (NAMES[2] if chinese else "#2")
    assert written[3].startswith("a very") and written[3].endswith("a picture") and len(written[3]) == 28


def test_many_systems_differ():
    assert len({(colour(number), marker(number)) for number in range(110)}) == 110


def test_whole_or_not_at_all(tmp_path, monkeypatch):
    """A picture that cannot be finished leaves the older one as it was."""
    path = tmp_path / "scatter.png"
    arguments = {"what": "stars", "title": ""}
    plot_scatter(path, {"a": np.arange(3.0)}, np.arange(3.0), **arguments)
    before = path.read_bytes()

    def full(self, name, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", full)
    with pytest.raises(OSError, match="No space"):
        plot_scatter(path, {"a": np.arange(4.0)}, np.arange(4.0), **arguments)
    assert path.read_bytes() == before
