"""Folders whose files say what cannot be: each is refused where it is opened, in one line; valid ones open."""

import json
import logging
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AlbertConfig, AutoModelForSequenceClassification, BertTokenizer, RobertaConfig, T5Config

from hf_textclf import Classifier, UserError
from hf_textclf.models.loading import load_classifier
from hf_textclf.saved_model.check import file_digests
from tests.helpers.saved import save_model
from tests.helpers.tiny import TEXTS, tiny_bert_config, wordpiece_tokenizer
from tests.saved_model.test_folders_of_before import BEFORE, CLASSIFIERS

ENORMOUS = 10**9


@pytest.fixture
def folder(tmp_path):
    """Copies a folder of `before`, or saves a model of a stock family, and changes keys of one of its files."""

    def make(name, file=None, value=None, **changes):
        path = tmp_path / name
        if (BEFORE / name).is_dir():
            shutil.copytree(BEFORE / name, path)
        else:
            save_model(path, name)
        if file is not None:
            values = value if not changes else json.loads((path / file).read_text()) | changes
            (path / file).write_text(json.dumps(values))
        return path

    return make


def refusal(path, *words):
    """The one line with which a folder is refused."""
    with pytest.raises(UserError) as error:
        Classifier(path)(TEXTS)
    line = str(error.value)
    assert "\n" not in line and len(line) < 600
    for word in (path.name, *words):
        assert str(word) in line, line
    return line


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json", "tokenizer.json"])
@pytest.mark.parametrize("value", [None, 3, [], "x"])
def test_a_file_that_holds_no_object(folder, file, value):
    refusal(folder("single", file, value), file)


@pytest.mark.parametrize("name", ["single", "bert"])
@pytest.mark.parametrize(
    "changes",
    [
        {"id2label": {"0": "good", "2": "bad"}},
        {"id2label": ["good", "bad", "so-so"]},
        {"id2label": {"0": 1, "1": 2}},
        {"id2label": {"0": "good", "1": "good"}},
        {"id2label": "good"},
        {"label2id": {"good": 1, "bad": 0}},
        {"num_labels": 7},
        {"num_labels": 0},
        {"problem_type": "classification"},
        {"problem_type": ["regression"]},
        {"problem_type": "regression"},
        {"dtype": "floatx"},
        {"torch_dtype": 32, "dtype": None},
        {"dtype": "load"},
        {"auto_map": None},
        {"architectures": "BertModel"},
        {"calibration": {"temperature": 0}},
        {"calibration": {"thresholds": "x"}},
        {"calibration": [1]},
        {"model_type": ["bert"]},
        {"hidden_size": -1},
        {"num_hidden_layers": ENORMOUS},
        {"num_hidden_layers": 0},
        {"layer_norm_eps": float("nan")},
    ],
    ids=str,
)
def test_config_json(folder, name, changes):
    [key] = [key for key, value in changes.items() if value is not None or key == "auto_map"]
    refusal(folder(name, "config.json", **changes), key.removeprefix("torch_"))


@pytest.mark.parametrize(
    "changes",
    [
        {"model_type": "gpt2"},
        {"model_type": "textclf_lstm"},
        {"model_type": "unheard_of"},
        {"num_attention_heads": 0},
        {"hidden_size": 2**70},
        {"intermediate_size": ENORMOUS},
        {"hidden_dropout_prob": "x"},
        {"num_hidden_layers": 1},
    ],
    ids=str,
)
def test_config_json_of_another_network(folder, changes):
    refusal(folder("bert", "config.json", **changes))


def test_a_network_larger_than_its_weights_is_never_built(folder, monkeypatch):
    """Sizes that each stand in the weights, but nowhere together: the network is counted, and takes no memory."""
    path = folder("bert", "config.json", hidden_size=99, intermediate_size=99, num_hidden_layers=999)
    monkeypatch.setattr(torch.nn.Module, "to_empty", lambda *_, **__: pytest.fail("memory was taken"))
    refusal(path, "config.json", "network of", "weights")


