"""`push --with_onnx`: the file says what the model says, whatever the batch looks like, and goes with the weights."""

import json

import numpy as np
import onnxruntime
import pytest
import torch
from huggingface_hub import hf_hub_download
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from hf_textclf.errors import UserError
from hf_textclf.inference import onnx as export
from hf_textclf.inference.onnx import TOLERANCE, export_onnx
from hf_textclf.saved_model.layout import ONNX_EXPORT, ONNX_MODEL
from tests.helpers.push_command import REPO, error_line
from tests.helpers.saved import save_model
from tests.helpers.tiny import TEXTS

POSITIONS = 41
SYSTEMS = {
    "max": ("lstm", {}),
    "last": ("lstm", {"pooling": "last"}),
    "two_layers_last": ("lstm", {"bidirectional": True, "num_hidden_layers": 2, "pooling": "last"}),
    "attention": ("lstm", {"bidirectional": True, "pooling": "attention"}),
    "self_attention": ("lstm", {"hidden_size": 8, "num_attention_heads": 2, "pooling": "mean_max"}),
    "rnn": ("lstm", {"cell": "rnn", "bidirectional": True, "pooling": "mean"}),
    "regression": ("lstm", {"problem_type": "regression"}),
    "frozen": ("frozen", {}),
    "bert": ("bert", {"max_position_embeddings": POSITIONS}),
}


def session_of(path):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("system", SYSTEMS)
@torch.no_grad()
def test_same_logits(system, tmp_path):
    family, options = SYSTEMS[system]
    folder = save_model(tmp_path / "model", family, **options)
    record = export_onnx(folder)
    assert record["max_difference"] <= TOLERANCE
    assert json.loads((folder / ONNX_EXPORT).read_text()) == record
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    session = session_of(folder / ONNX_MODEL)
    assert all(values.shape == ["batch_size", "sequence_length"] for values in session.get_inputs())
    # longer ones than the export itself compares, pads anywhere, and a text of nothing but pads
    for texts, length in ((1, 1), (2, 1), (4, 9), (7, POSITIONS)):
        batch = {
            "input_ids": torch.randint(5, 99, (texts, length)),
            "attention_mask": (torch.rand(texts, length) < 0.6),
        }
        batch["attention_mask"] = batch["attention_mask"].long()
        batch["attention_mask"][-1] = texts == 1
        (found,) = session.run(None, {name: rows.numpy() for name, rows in batch.items()})
        np.testing.assert_allclose(found, model(**batch).logits, atol=1e-5)


@torch.no_grad()
def test_takes_what_the_tokenizer_gives(tmp_path):
    """Segments too, where a model knows them."""
    folder = save_model(tmp_path / "model", "bert")
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings["model_input_names"] = ["input_ids", "token_type_ids", "attention_mask"]
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    export_onnx(folder)
    batch = AutoTokenizer.from_pretrained(folder)(TEXTS, truncation=True, padding=True, return_tensors="np")
    assert "token_type_ids" in batch
    (found,) = session_of(folder / ONNX_MODEL).run(None, dict(batch))
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    expected = model(**{name: torch.from_numpy(rows) for name, rows in batch.items()}).logits
    np.testing.assert_allclose(found, expected, atol=1e-5)


def change_weights(folder, change):
    weights = {name: change(rows) for name, rows in load_file(folder / "model.safetensors").items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def test_refuses_and_leaves_nothing(tmp_path, monkeypatch):
    xlnet = save_model(tmp_path / "xlnet", "xlnet")
    with pytest.raises(UserError, match=r"XLNetForSequenceClassification in .* cannot be exported to ONNX \(.*\); go"):
        export_onnx(xlnet)
    # where the two cannot be compared they are not the same
    broken = save_model(tmp_path / "broken", "lstm")
    change_weights(broken, lambda rows: rows * float("nan"))
    with pytest.raises(UserError, match="differ by nan from those of the model, expected 0.0001 at most"):
        export_onnx(broken)
    monkeypatch.setattr(export, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'hf-textclf\[onnx\]'"):
        export_onnx(broken)
    for folder in (xlnet, broken):
        assert not [path.name for path in folder.iterdir() if "onnx" in path.name]


def test_push_sends_it_in_the_same_commit(hub, model_folder, push):
    code, out, _ = push("--with-onnx", "--dry-run")
    assert code == 0 and hub.requests == [] and f" bytes  {ONNX_MODEL}\n" in out
    # nothing is left of a dry run
    assert not (model_folder / ONNX_MODEL).exists()
    assert "onnx" not in out.partition("stay here: ")[2].splitlines()[0]
    assert push("--with_onnx")[0] == 0
    assert hub.count("/commit/") == 1 and {ONNX_MODEL, ONNX_EXPORT, "model.safetensors"} <= set(hub.files(REPO))
    # the card tells of it
    assert f"`{ONNX_MODEL}` is the same network" in hub.read(REPO, "README.md").decode()
    tokens = AutoTokenizer.from_pretrained(REPO)(["很好吃"], return_tensors="np")
    (found,) = session_of(hf_hub_download(REPO, ONNX_MODEL)).run(None, dict(tokens))
    with torch.no_grad():
        expected = AutoModelForSequenceClassification.from_pretrained(REPO).eval()(
            **{name: torch.from_numpy(rows) for name, rows in tokens.items()}
        )
    np.testing.assert_allclose(found, expected.logits, atol=1e-5)


def test_push_of_other_weights(hub, model_folder, push):
    push("--with_onnx")
    change_weights(model_folder, lambda rows: rows * 2)
    code, _, err = push()
    assert code == 2 and "was made of other weights" in error_line(err)
    assert push("--with_onnx")[0] == 0
    # taken out here, it goes there
    for name in (ONNX_MODEL, ONNX_EXPORT):
        (model_folder / name).unlink()
    assert push()[0] == 0 and not {ONNX_MODEL, ONNX_EXPORT} & set(hub.files(REPO))
    assert ONNX_MODEL not in hub.read(REPO, "README.md").decode()


def test_onnx_files_of_others_stay_here(model_folder, push):
    (model_folder / "onnx").mkdir()
    (model_folder / ONNX_MODEL).write_bytes(b"of somebody else")
    code, out, _ = push("--dry-run")
    assert code == 0 and ONNX_MODEL not in out and "onnx/" in out.partition("stay here: ")[2]
