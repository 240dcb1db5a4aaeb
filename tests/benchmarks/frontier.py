"""What the README shows of the results: accuracy over cost as a picture, and the best of each kind as a table.

`make results` writes both, from the result files and from the finished cards, which carry the costs of their models.
"""

import json
import re
from pathlib import Path
from statistics import mean

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.ticker import FuncFormatter, PercentFormatter  # noqa: E402

RESULTS = Path(__file__).parent / "results"
CARDS = Path(__file__).parents[2] / "model_cards" / "finished"
PICTURE = RESULTS / "accuracy_over_cost.png"
# kind -> colour, from the colour-blind safe palette of Okabe & Ito
COLOURS = {"LSTM": "#0072B2", "BERT": "#D55E00", "linear": "#595959"}
# (title, [(kind, name in the picture, where its figures stand)])
PANELS = [
    (
        "sst2: sentences about films",
        [
            ("LSTM", "LSTM", "sst2_lstm"),
            ("BERT", "MiniLM, fine-tuned", "sst2_bert"),
            ("BERT", "MiniLM, frozen", "sst2_frozen"),
        ],
    ),
    (
        "imdb: long reviews",
        [
            ("LSTM", "LSTM from language models", "lstm_pretrained"),
            ("LSTM", "LSTM, word vectors", "lstm_word_vectors"),
            ("LSTM", "textbook LSTM", "textbook_lstm"),
            ("linear", "NB-SVM", "nb_svm"),
        ],
    ),
]  # fmt: skip
# data set -> (what it is, metric, the run of each kind)
ROWS = {
    "sst2": ("sentences, 2 classes", "accuracy", {"LSTM": "sst2_lstm", "BERT": "sst2_bert", "linear": "sst2_nb_svm"}),
    "imdb": (
        "long reviews, 2 classes",
        "accuracy",
        {"LSTM": "imdb_lstm_pretrained_long", "BERT": "imdb_bert", "linear": "imdb_nb_svm"},
    ),
    "ag_news": ("news, 4 topics", "accuracy", {"LSTM": "ag_news_lstm"}),
    "chnsenticorp_hotel": (
        "Chinese hotel reviews, 2 classes",
        "accuracy",
        {"LSTM": "chnsenticorp_hotel_lstm", "linear": "chnsenticorp_hotel_maxent"},
    ),
    "thucnews_titles": (
        "Chinese titles, 10 topics",
        "accuracy",
        {"LSTM": "thucnews_titles_lstm", "linear": "thucnews_titles_nb_svm"},
    ),
    "goemotions": ("comments, 28 labels", "macro_f1", {"LSTM": "goemotions_lstm"}),
    "jigsaw_toxic": ("comments, 6 labels", "macro_roc_auc", {"LSTM": "jigsaw_toxic_lstm_pretrained"}),
}


def of_card(name):
    """Accuracy on test with its interval, and texts a second, as the finished card of a model says."""
    text = (CARDS / name / "README.md").read_text(encoding="utf-8")
    accuracy = re.search(r"^\| accuracy \|.*\| ([\d.]+) \[([\d.]+), ([\d.]+)\] \|$", text, re.MULTILINE)
    speed = re.search(r"^\| texts a second, in batches of 64 \| ([\d,]+) \|$", text, re.MULTILINE)
    return [float(number) for number in accuracy.groups()], float(speed[1].replace(",", ""))


def of_comparison(name):
    """The same of a model of the comparison on imdb."""
    system = json.loads((RESULTS / "compare_imdb" / "comparison.json").read_text(encoding="utf-8"))["systems"][name]
    accuracy = system["metrics"]["accuracy"]
    return [accuracy, *system["intervals"]["accuracy"]], system["texts_per_second"]


def draw():
    """Write the picture: up is better, right is cheaper."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    for axis, (title, models), figures_of in zip(axes, PANELS, (of_card, of_comparison), strict=True):
        for kind, name, source in models:
            (accuracy, low, high), speed = figures_of(source)
            axis.errorbar(
                speed, accuracy, yerr=[[accuracy - low], [high - accuracy]], fmt="o", color=COLOURS[kind],
                markersize=9, capsize=4,
            )  # fmt: skip
            left = 500 < speed and name != "NB-SVM"
            # two points stand close together
            up = {"LSTM from language models": 9, "LSTM, word vectors": -13}.get(name, 0)
            axis.annotate(
                name, (speed, accuracy), xytext=(-11 if left else 11, up), textcoords="offset points",
                ha="right" if left else "left", va="center", color=COLOURS[kind], fontsize=11,
            )  # fmt: skip
        axis.set_xscale("log")
        axis.set_xlim(80, 5000)
        axis.set_xticks([100, 300, 1000, 3000])
        axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axis.xaxis.set_minor_formatter("")
        axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axis.set_ylim(0.79, 0.93)
        axis.set_title(title)
        axis.set_xlabel("texts a second on one CPU thread")
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("accuracy on test")
    figure.savefig(PICTURE, dpi=110)
    plt.close(figure)


def table(results):
    """The best of each kind on each data set, in percent; linear without a run of its own is TF-IDF + logistic."""
    lines = ["| data set | metric | LSTM | MiniLM (BERT) | linear |", "|---|---|---|---|---|"]
    for data, (what, metric, runs) in ROWS.items():
        floor = results["linear"][data]
        floor = floor.get("fitted", {}).get(metric, floor[metric])
        figures = {
            kind: mean(run["test_metrics"][metric] for run in results[name]["runs"]) for kind, name in runs.items()
        }
        # the better of the two linear models
        figures["linear"] = max(floor, figures.get("linear", 0))
        best = max(figures.values())
        cells = [
            "–" if kind not in figures else f"**{100 * figures[kind]:.1f}**" if figures[kind] == best
            else f"{100 * figures[kind]:.1f}"
            for kind in ("LSTM", "BERT", "linear")
        ]  # fmt: skip
        lines.append(f"| {data}: {what} | {metric} | {' | '.join(cells)} |")
    return "\n".join(lines)
