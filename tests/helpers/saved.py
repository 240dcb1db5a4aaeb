"""Folders of small models with large random weights, whose answers differ from text to text, ready to be pushed."""

import torch
from transformers import AutoModelForSequenceClassification, XLNetConfig

from hf_textclf.tokenization import set_truncation
from tests.helpers.tiny import TEXTS, tiny_bert_config, tiny_config, tiny_frozen_config, wordpiece_tokenizer

LABELS = {
    "single_label_classification": ["good", "bad", "so-so"],
    "multi_label_classification": ["politics", "sport", "weather"],
    "regression": ["rating"],
}
FAMILIES = {
    "lstm": tiny_config,
    "frozen": tiny_frozen_config,
    "bert": tiny_bert_config,
    "xlnet": lambda **options: XLNetConfig(vocab_size=99, d_model=12, n_layer=2, n_head=3, d_inner=17, **options),
}
# over the limits of tokenizer and BERT
LONG = " ".join(TEXTS)


def save_model(folder, family, problem_type="single_label_classification", **options):
    """Save a model with tokenizer and card; options: more of its configuration."""
    names = LABELS[problem_type]
    options |= {"problem_type": problem_type, "id2label": dict(enumerate(names)), "num_labels": len(names)}
    options |= {"label2id": {name: number for number, name in enumerate(names)}}
    if problem_type == "multi_label_classification":
        options["calibration"] = {"temperature": 1.0, "thresholds": [0.2, 0.6, 0.9]}
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_config(FAMILIES[family](**options))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    model.save_pretrained(folder)
    tokenizer = wordpiece_tokenizer(add_special_tokens=family != "lstm")
    set_truncation(tokenizer, truncation="head", max_length=12)
    tokenizer.save_pretrained(folder)
    (folder / "README.md").write_text("---\nlicense: mit\n---\nA model.\n")
    return folder
