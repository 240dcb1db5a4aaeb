"""A trained classifier as an ONNX file, laid out as the tools around the Hub expect it. All models go through the
exporter that traces (`dynamo=False`): the newer one freezes the length of texts in an LSTM (pytorch#191855). What a
trace gets wrong it gets wrong silently, so the file is compared with the model on batches of other shapes."""

import os
import warnings
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from ..errors import UserError
from ..files import write_json
from ..models.loading import load_classifier, longest_text
from ..saved_model.layout import ONNX_EXPORT, ONNX_MODEL, model_digest
from ..tokenization import load_tokenizer, renew_tokenizer

OPSET = 17
TOLERANCE = 1e-4  # largest difference of two logits that rounding explains, as a share of those beyond 1
# texts and tokens of the batches that are compared; longer ones are cut to what the model reads
SHAPES = ((1, 1), (2, 1), (3, 8), (5, 40), (2, 4096))


class _Logits(nn.Module):
    """A model that takes tensors by their place and returns a tensor, as a trace needs it. Unless it counts positions
    each text gets a pad, which changes no answer, so that empty texts, of no column, have one."""

    def __init__(self, model: PreTrainedModel, names: list[str]) -> None:
        super().__init__()
        self.model, self.names = model, names
        self.adds_pad = longest_text(model.config) is None
        self.pads = {"input_ids": model.config.get_text_config().pad_token_id}

    def forward(self, *inputs: Tensor) -> Tensor:
        if self.adds_pad:
            pads = [self.pads.get(name, 0) for name in self.names]
            inputs = tuple(functional.pad(rows, (0, 1), value=pad) for rows, pad in zip(inputs, pads, strict=True))
        return self.model(**dict(zip(self.names, inputs, strict=True))).logits


def export_onnx(folder: Path) -> dict[str, Any]:
    """Write `onnx/model.onnx` into a saved folder: the network as the Auto classes load it, which reads no long text
    in chunks. Its inputs are those that the tokenizer gives, each (batch_size, sequence_length); the output, `logits`,
    is (batch_size, num_labels). tokenizer.json beside it gets the truncation, or a mark that it says too little.

    Returns what `onnx/export.json` holds, with `max_difference`, the largest one of two logits of file and model.

    Raises:
        UserError: ONNX Runtime is not installed, the folder holds no classifier, or one that cannot be exported.
    """
    for name in ("onnx", "onnxruntime"):
        if find_spec(name) is None:
            raise UserError(f"ONNX needs {name}, which is not installed; pip install 'hf-textclf[onnx]'")
    renew_tokenizer(folder)
    model, tokenizer = load_classifier(str(folder)), load_tokenizer(str(folder))
    network = _Logits(model, list(tokenizer("a"))).eval()
    axes: dict[str, Any] = {name: {0: "batch_size", 1: "sequence_length"} for name in network.names}
    axes["logits"] = {0: "batch_size"}
    names: dict[str, Any] = {"input_names": network.names, "output_names": ["logits"], "dynamic_axes": axes}
    with TemporaryDirectory(dir=folder, prefix=".onnx-") as partial:
        file = Path(partial) / "model.onnx"
        try:
            batch = _batch(network, tokenizer, texts=3, length=4)
            with warnings.catch_warnings():
                # of constants in the trace, which the comparison would find
                warnings.simplefilter("ignore")
                torch.onnx.export(network, batch, file, **names, opset_version=OPSET, dynamo=False)
            difference = _largest_difference(network, tokenizer, file)
        except OSError:  # a full disk is no fault of the model's
            raise
        except Exception as error:  # both libraries raise what they like
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            raise UserError(
                f"{type(model).__name__} in {str(folder)!r} cannot be exported to ONNX ({reason[:200]}); go without"
            ) from error
        # NaN is refused, too
        if not difference <= TOLERANCE:
            raise UserError(
                f"the logits of the ONNX file of {str(folder)!r} differ by {difference:.1g} from those of the model, "
                f"expected {TOLERANCE:g} at most; go without"
            )
        record = {
            "model_digest": model_digest(folder),
            "inputs": network.names,
            "opset": OPSET,
            "max_difference": difference,
            "versions": {name: version(name) for name in ("torch", "transformers", "onnxruntime")},
        }
        (folder / ONNX_MODEL).parent.mkdir(exist_ok=True)
        # without its record the file is nobody's
        (folder / ONNX_EXPORT).unlink(missing_ok=True)
        os.replace(file, folder / ONNX_MODEL)
        write_json(folder / ONNX_EXPORT, record)
    return record


@torch.inference_mode()
def _largest_difference(network: _Logits, tokenizer: PreTrainedTokenizerFast, file: Path) -> float:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what fails is raised, and need not be printed as well
    # from bytes: a file that leans on others beside it is not what we send
    session = onnxruntime.InferenceSession(file.read_bytes(), options, providers=["CPUExecutionProvider"])
    limit = min(tokenizer.model_max_length, longest_text(network.model.config) or tokenizer.model_max_length)
    differences = []
    for texts, length in (*SHAPES, (2, 0))[: None if network.adds_pad else -1]:
        batch = _batch(network, tokenizer, texts=texts, length=min(length, limit))
        (logits,) = session.run(None, {name: rows.numpy() for name, rows in zip(network.names, batch, strict=True)})
        expected = network(*batch)
        differences.append(((expected - torch.from_numpy(logits)) / expected.abs().clamp(min=1)).abs().max())
    return torch.stack(differences).max().item()


def _batch(network: _Logits, tokenizer: PreTrainedTokenizerFast, *, texts: int, length: int) -> tuple[Tensor, ...]:
    """Random tokens, padded on the right; the first text has no pads, the last of several has nothing else."""
    real = torch.arange(length) < torch.linspace(length, 0, texts).long()[:, None]
    generator = torch.Generator().manual_seed(length)
    tokens = torch.randint(network.model.get_input_embeddings().num_embeddings, (texts, length), generator=generator)
    inputs = {"input_ids": tokens.where(real, tokenizer.pad_token_id), "attention_mask": real.long()}
    return tuple(inputs.get(name, torch.zeros_like(tokens)) for name in network.names)
