"""One training run of a linear model, read top to bottom: data, n-grams, fit, saved folder, results on validation."""

import logging
import os
import time
from dataclasses import MISSING, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Literal

import numpy as np
from tqdm.auto import tqdm

from ..arguments import option
from ..data import DataArguments, load_data, summarize
from ..errors import UserError
from ..evaluation.metrics import compute_metrics
from ..files import PARTIAL, hold_folder, new_folder
from ..inference.linear import LinearPredictor
from ..inference.predictor import to_probabilities
from ..models.linear import LONGEST, LinearConfig, choose_analyzer, fit, save_linear
from ..provenance import describe_hardware, describe_versions
from ..saved_model.layout import move_files
from .output_dir import data_facts, seen_texts, write_records
from .trainer_arguments import given_keys

logger = logging.getLogger(__name__)
# where the user names none; Naive Bayes has no penalty, maximum entropy no smoothing
WEIGHTING = {"naive_bayes": "counts", "maxent": "tfidf", "nb_svm": "binary"}
C = {"maxent": 10.0}
ALPHA = 1.0


@dataclass
class LinearArguments:
    """Which linear model is trained, and what it counts."""

    model_type: Literal["naive_bayes", "maxent", "nb_svm"] = option(
        MISSING,
        "Multinomial Naive Bayes, maximum entropy (logistic regression; ridge regression of numbers), or NB-SVM in "
        "its logistic form: maximum entropy on n-grams weighted by Naive Bayes.",
    )
    output_dir: str = option(MISSING, "New folder for the model and its results.")
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

    # see `arguments.check_numbers`
    BOUNDS: ClassVar[dict[str, Any]] = {
        **dict.fromkeys(("ngram_max", "min_df", "max_features"), {"least": 1}),
        **dict.fromkeys(("C", "alpha"), {"above": 0}),
    }

    def __post_init__(self) -> None:
        for name, without in (("C", "naive_bayes"), ("alpha", "maxent")):
            if (value := getattr(self, name)) is not None and self.model_type == without:
                raise UserError(f"{name}={value} is no key of model_type {without!r}; drop --{name}")


def train_linear(data_arguments: DataArguments, arguments: LinearArguments) -> dict[str, Any]:
    """Train a linear model and save it, with its results on validation, into `arguments.output_dir`. Returns these.

    Raises:
        UserError: whatever is wrong with arguments, data or output folder; nothing is written then.
    """
    output = new_folder(arguments.output_dir)
    if (processes := int(os.environ.get("WORLD_SIZE", 1))) > 1:
        raise UserError(f"WORLD_SIZE={processes}, expected 1, as a linear model is trained in one process; start one")
    with hold_folder(output):
        return _train(data_arguments, arguments, output)


def _train(data_arguments: DataArguments, arguments: LinearArguments, output: Path) -> dict[str, Any]:
    data = load_data(data_arguments)
    if data.problem_type == "regression" and arguments.model_type != "maxent":
        raise UserError(
            f"model_type {arguments.model_type!r} needs classes, found numbers (regression); use --model_type maxent"
        )
    for line in summarize(data):
        logger.info("%s", line)

    start = time.perf_counter()
    texts, validation = data.splits["train"]["text"][:], data.splits["validation"]
    analyzer: Any = arguments.analyzer or choose_analyzer(texts)
    weighting: Any = arguments.weighting or WEIGHTING[arguments.model_type]
    config = LinearConfig(
        model_type=arguments.model_type,
        problem_type=data.problem_type,
        id2label={str(number): name for number, name in enumerate(data.label_names)},
        analyzer=analyzer,
        ngram_max=arguments.ngram_max or LONGEST[analyzer],
        weighting=weighting,
    )
    vectorizer = config.vectorizer(min_df=arguments.min_df, max_features=arguments.max_features)
    try:
        matrix = vectorizer.fit_transform(tqdm(texts, desc="counting n-grams", unit="text"))
    except ValueError as error:
        # the only thing that can be wrong with texts: none holds a word, or none twice
        raise UserError(
            f"no n-gram stands in {arguments.min_df} or more of the {len(texts):,} training texts; lower --min_df"
        ) from error
    logger.info("%s on %s n-grams", arguments.model_type, f"{matrix.shape[1]:,}")
    c, alpha = arguments.C or C.get(config.model_type, 1.0), arguments.alpha or ALPHA
    weights, bias = fit(matrix, np.asarray(data.splits["train"]["labels"]), config, c=c, alpha=alpha)
    seconds = time.perf_counter() - start

    with TemporaryDirectory(dir=output, prefix=PARTIAL) as place:
        partial = Path(place)
        save_linear(partial, config, vectorizer, weights, bias)
        predictor = LinearPredictor(partial)
        scores = to_probabilities(predictor.logits(validation["text"][:]), data.problem_type)
        labels = np.asarray(validation["labels"])
        results = {
            "split": "validation",
            "rows": len(validation),
            "metrics": compute_metrics(scores, labels, problem_type=data.problem_type, label_names=data.label_names),
            "train_rows": len(texts),
            **data_facts(data, data_arguments.dataset),
            "train_seconds": round(seconds, 1),
            # a network's results have them
            "epochs": None,
            "num_parameters": predictor.num_parameters,
            "hardware": describe_hardware(gpu=False),
            "versions": describe_versions(),
        }
        recorded = given_keys(data_arguments, arguments)
        del recorded["output_dir"]
        seen_texts(data).save(partial)
        write_records(partial, recorded, results)
        move_files(partial, output)
    return results
