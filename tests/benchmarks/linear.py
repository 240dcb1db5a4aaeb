"""The floor for every network: TF-IDF and logistic regression, untuned, on the same files as real_run.py.

    python -m tests.benchmarks.linear ag_news_lstm --dataset DIR

Words, 1- and 2-grams (Chinese: characters, 1- to 3-grams), terms in at least two texts, the 300,000 most frequent,
sublinear; C = 10; one against the rest for multi-label sets, at threshold 0.5 and at those with the best F1 on
validation. Trained on train, and on validation where that was set aside from it; writes the test figures into
tests/benchmarks/results/linear.json.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, precision_recall_curve, roc_auc_score
from sklearn.multiclass import OneVsRestClassifier

from hf_textclf.data import DataArguments, load_data
from hf_textclf.files import bundled, read_yaml

RESULT = Path(__file__).parent / "results" / "linear.json"


def best_threshold(true, scores):
    """The score from which on a label is predicted with the best F1."""
    precision, recall, thresholds = precision_recall_curve(true, scores)
    f1_at = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return thresholds[f1_at[:-1].argmax()]


def f1(true, predicted):
    """Both means of F1 over the labels."""
    return {f"{kind}_f1": f1_score(true, predicted, average=kind) for kind in ("macro", "micro")}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config")
    parser.add_argument("--dataset", required=True)
    options = parser.parse_args()
    config = read_yaml(bundled("configs") / f"{options.config}.yaml")
    data = load_data(DataArguments(dataset=options.dataset, label_names=config["label_names"]))
    parts = ["train", "validation"] if data.made_validation else ["train"]
    texts = [text for part in parts for text in data.splits[part]["text"]]
    labels = np.concatenate([np.asarray(data.splits[part]["labels"]) for part in parts])

    chinese = sum("\u4e00" <= letter <= "\u9fff" for letter in "".join(texts[:50])) > 200
    form = {"analyzer": "char", "ngram_range": (1, 3)} if chinese else {"ngram_range": (1, 2)}
    vectorizer = TfidfVectorizer(sublinear_tf=True, min_df=2, max_features=300_000, **form)
    model = LogisticRegression(C=10, max_iter=300)
    model = OneVsRestClassifier(model) if labels.ndim == 2 else model
    model.fit(vectorizer.fit_transform(texts), labels)
    features, true = {}, {}
    for part in ("validation", "test"):
        features[part] = vectorizer.transform(data.splits[part]["text"])
        true[part] = np.asarray(data.splits[part]["labels"])
    predicted = model.predict(features["test"])
    figures = {"accuracy": accuracy_score(true["test"], predicted), **f1(true["test"], predicted)}
    if labels.ndim == 2:
        scores = {part: model.predict_proba(features[part]) for part in features}
        thresholds = [best_threshold(*pair) for pair in zip(true["validation"].T, scores["validation"].T, strict=True)]
        figures["fitted"] = f1(true["test"], scores["test"] >= thresholds)
        figures["macro_roc_auc"] = roc_auc_score(true["test"], scores["test"], average="macro")

    results = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    results[options.config.rsplit("_", 1)[0]] = figures
    RESULT.write_text(json.dumps(dict(sorted(results.items())), indent=2) + "\n", encoding="utf-8")
    print(json.dumps({"config": options.config} | figures))


if __name__ == "__main__":
    main()
