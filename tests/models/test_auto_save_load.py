"""A saved folder gives back the same model: through the Auto classes, in a fresh process, with our package or without,
and in a stock pipeline."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import pytest
import torch
from torch import nn
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer, pipeline

from hf_textclf import LSTMForSequenceClassification, LSTMModel
from hf_textclf.models.frozen import FrozenEncoderForSequenceClassification, FrozenEncoderModel
from tests.helpers.tiny import TEXTS, tiny_config, tiny_frozen_config, wordpiece_tokenizer


class Family(NamedTuple):
    """What a family is saved as, and which of its weights are the head's."""

    config: Callable
    model: type
    body: type
    code: list
    auto_map: dict
    head: set


FAMILIES = {
    "lstm": Family(
        partial(tiny_config, bidirectional=True, pooling="attention"),
        LSTMForSequenceClassification,
        LSTMModel,
        ["configuration_lstm.py", "layers_lstm.py", "modeling_lstm.py"],
        {
            "AutoConfig": "configuration_lstm.LSTMConfig",
            "AutoModel": "modeling_lstm.LSTMModel",
            "AutoModelForSequenceClassification": "modeling_lstm.LSTMForSequenceClassification",
        },
        {"classifier.weight", "classifier.bias"},
    ),
    "frozen": Family(
        tiny_frozen_config,
        FrozenEncoderForSequenceClassification,
        FrozenEncoderModel,
        ["configuration_frozen.py", "modeling_frozen.py"],
        {
            "AutoConfig": "configuration_frozen.FrozenEncoderConfig",
            "AutoModel": "modeling_frozen.FrozenEncoderModel",
            "AutoModelForSequenceClassification": "modeling_frozen.FrozenEncoderForSequenceClassification",
        },
        {"dense.weight", "dense.bias", "classifier.weight", "classifier.bias"},
    ),
}
# what stands before the pooling
for name, changes in (("rnn", {"cell": "rnn"}), ("self-attention", {"num_attention_heads": 2})):
    FAMILIES[name] = FAMILIES["lstm"]._replace(config=partial(FAMILIES["lstm"].config, **changes))
INPUTS = {"input_ids": torch.arange(1, 9).view(2, 4), "attention_mask": torch.tensor([[1, 1, 1, 1], [0, 1, 1, 0]])}

# prints what a fresh process makes of the folder "saved" of each family, and saves it as "again"
LOAD = """
import json, sys
{first_line}
import torch
from transformers import AutoModel, AutoModelForSequenceClassification
inputs = {{name: torch.tensor(rows) for name, rows in json.loads(sys.argv[1]).items()}}
found = {{}}
for family in sys.argv[2:]:
    model = AutoModelForSequenceClassification.from_pretrained(f"{{family}}/saved", trust_remote_code={trust}).eval()
    body = AutoModel.from_pretrained(f"{{family}}/saved", trust_remote_code={trust}).eval()
    with torch.no_grad():
        logits, pooled = model(**inputs).logits.tolist(), body(**inputs).pooler_output.tolist()
    model.save_pretrained(f"{{family}}/again")
    halves = [bool((tensor == 0.5).all()) for each in (model, body) for tensor in each.state_dict().values()]
    found[family] = [logits, pooled, all(halves), type(model).__module__]
print(json.dumps(found))
"""


@pytest.fixture(params=FAMILIES)
def family(request):
    return FAMILIES[request.param]


def build(family, kind=None, **options):
    torch.manual_seed(0)
    config = family.config(**{"problem_type": "single_label_classification"} | options)
    return (kind or family.model)(config).eval()


def halves(model):
    """Every weight 0.5: whatever is initialised again after loading shows."""
    for parameter in model.parameters():
        nn.init.constant_(parameter, 0.5)
    return model


def run_fresh(folder, first_line, *, trust):
    inputs = json.dumps({name: rows.tolist() for name, rows in INPUTS.items()})
    command = [sys.executable, "-c", LOAD.format(first_line=first_line, trust=trust), inputs, *FAMILIES]
    # its own module cache, so that no earlier copy of the code can be picked up
    env = os.environ | {"HF_MODULES_CACHE": str(folder / "modules")}
    out = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    return json.loads(out.stdout.splitlines()[-1])


def check_code(folder, family):
    """The folder holds every file that its config names, and those that they import."""
    assert sorted(path.name for path in folder.glob("*.py")) == family.code
    assert json.loads((folder / "config.json").read_text())["auto_map"] == family.auto_map


@pytest.mark.parametrize("auto", [AutoModelForSequenceClassification, AutoModel])
@pytest.mark.parametrize("kind", ["model", "body"])
def test_weights_survive(family, kind, auto, tmp_path):
    halves(build(family, getattr(family, kind))).save_pretrained(tmp_path)
    model, info = auto.from_pretrained(tmp_path, output_loading_info=True)
    new_head = kind == "body" and auto is AutoModelForSequenceClassification
    lost_head = kind == "model" and auto is AutoModel
    assert set(info["missing_keys"]) == (family.head if new_head else set())
    assert set(info["unexpected_keys"]) == (family.head if lost_head else set())
    kept = [tensor for name, tensor in model.state_dict().items() if not (new_head and name in family.head)]
    heads = len(family.head) * (not new_head and auto is not AutoModel)
    assert len(kept) == len(build(family, family.body).state_dict()) + heads
    assert all((tensor == 0.5).all() for tensor in kept)


