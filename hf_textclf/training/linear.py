"""One training run of a linear model, read top to bottom: data, n-grams, fit, saved folder, results on validation."""

import logging
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
import yaml
from sklearn.feature_extraction.text import CountVectorizer
from tqdm.auto import tqdm

from ..arguments import option
from ..data import DataArguments, TextData, load_data, summarize
from ..errors import UserError
from ..evaluation.metrics import compute_metrics
from ..files import write_json, write_text
from ..inference.linear import LinearPredictor
from ..inference.predictor import to_probabilities
from ..models.linear.fitting import LONGEST, choose_analyzer, fit
from ..models.linear.system import LinearConfig, save_linear
from ..provenance import describe_hardware, describe_versions
from ..saved_model.layout import EVAL_RESULTS, RUN_CONFIG
from .output_dir import require_new
from .trainer_arguments import given_keys

logger = logging.getLogger(__name__)
# where the user names none; Naive Bayes has no penalty, maximum entropy no smoothing
WEIGHTING = {"naive_bayes": "counts", "maxent": "tfidf", "nb_svm": "binary"}
C = {"naive_bayes": 1.0, "maxent": 10.0, "nb_svm": 1.0}
ALPHA = 1.0
LOWEST = {"ngram_max": 1, "min_df": 1, "max_features": 1}


@dataclass
class LinearArguments:
    """Which linear model is trained, and what it counts."""

    model_type: Literal["naive_bayes", "maxent", "nb_svm"] = field(
        metadata={
            "help": "Multinomial Naive Bayes, maximum entropy (logistic regression; ridge regression of numbers), or "
            "NB-SVM in its logistic form: maximum entropy on n-grams weighted by Naive Bayes."
        }
    )
    output_dir: str = field(metadata={"help": "New folder for the model and its results."})
    analyzer: Literal["word", "char"] | None = option(
        None, "What n-grams are made of; char where most of the texts is Chinese or Japanese."
    )
    ngram_max: int | None = option(None, "Longest n-gram, from 1 on; 2 words or 3 characters if not named.")
    min_df: int = option(2, "Drop n-grams that stand in fewer training texts.")
    max_features: int = option(300_000, "Keep the most frequent n-grams, this many.")
    weighting: Literal["counts", "binary", "tfidf"] | None = option(
        None, "Value of an n-gram; counts for naive_bayes, tfidf (sublinear) for maxent, else binary."
    )
    C: float | None = option(None, "Inverse strength of the L2 penalty; 10 for maxent, 1 for nb_svm.")
    alpha: float | None = option(None, "Smoothing of the n-gram counts of naive_bayes and nb_svm; 1.")

    def __post_init__(self) -> None:
        for name, lowest in LOWEST.items():
            value = getattr(self, name)
            if value is not None and value < lowest:
                raise UserError(f"{name}={value}, expected {lowest} or more; correct --{name}")
        for name, without in (("C", "naive_bayes"), ("alpha", "maxent")):
            value = getattr(self, name)
            if value is not None and self.model_type == without:
                raise UserError(f"{name}={value} is no key of model_type {without!r}; drop --{name}")
            # written so that NaN is refused too
            if value is not None and not 0 < value < float("inf"):
                raise UserError(f"{name}={value}, expected a number above 0; correct --{name}")


def train_linear(data_arguments: DataArguments, arguments: LinearArguments) -> dict[str, Any]:
    """Train a linear model and save it, with its results on validation, into `arguments.output_dir`.

    Returns what `eval_results.json` holds.

    Raises:
        UserError: whatever is wrong with arguments, data or output folder; nothing is written then.
    """
    output = Path(arguments.output_dir)
    require_new(output)
    if (processes := int(os.environ.get("WORLD_SIZE", 1))) > 1:
        raise UserError(
            f"WORLD_SIZE={processes}, expected 1: a linear model is trained in one process; start one alone"
        )
    data = load_data(data_arguments)
    if data.problem_type == "regression" and arguments.model_type != "maxent":
        raise UserError(
            f"model_type {arguments.model_type!r} needs classes, found numbers (regression); use --model_type maxent"
        )
    for line in summarize(data):
        logger.info("%s", line)

    start = time.perf_counter()
    texts = data.splits["train"]["text"][:]
    config = _config(data, arguments, texts)
    vectorizer = config.vectorizer(min_df=arguments.min_df, max_features=arguments.max_features)
    matrix = _counted(vectorizer, texts)
    logger.info("%s on %s n-grams", arguments.model_type, f"{matrix.shape[1]:,}")
    weights, bias = fit(
        matrix,
        np.asarray(data.splits["train"]["labels"]),
        model_type=config.model_type,
        problem_type=config.problem_type,
        num_labels=len(data.label_names),
        c=arguments.C or C[config.model_type],
        alpha=arguments.alpha or ALPHA,
    )
    seconds = time.perf_counter() - start

    output.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.") as place:
        # a folder inside, since a temporary one is closed to other users
        partial = Path(place) / "model"
        partial.mkdir()
        save_linear(partial, config, vectorizer, weights, bias)
        predictor = LinearPredictor(partial)
        results = {
            "split": "validation",
            "rows": len(data.splits["validation"]),
            "metrics": _metrics(predictor, data),
            "train_rows": len(texts),
            "train_seconds": round(seconds, 1),
            # a network's results have them
            "epochs": None,
            "num_parameters": predictor.num_parameters,
            "hardware": describe_hardware(gpu=False),
            "versions": describe_versions(),
        }
        recorded = given_keys(data_arguments, arguments)
        del recorded["output_dir"]
        write_text(partial / RUN_CONFIG, yaml.safe_dump(recorded, allow_unicode=True, sort_keys=False))
        write_json(partial / EVAL_RESULTS, results)
        os.replace(partial, output)
    return results


def _config(data: TextData, arguments: LinearArguments, texts: list[str]) -> LinearConfig:
    analyzer: Any = arguments.analyzer or choose_analyzer(texts)
    weighting: Any = arguments.weighting or WEIGHTING[arguments.model_type]
    return LinearConfig(
        model_type=arguments.model_type,
        problem_type=data.problem_type,
        id2label={str(number): name for number, name in enumerate(data.label_names)},
        analyzer=analyzer,
        ngram_max=arguments.ngram_max or LONGEST[analyzer],
        weighting=weighting,
    )


def _counted(vectorizer: CountVectorizer, texts: list[str]) -> Any:
    """Fit the vectorizer; returns the sparse matrix (texts, features)."""
    try:
        return vectorizer.fit_transform(tqdm(texts, desc="counting n-grams", unit="text"))
    except ValueError as error:
        # the only thing that can be wrong with texts: none holds a word, or none twice
        raise UserError(
            f"no n-gram stands in {vectorizer.min_df} or more of the {len(texts):,} training texts; lower --min_df"
        ) from error


def _metrics(predictor: LinearPredictor, data: TextData) -> dict[str, Any]:
    validation = data.splits["validation"]
    scores = to_probabilities(predictor.logits(validation["text"][:]), data.problem_type)
    labels = np.asarray(validation["labels"])
    return compute_metrics(scores, labels, problem_type=data.problem_type, label_names=data.label_names)