@pytest.mark.parametrize(
    "changes",
    [
        {"model_max_length": "x"},
        {"model_max_length": 1.5},
        {"model_max_length": 0},
        {"model_max_length": True},
        {"pad_token": 3},
        {"pad_token": ["[PAD]"]},
        {"unk_token": ""},
        {"additional_special_tokens": [1]},
        {"extra_special_tokens": 5},
        {"added_tokens_decoder": {"x": "y"}},
        {"model_input_names": "input_ids"},
        {"model_input_names": ["input_ids"]},
        {"model_input_names": ["input_ids", "attention_mask", "pixel_values"]},
        {"tokenizer_class": 5},
        {"truncation_side": "middle"},
        {"segmenter": 5},
        {"head_tokens": "x"},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["single", "bert"])
def test_tokenizer_config_json(folder, name, changes):
    refusal(folder(name, "tokenizer_config.json", **changes), *changes)


@pytest.mark.parametrize("changes", [{"model": None}, {"added_tokens": 3}, {"normalizer": 5}, {"version": 1}], ids=str)
def test_tokenizer_json(folder, changes):
    refusal(folder("single", "tokenizer.json", **changes))


def test_half_a_tokenizer_json(folder):
    path = folder("single")
    content = (path / "tokenizer.json").read_bytes()
    (path / "tokenizer.json").write_bytes(content[: len(content) // 2])
    refusal(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"problem_type": "x"},
        {"problem_type": None},
        {"label_names": 5},
        {"label_names": []},
        {"label_names": ["a", "a"]},
    ],
    ids=str,
)
def test_one_vs_rest_json(folder, changes):
    refusal(folder("one_vs_rest", "one_vs_rest.json", **changes), "one_vs_rest.json", *changes)


@pytest.mark.parametrize(
    "changes",
    [{"problem_type": "regression"}, {"id2label": {"0": "a", "1": "a"}}, {"id2label": {"0": "a", "2": "b"}}],
    ids=str,
)
def test_linear_config_json(folder, changes):
    refusal(folder("linear", "linear_config.json", **changes), "linear_config.json")


def test_an_empty_vocabulary_of_a_linear_model(folder):
    refusal(folder("linear", "vocabulary.json", 5), "vocabulary.json")


@pytest.mark.parametrize(
    "changed", [{"idf": torch.ones(3)}, {"idf": torch.full((9999,), torch.nan)}], ids=["short", "nan"]
)
def test_weights_of_another_reader(folder, changed):
    path = folder("sentences")
    save_file(load_file(path / "document.safetensors") | changed, path / "document.safetensors")
    refusal(path, "document.safetensors")


def spoil(path, value=torch.nan):
    """Put a number that is none into all weights of a file."""
    save_file({name: torch.full_like(tensor, value) for name, tensor in load_file(path).items()}, path)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize(("name", "file"), [("single", "model.safetensors"), ("linear", "linear.safetensors")])
def test_weights_that_are_no_numbers(folder, name, file, value, refused_command, tmp_path):
    path = folder(name)
    spoil(path / file, value)
    refusal(path)
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("text\nA text\n")
    before = sorted(tmp_path.iterdir())
    refused_command("predict", path, source, "--output", target, words=[path.name])
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_changed_file_is_told(folder, name, caplog):
    """A label that somebody renamed, or a byte that a disk lost: the model opens, but says so each time."""
    path = folder(name)
    digests = file_digests(path)
    results = json.loads((path / "eval_results.json").read_text()) | {"digests": digests}
    (path / "eval_results.json").write_text(json.dumps(results))
    with caplog.at_level(logging.WARNING):
        Classifier(path)
        assert not caplog.records
        for file in digests:
            content = (path / file).read_bytes()
            (path / file).write_bytes(content + b"\n")
            caplog.clear()
            Classifier(path)
            assert [file in record.getMessage() for record in caplog.records] == [True]
            (path / file).write_bytes(content)


def test_broken_results_are_told(folder, caplog):
    path = folder("single")
    (path / "eval_results.json").write_text("{")
    assert Classifier(path)(TEXTS)
    assert ["eval_results.json" in record.getMessage() for record in caplog.records] == [True]


def test_a_tokenizer_without_its_unknown_token(folder):
    path = folder("single")
    content = (path / "tokenizer.json").read_text()
    (path / "tokenizer.json").write_text(content.replace('"unk_token": "[UNK]"', '"unk_token": "[UNKA]"'))
    refusal(path, "[UNK")


def test_a_run_notes_its_files(trained_models):
    results = json.loads((trained_models / "single" / "eval_results.json").read_text())
    assert set(results["digests"]) == {"config.json", "tokenizer.json", "tokenizer_config.json"}
    assert results["digests"] == file_digests(trained_models / "single")


# how configurations and tokenizers on the Hub look, old and new
STYLES = {
    "without a problem type": ("config.json", {"problem_type": None}, []),
    "without names": ("config.json", {"num_labels": 3}, ["id2label", "label2id", "problem_type"]),
    "names that nobody gave": (
        "config.json",
        {"id2label": {str(n): f"LABEL_{n}" for n in range(3)}, "label2id": {f"LABEL_{n}": n for n in range(3)}},
        ["problem_type"],
    ),
    "label2id of the first day": ("config.json", {"label2id": {f"LABEL_{n}": n for n in range(3)}}, []),
    "numbers as texts": ("config.json", {"label2id": {"good": "0", "bad": "1", "so-so": "2"}}, []),
    "torch_dtype": ("config.json", {"torch_dtype": "float16"}, ["dtype"]),
    "no precision": ("config.json", {"dtype": None}, ["torch_dtype", "architectures", "transformers_version"]),
    "old counters": ("config.json", {"_num_labels": 3, "gradient_checkpointing": False, "finetuning_task": None}, []),
    "no limit": ("tokenizer_config.json", {}, ["model_max_length"]),
    "no limit, written out": ("tokenizer_config.json", {"model_max_length": int(1e30)}, []),
    "a limit as a float": ("tokenizer_config.json", {"model_max_length": 1e30}, []),
    "old special tokens": (
        "tokenizer_config.json",
        {"pad_token": {"__type": "AddedToken", "content": "[PAD]", "lstrip": False, "normalized": False}},
        ["added_tokens_decoder"],
    ),
    "special_tokens_map_file": ("tokenizer_config.json", {"special_tokens_map_file": None, "name_or_path": "x"}, []),
}


@pytest.mark.parametrize("style", STYLES)
def test_styles_of_the_hub_open(folder, style):
    path = folder("bert")
    texts = ["rain", "good coffee"]
    before = Classifier(path).logits(texts)
    file, changes, gone = STYLES[style]
    values = json.loads((path / file).read_text()) | changes
    (path / file).write_text(json.dumps({key: value for key, value in values.items() if key not in gone}))
    np.testing.assert_allclose(Classifier(path).logits(texts), before, atol=1e-6)


def test_a_tokenizer_without_a_config_opens(folder):
    path = folder("bert")
    (path / "tokenizer_config.json").unlink()
    assert Classifier(path)(TEXTS)


def test_a_vocabulary_alone_opens(tmp_path):
    """As checkpoints from before the fast tokenizers have it."""
    path = save_model(tmp_path / "bert", "bert")
    vocabulary = wordpiece_tokenizer().get_vocab()
    for file in ("tokenizer.json", "tokenizer_config.json"):
        (path / file).unlink()
    (path / "vocab.txt").write_text("\n".join(sorted(vocabulary, key=vocabulary.__getitem__)))
    assert isinstance(Classifier(path).predictor.network.tokenizer, BertTokenizer)


@pytest.mark.parametrize(
    "config",
    [
        # layers that share their weights, positions with an offset, a decoder that the classifier has too
        AlbertConfig(
            embedding_size=8, hidden_size=12, num_attention_heads=3, intermediate_size=17, num_hidden_layers=5
        ),
        RobertaConfig(hidden_size=12, num_attention_heads=3, intermediate_size=17, num_hidden_layers=2),
        T5Config(d_model=12, d_kv=4, num_heads=3, d_ff=17, num_layers=2, decoder_start_token_id=0),
        tiny_bert_config(),
    ],
    ids=lambda config: config.model_type,
)
def test_other_families_are_not_too_large(tmp_path, config):
    config.vocab_size = 99
    AutoModelForSequenceClassification.from_config(config).save_pretrained(tmp_path)
    assert load_classifier(str(tmp_path)).num_parameters()
