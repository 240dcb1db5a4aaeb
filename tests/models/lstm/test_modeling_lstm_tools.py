"""What tools do with any model of Transformers they do with ours too: export, compile, offload, quantize, adapt.

The tests are those of stock BERT, which runs beside as the measure. Transformers' own tests of its exporters are in no
distribution.
"""

import io

import pytest
import torch
from torch import nn
from transformers import BertForSequenceClassification
from transformers.exporters.exporter_dynamo import DynamoConfig, DynamoExporter

from hf_textclf import LSTMForCausalLM, LSTMForSequenceClassification
from hf_textclf.models.frozen import FrozenEncoderForSequenceClassification
from tests.helpers.batches import lay_out, texts
from tests.helpers.tiny import tiny_bert_config, tiny_config, tiny_frozen_config

TASK = {"problem_type": "single_label_classification", "num_labels": 3}
TURNED = {"bidirectional": True, "pooling": "last"}
ATTENDING = {"cell": "rnn", "num_attention_heads": 7, "pooling": "mean_max"}
MODELS = {
    "bert": lambda **_: BertForSequenceClassification(tiny_bert_config(**TASK)),
    "frozen": lambda **_: FrozenEncoderForSequenceClassification(tiny_frozen_config(**TASK)),
    "lstm": lambda **options: LSTMForSequenceClassification(tiny_config(**TASK, **TURNED, **options)),
    "rnn": lambda **options: LSTMForSequenceClassification(tiny_config(**TASK, **ATTENDING, **options)),
}


@pytest.fixture(params=MODELS)
def build(request):
    """Make a model in eval mode, with the same weights each time, large enough that texts differ."""

    def make(**options):
        torch.manual_seed(0)
        model = MODELS[request.param](**options).eval()
        for parameter in model.parameters():
            nn.init.normal_(parameter, std=0.5)
        return model

    return make


def batches():
    """Padded on either side, with holes, and without pads, of several sizes; the longest is of 12 tokens."""
    generator = torch.Generator().manual_seed(0)
    rows = [row for row in texts() if len(row)]
    yield from (lay_out(rows, where) for where in ("right", "left", "holes"))
    for shape in ((2, 3), (5, 12), (1, 1)):
        ids = torch.randint(1, 99, shape, generator=generator)
        yield {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        mask = torch.rand(shape, generator=generator) > 0.3
        mask[:, 0] = True
        yield {"input_ids": ids, "attention_mask": mask.long()}


@torch.no_grad()
def assert_same(model, other, *, tolerance=1e-5):
    for batch in batches():
        expected = model(**batch).logits
        torch.testing.assert_close(other(**batch).logits, expected, rtol=0, atol=tolerance)
        assert len(expected) == 1 or expected.std(0).max() > 1e-3


def test_tuples(build):
    model, batch = build(), next(batches())
    expected = model(**batch).logits
    model.config.return_dict = False
    loss, logits = model(**batch, labels=torch.zeros(len(expected), dtype=torch.long))
    assert loss.dim() == 0 and torch.equal(logits, expected)
    assert torch.equal(model(**batch, return_dict=True).logits, expected)


def test_tuples_of_a_language_model():
    model, batch = LSTMForCausalLM(tiny_config()).eval(), next(batches())
    expected = model(**batch).logits
    model.config.return_dict = False
    assert torch.equal(model(**batch)[0], expected)
    model.train()
    model(**batch, labels=batch["input_ids"])[0].backward()


def test_a_trace_does_not_depend_on_the_mask(build):
    """As the exporter to ONNX traces; the warnings are of constants, which the other batches would show."""
    model = build()
    model.requires_grad_(False)
    ids = torch.ones(3, 4, dtype=torch.long)
    with pytest.warns(torch.jit.TracerWarning), torch.no_grad():
        trace = torch.jit.trace(lambda *batch: model(*batch).logits, (ids, torch.ones_like(ids)))
        for batch in batches():
            torch.testing.assert_close(trace(*batch.values()), model(**batch).logits, rtol=0, atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"num_hidden_layers": 2}], ids=str)
def test_weights_on_disk(build, options, tmp_path):
    model = build(**options)
    model.save_pretrained(tmp_path / "model")
    kind = type(model)
    offloaded = kind.from_pretrained(
        tmp_path / "model", device_map="auto", max_memory={"cpu": "1KB"}, offload_folder=tmp_path / "disk"
    )
    assert {parameter.device.type for parameter in offloaded.parameters()} == {"meta"}
    assert_same(model, offloaded)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_int8(build):
    model = build(num_hidden_layers=2)
    kinds = {nn.Linear, nn.LSTM}
    quantized = torch.ao.quantization.quantize_dynamic(model, kinds, dtype=torch.qint8)
    assert not kinds & {type(module) for module in quantized.modules()}
    assert_same(model, quantized, tolerance=0.2)


def test_a_layer_that_is_replaced_is_called():
    """By a wrapper such as PEFT's, which keeps the old one beside it."""

    class Wrapper(nn.Module):
        def __init__(self, module):
            super().__init__()
            self.old, self.new = module, nn.LSTM(11, 7, batch_first=True, bidirectional=True)

        def forward(self, *inputs):
            return self.new(*inputs)

    model = MODELS["lstm"]().eval()
    other = MODELS["lstm"]().eval()
    other.load_state_dict(model.state_dict())
    [layer] = model.lstm.layers
    layer.lstm = Wrapper(layer.lstm)
    other.lstm.layers[0].lstm.load_state_dict(layer.lstm.new.state_dict())
    with torch.no_grad():
        for batch in batches():
            torch.testing.assert_close(model(**batch).logits, other(**batch).logits)


def dynamic(batch):
    sizes = {0: torch.export.Dim("batch", min=1, max=64), 1: torch.export.Dim("length", min=1, max=12)}
    return dict.fromkeys(batch, sizes)


@pytest.mark.slow
@pytest.mark.parametrize("strict", [False, True])
def test_export(build, strict):
    model, batch = build(), next(batches())
    program = torch.export.export(model, (), batch, dynamic_shapes=dynamic(batch), strict=strict)
    file = io.BytesIO()
    torch.export.save(program, file)
    file.seek(0)
    assert_same(model, torch.export.load(file).module())


@pytest.mark.slow
def test_export_by_transformers(build):
    model, batch = build(), next(batches())
    exported = DynamoExporter().export(model, batch, DynamoConfig(dynamic=True))
    assert exported is not None


@pytest.mark.slow
def test_compile(build):
    torch.compiler.reset()
    model = build(num_hidden_layers=2)
    # one graph for all batches
    compiled = torch.compile(model, fullgraph=True, backend="eager", dynamic=True)
    assert_same(model, compiled)


@pytest.mark.slow
def test_compile_for_training(build):
    torch.compiler.reset()
    model, batch = build(), next(batches())
    batch["labels"] = torch.arange(len(batch["input_ids"])) % 3
    # what is drawn at random differs from run to run
    model.eval()
    losses, gradients = [], []
    for each in (torch.compile(model, fullgraph=True, backend="aot_eager"), model):
        model.zero_grad()
        loss = each(**batch).loss
        loss.backward()
        losses.append(loss.detach())
        gradients.append([p.grad.clone() for p in model.parameters() if p.grad is not None])
    torch.testing.assert_close(*losses)
    for one, two in zip(*gradients, strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=1e-6)