@pytest.mark.parametrize(
    ("name", "options"),
    [("lstm", {"pooling": pooling, "num_hidden_layers": 2}) for pooling in ("last", "max", "mean", "mean_max")]
    + [("lstm", {"pooling": "attention"}), *(("frozen", {"feature_pooling": pooling}) for pooling in ("cls", "mean"))],
)
@torch.no_grad()
def test_same_logits(name, options, tmp_path):
    model = build(FAMILIES[name], **options)
    model.save_pretrained(tmp_path)
    loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    assert not loaded.training
    assert torch.equal(loaded(**INPUTS).logits, model(**INPUTS).logits)


@torch.no_grad()
def test_built_on_the_meta_device():
    """Nothing reads a tensor while the model is built, so that loading can begin without memory. (A BERT inside has
    buffers that are not saved; the conformance tests build the frozen family this way.)"""
    model = halves(build(FAMILIES["lstm"]))
    with torch.device("meta"):
        empty = LSTMForSequenceClassification(model.config)
    assert all(parameter.is_meta for parameter in empty.parameters())
    empty.load_state_dict(model.state_dict(), assign=True)
    assert torch.equal(empty.eval()(**INPUTS).logits, model(**INPUTS).logits)


def test_saved_files(family, tmp_path):
    build(family).save_pretrained(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "model.safetensors", *family.code}
    check_code(tmp_path, family)


def test_load_and_save_again_keeps_the_code(family, tmp_path):
    build(family).save_pretrained(tmp_path / "saved")
    AutoModelForSequenceClassification.from_pretrained(tmp_path / "saved").save_pretrained(tmp_path / "again")
    check_code(tmp_path / "again", family)


@pytest.mark.parametrize("plugin", [True, False])
def test_fresh_process(plugin, tmp_path):
    """With our package no remote code is needed; without it, the folder brings its own."""
    models = {name: halves(build(family)) for name, family in FAMILIES.items()}
    for name, model in models.items():
        model.save_pretrained(tmp_path / name / "saved")
    first_line = "import hf_textclf" if plugin else 'sys.modules["hf_textclf"] = None'
    found = run_fresh(tmp_path, first_line, trust=not plugin)
    for name, model in models.items():
        logits, pooled, all_halves, module = found[name]
        with torch.no_grad():
            expected, pooled_expected = model(**INPUTS).logits, model.base_model(**INPUTS).pooler_output
        torch.testing.assert_close(torch.tensor(logits), expected, rtol=0, atol=1e-6)
        torch.testing.assert_close(torch.tensor(pooled), pooled_expected, rtol=0, atol=1e-6)
        assert all_halves
        assert module.startswith("hf_textclf." if plugin else "transformers_modules.")
        check_code(tmp_path / name / "again", FAMILIES[name])
        again = AutoModelForSequenceClassification.from_pretrained(tmp_path / name / "again")
        assert all((tensor == 0.5).all() for tensor in again.state_dict().values())


@pytest.mark.parametrize("problem_type", ["single_label_classification", "multi_label_classification"])
@pytest.mark.parametrize("add_special_tokens", [True, False])
@torch.no_grad()
def test_pipeline(family, add_special_tokens, problem_type, tmp_path):
    """A stock pipeline over the folder, empty strings too; without special tokens those have length 0."""
    names = {0: "bad", 1: "fair", 2: "good"}
    model = build(family, problem_type=problem_type, id2label=names, label2id={name: i for i, name in names.items()})
    for parameter in model.parameters():
        nn.init.normal_(parameter)
    model.save_pretrained(tmp_path)
    wordpiece_tokenizer(add_special_tokens=add_special_tokens).save_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert tokenizer.model_input_names == ["input_ids", "attention_mask"]

    texts = ["", *TEXTS, "", ""]
    classify = pipeline("text-classification", model=str(tmp_path), top_k=None, device="cpu")
    for batch_size in (1, 2, 4):
        for text, scores in zip(texts, classify(texts, batch_size=batch_size), strict=True):
            ids = tokenizer(text)["input_ids"]
            assert (len(ids) == 0) == (text == "" and not add_special_tokens)
            logits = model(torch.tensor([ids], dtype=torch.long)).logits[0]
            single = problem_type == "single_label_classification"
            expected = logits.softmax(-1) if single else logits.sigmoid()
            found = {score["label"]: score["score"] for score in scores}
            assert found == pytest.approx({names[i]: float(p) for i, p in enumerate(expected)}, abs=1e-5)
    assert classify("") == classify([""])
