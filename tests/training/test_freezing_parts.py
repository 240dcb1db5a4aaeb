"""The parameters of a model by depth, and what is refused where they cannot be told."""

import pytest
import torch
from transformers import (
    AlbertConfig,
    AutoModelForSequenceClassification,
    BartConfig,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    ModernBertConfig,
    RobertaConfig,
)

from hf_textclf.errors import UserError
from hf_textclf.training.freezing import model_parts
from tests.helpers.tiny import wordpiece_tokenizer
from tests.helpers.two_layers import LSTM, SIZES, TABLES, make_model


def parts_by_name(model):
    names = {parameter: name for name, parameter in model.named_parameters()}
    return [{names[parameter] for parameter in part} for part in model_parts(model)]


@pytest.mark.parametrize("family", TABLES)
def test_parts(family):
    model = make_model(family)
    assert parts_by_name(model) == TABLES[family]
    assert sum(len(part) for part in model_parts(model)) == len(list(model.parameters()))


@pytest.mark.parametrize(
    ("config", "layers", "low", "high"),
    [
        (RobertaConfig(**SIZES), "roberta.encoder.layer", "roberta.embeddings.position", "classifier.dense"),
        (DistilBertConfig(vocab_size=99, dim=12, n_layers=2, n_heads=3, hidden_dim=17),
         "distilbert.transformer.layer", "distilbert.embeddings.LayerNorm", "pre_classifier"),
        (ModernBertConfig(**SIZES, cls_token_id=1, sep_token_id=2, bos_token_id=1, eos_token_id=2), "model.layers",
         "model.embeddings.norm", "model.final_norm"),
        (ElectraConfig(embedding_size=8, **SIZES), "electra.encoder.layer", "electra.embeddings_project",
         "classifier.dense"),
        (DebertaV2Config(**SIZES, relative_attention=True), "deberta.encoder.layer", "deberta.encoder.rel_embeddings",
         "pooler.dense"),
    ],
    ids=lambda value: getattr(value, "model_type", ""),
)  # fmt: skip
def test_parts_of_stock_encoders(config, layers, low, high):
    model = AutoModelForSequenceClassification.from_config(config)
    parts = parts_by_name(model)
    names = {name for name, _ in model.named_parameters()}
    assert sum(map(len, parts)) == len(names)
    assert [parts[1], parts[2]] == [{n for n in names if n.startswith(f"{layers}.{layer}.")} for layer in (0, 1)]
    assert any(name.startswith(low) for name in parts[0])
    assert any(name.startswith(high) for name in parts[-1])
    assert "classifier.weight" in parts[-1] or "classifier.out_proj.weight" in parts[-1]


def test_lists_inside_a_layer_are_no_layers():
    model = make_model("lstm")
    model.lstm.layers[0].extra = torch.nn.ModuleList(torch.nn.Linear(1, 1) for _ in range(2))
    assert len(model_parts(model)[1]) == len(LSTM[1]) + 4


@pytest.mark.parametrize(
    "config",
    [
        AlbertConfig(embedding_size=8, **SIZES),
        BartConfig(vocab_size=99, d_model=12, encoder_layers=2, decoder_layers=2, encoder_attention_heads=3,
                   decoder_attention_heads=3, encoder_ffn_dim=17, decoder_ffn_dim=17),
    ],
    ids=lambda config: config.model_type,
)  # fmt: skip
def test_layers_that_cannot_be_told_apart(config):
    model = AutoModelForSequenceClassification.from_config(config)
    with pytest.raises(UserError, match="lists of num_hidden_layers=2 layers in (Albert|Bart)"):
        model_parts(model)


@pytest.mark.parametrize(
    "tokens",
    [
        ["--freeze_layers", "3"],
        ["--freeze_layers=-1"],
        ["--layerwise_lr_decay", "0"],
        ["--layerwise_lr_decay", "1.5"],
        ["--layerwise_lr_decay", "nan"],
    ],
    ids=" ".join,
)
def test_numbers_out_of_range(refused_training, weather, tmp_path, tokens):
    make_model("lstm").save_pretrained(tmp_path / "lstm")
    wordpiece_tokenizer().save_pretrained(tmp_path / "lstm")
    name, _, value = " ".join(tokens).lstrip("-").replace("=", " ").partition(" ")
    error = refused_training(weather, "--model_name_or_path", tmp_path / "lstm", *tokens, new=False)
    assert name in error and value in error


@pytest.mark.parametrize(
    "flag", ["--freeze_embeddings true", "--freeze_layers 1", "--layerwise_lr_decay 0.9", "--gradual_unfreezing true"]
)
def test_model_without_layers_is_refused(refused_training, weather, tmp_path, flag):
    model = AutoModelForSequenceClassification.from_config(AlbertConfig(embedding_size=8, **SIZES))
    model.save_pretrained(tmp_path / "albert")
    wordpiece_tokenizer().save_pretrained(tmp_path / "albert")
    tokens = ["--model_name_or_path", tmp_path / "albert", *flag.split()]
    assert "AlbertForSequenceClassification" in refused_training(weather, *tokens, new=False)
