"""An LSTM and a BERT of two layers, and which of their parameters belong to which part, written by hand."""

import torch
from transformers import AutoModelForSequenceClassification, BertConfig

from hf_textclf.models.lstm import LSTMForSequenceClassification
from tests.helpers.tiny import tiny_config

# from the bottom to the top: embeddings, layer 1, layer 2, head
LSTM = [
    {"lstm.embed_tokens.weight"},
    {f"lstm.layers.0.lstm.{name}_l0" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")},
    {f"lstm.layers.1.lstm.{name}_l0" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")},
    {"lstm.pooler.projection.weight", "lstm.pooler.projection.bias", "lstm.pooler.context.weight",
     "classifier.weight", "classifier.bias"},
]  # fmt: skip
BERT_LAYER = {
    f"{module}.{kind}"
    for module in (
        "attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense",
        "attention.output.LayerNorm", "intermediate.dense", "output.dense", "output.LayerNorm",
    )
    for kind in ("weight", "bias")
}  # fmt: skip
BERT = [
    {f"bert.embeddings.{name}" for name in (
        "word_embeddings.weight", "position_embeddings.weight", "token_type_embeddings.weight", "LayerNorm.weight",
        "LayerNorm.bias")},
    {f"bert.encoder.layer.0.{name}" for name in BERT_LAYER},
    {f"bert.encoder.layer.1.{name}" for name in BERT_LAYER},
    {"bert.pooler.dense.weight", "bert.pooler.dense.bias", "classifier.weight", "classifier.bias"},
]  # fmt: skip
TABLES = {"lstm": LSTM, "bert": BERT}
SIZES = {
    "vocab_size": 99, "hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 17,
    "max_position_embeddings": 26, "pad_token_id": 0,
}  # fmt: skip
LABELS = {
    "num_labels": 2, "id2label": {0: "cold", 1: "warm"}, "label2id": {"cold": 0, "warm": 1},
    "problem_type": "single_label_classification",
}  # fmt: skip


def make_model(family):
    """A tiny random model without dropout."""
    torch.manual_seed(5)
    if family == "lstm":
        return LSTMForSequenceClassification(tiny_config(num_hidden_layers=2, pooling="attention", **LABELS))
    dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    return AutoModelForSequenceClassification.from_config(
        BertConfig(**SIZES, **LABELS, **dropout, initializer_range=0.3)
    )
