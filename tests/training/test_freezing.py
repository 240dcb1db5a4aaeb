"""Which parts of a model a run moves, how fast, and from which epoch on."""

import json

import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from transformers import TrainingArguments

from hf_textclf.cli.main import main
from hf_textclf.data import DataArguments, load_data
from hf_textclf.models.loading import load_classifier
from hf_textclf.training.freezing import layer_lr_multipliers
from hf_textclf.training.trainer import GroupedTrainer
from tests.benchmarks.minilm import minilm_folder
from tests.helpers.small_runs import weights, write_csv
from tests.helpers.tiny import wordpiece_tokenizer
from tests.helpers.two_layers import TABLES, make_model


@pytest.fixture(params=TABLES)
def family(request):
    return request.param


@pytest.fixture
def start(family, tmp_path):
    """A saved classifier of two layers, for the labels of `weather`."""
    folder = tmp_path / family
    make_model(family).save_pretrained(folder)
    wordpiece_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture
def go_on(train, weather, start, tmp_path):
    """Train the saved classifier further with plain SGD; returns the folder."""

    def run(*tokens, output="run"):
        keys = ["--optim", "sgd", "--max_grad_norm", "0", "--learning_rate", "0.1", "--lr_scheduler_type", "constant"]
        code, error = train(weather, "--model_name_or_path", start, *keys, *tokens, output=output, new=False)
        assert code == 0, error
        return tmp_path / output

    return run


def moved(one, other):
    one, other = weights(one), weights(other)
    assert one.keys() == other.keys()
    return {name for name in one if not torch.equal(one[name], other[name])}


def assert_moved(names, table, *, parts):
    """All of these parts have moved and nothing else."""
    expected = set().union(*(table[part] for part in parts))
    # BERT compares keys within a text: a number added to all of them changes nothing, and may stay as it is
    assert names <= expected
    assert {name for name in expected if not name.endswith("key.bias")} <= names


@pytest.mark.parametrize(
    ("tokens", "parts"),
    [
        ([], [0, 1, 2, 3]),
        (["--freeze_embeddings", "true"], [1, 2, 3]),
        (["--freeze_layers", "1"], [2, 3]),
        (["--freeze_layers", "2"], [3]),
        (["--freeze_layers", "1", "--layerwise_lr_decay", "0.5"], [2, 3]),
    ],
    ids=["all", "embeddings", "one layer", "both layers", "with decay"],
)
def test_a_step_moves_what_is_not_frozen(go_on, start, family, tokens, parts):
    # weight decay would move what has no gradient
    assert_moved(moved(start, go_on(*tokens, "--weight_decay", "0.1")), TABLES[family], parts=parts)


def test_each_layer_learns_slower_than_the_one_above(go_on, start, family):
    # large steps: what half of one is can be told from rounding
    rate = ["--learning_rate", "0.5"]
    plain = weights(go_on(*rate, output="plain"))
    slower, before = weights(go_on(*rate, "--layerwise_lr_decay", "0.5", output="slower")), weights(start)
    for part, factor in zip(TABLES[family], (1 / 8, 1 / 4, 1 / 2, 1), strict=True):
        for name in part:
            step, expected = slower[name] - before[name], factor * (plain[name] - before[name])
            assert torch.allclose(step, expected, atol=1e-6), name
        assert max((plain[name] - before[name]).abs().max() for name in part) > 1e-4


def test_rates_and_weight_decay_in_the_optimizer(tmp_path, family):
    model = make_model(family)
    arguments = TrainingArguments(output_dir=tmp_path, learning_rate=0.8, weight_decay=0.3, use_cpu=True, max_steps=4)
    trainer = GroupedTrainer(model, arguments, lr_multipliers=layer_lr_multipliers(model, 0.25))
    trainer.create_optimizer_and_scheduler(num_training_steps=4)
    names = {parameter: name for name, parameter in model.named_parameters()}
    rates = {names[p]: (g["lr"], g["weight_decay"]) for g in trainer.optimizer.param_groups for p in g["params"]}
    expected = {}
    for part, rate in zip(TABLES[family], (0.0125, 0.05, 0.2, 0.8), strict=True):
        for name in part:
            expected[name] = (pytest.approx(rate), 0.0 if "LayerNorm" in name or "bias" in name else 0.3)
    assert rates == expected
    # what the Trainer logs
    assert trainer.optimizer.param_groups[0]["lr"] == 0.8
    trainer.optimizer.step()
    trainer.lr_scheduler.step()
    assert [group["lr"] for group in trainer.optimizer.param_groups] == [
        pytest.approx(0.75 * group["initial_lr"]) for group in trainer.optimizer.param_groups
    ]


@pytest.mark.parametrize(
    ("tokens", "epochs"),
    [
        ([], [[3], [2, 3], [1, 2, 3], [0, 1, 2, 3], [0, 1, 2, 3]]),
        (["--freeze_layers", "1"], [[3], [2, 3], [2, 3]]),
        (["--freeze_embeddings", "true", "--layerwise_lr_decay", "0.4"], [[3], [2, 3], [1, 2, 3], [1, 2, 3]]),
    ],
    ids=["alone", "with a frozen layer", "with frozen embeddings"],
)
def test_gradual_unfreezing(train, weather, start, family, tmp_path, caplog, tokens, epochs):
    keys = (
        "--gradual_unfreezing true --optim adamw_torch --weight_decay 0.1 --learning_rate 0.01 --save_strategy epoch"
    )
    keys += f" --save_total_limit 9 --max_steps -1 --num_train_epochs {len(epochs)}"
    code, error = train(weather, "--model_name_or_path", start, *keys.split(), *tokens, new=False)
    assert code == 0, error
    saved = sorted((tmp_path / "run").glob("checkpoint-*"), key=lambda folder: int(folder.name.split("-")[1]))
    assert len(saved) == len(epochs)
    for before, after, parts in zip([start, *saved], saved, epochs, strict=False):
        assert_moved(moved(before, after), TABLES[family], parts=parts)
    said = [record.message for record in caplog.records if "trains the head" in record.message]
    for number, (line, parts) in enumerate(zip(said, epochs, strict=True), 1):
        layers = len({1, 2} & set(parts))
        end = " and the embeddings" if 0 in parts else ""
        assert line == f"epoch {number} trains the head, {layers} of 2 layers{end}"


def test_pretrained_vectors_stay_as_loaded(train, weather, tmp_path):
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("rain" + " 0.5" * 11 + "\nsun" + " -0.25" * 11 + "\n", encoding="utf-8")
    keys = ["--embeddings_from", vectors, "--tokenizer_type", "word", "--learning_rate", "0.1", "--max_steps", "3"]
    tables = {}
    for output, more in {
        "loaded": ["--learning_rate", "0"],
        "frozen": ["--freeze_embeddings", "true"],
        "tuned": [],
    }.items():
        code, error = train(weather, *keys, *more, output=output)
        assert code == 0, error
        tables[output] = load_classifier(str(tmp_path / output)).get_input_embeddings().weight
    assert torch.equal(tables["frozen"], tables["loaded"])
    assert not torch.equal(tables["tuned"], tables["loaded"])
    assert (tables["frozen"] == 0.5).all(1).sum() == 1


def test_partly_trained_model_learns(train, tmp_path):
    data = write_csv(tmp_path / "weather.csv", {"cold": "cold", "warm": "warm"}, rows=200)
    keys = "--num_hidden_layers 2 --freeze_embeddings true --layerwise_lr_decay 0.7 --gradual_unfreezing true"
    code, error = train(data, *keys.split(), "--max_steps", "120", "--learning_rate", "0.02")
    assert code == 0, error
    results = json.loads((tmp_path / "run" / "eval_results.json").read_text())
    assert results["metrics"]["accuracy"] == 1.0


@pytest.mark.slow
def test_partly_frozen_bert_learns(tmp_path):
    splits = load_data(DataArguments("samples/news_en", label_column=["topic"])).splits
    linear = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10))
    linear.fit(splits["train"]["text"][:], splits["train"]["labels"][:])
    floor = f1_score(splits["test"]["labels"], linear.predict(splits["test"]["text"][:]), average="macro")

    keys = [
        "--config",
        "demo_bert",
        "--model_name_or_path",
        str(minilm_folder()),
        "--output_dir",
        str(tmp_path / "run"),
    ]
    keys += "--freeze_layers 3 --layerwise_lr_decay 0.9 --num_train_epochs 3 --use_cpu true".split()
    assert main(["train", *keys, "--disable_tqdm", "true"]) == 0
    assert main(["evaluate", str(tmp_path / "run")]) == 0
    results = json.loads((tmp_path / "run" / "evaluation_test" / "eval_results.json").read_text())
    assert results["metrics"]["macro_f1"] >= 0.9 * floor
