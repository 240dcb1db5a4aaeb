"""The fused, padded, batched model equals the textbook, in values and in gradients."""

import copy
import pickle

import pytest
import torch

from hf_textclf import LSTMModel
from tests.helpers.reference_lstm import encode
from tests.helpers.tiny import tiny_config

POOLINGS = ["last", "max", "mean", "mean_max", "attention"]
# where there are pads, the first text has none and the third is empty
MASKS = {
    "none": [[1, 1, 1, 1]] * 5,
    "right": [[1, 1, 1, 1], [1, 0, 0, 0], [0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0]],
    "left": [[1, 1, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 1, 1], [0, 1, 1, 1]],
    "holes": [[1, 1, 1, 1], [0, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 1], [1, 0, 1, 1]],
}


def build(**options):
    """A float64 model in eval mode, every parameter random: the zeros and ones of the start would hide mistakes."""
    torch.manual_seed(0)
    model = LSTMModel(tiny_config(**options)).double().eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return model


def values_and_gradients(model, function, leaves):
    """Run `function` and differentiate a random projection of its two results."""
    states, pooled = function()
    generator = torch.Generator().manual_seed(1)
    weights = [torch.randn(t.shape, generator=generator, dtype=t.dtype) for t in (states, pooled)]
    total = (states * weights[0]).sum() + (pooled * weights[1]).sum()
    return [states, pooled, *torch.autograd.grad(total, leaves)]


def check(model, mask):
    input_ids = torch.randint(1, model.config.vocab_size, mask.shape)
    embeddings = model.embed_tokens(input_ids).detach().requires_grad_()
    table = model.embed_tokens.weight
    names, parameters = zip(*[item for item in model.named_parameters() if item[1] is not table], strict=True)

    def run(**inputs):
        outputs = model(**inputs, attention_mask=mask)
        return outputs.last_hidden_state, outputs.pooler_output

    expected = values_and_gradients(model, lambda: encode(model, embeddings, mask), [embeddings, *parameters])
    found = values_and_gradients(model, lambda: run(inputs_embeds=embeddings), [embeddings, *parameters])
    by_id = values_and_gradients(model, lambda: run(input_ids=input_ids), [table, *parameters])
    by_row = values_and_gradients(model, lambda: encode(model, table[input_ids], mask), [table, *parameters])
    for name, one, two, three, four in zip(
        ["states", "pooled", "embeddings", *names], expected, found, by_id, by_row, strict=True
    ):
        torch.testing.assert_close(two, one, rtol=0, atol=1e-10, msg=lambda text, n=name: f"{n}: {text}")
        torch.testing.assert_close(three, four, rtol=0, atol=1e-10, msg=lambda text, n=name: f"{n}: {text}")
        assert two.abs().max() > 1e-3, f"{name} is zero, so equality shows nothing"


@pytest.mark.parametrize(("cell", "num_hidden_layers"), [("lstm", 1), ("lstm", 2), ("lstm", 3), ("rnn", 2)])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("padding", MASKS)
def test_states(padding, bidirectional, cell, num_hidden_layers):
    model = build(cell=cell, bidirectional=bidirectional, num_hidden_layers=num_hidden_layers)
    check(model, torch.tensor(MASKS[padding]))


@pytest.mark.parametrize("padding", ["none", "holes"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_pooling(pooling, bidirectional, padding):
    check(build(bidirectional=bidirectional, pooling=pooling), torch.tensor(MASKS[padding]))


@pytest.mark.parametrize("padding", ["none", "holes"])
@pytest.mark.parametrize(("heads", "bidirectional", "pooling"), [(1, False, "mean_max"), (2, True, "last")])
def test_self_attention(heads, bidirectional, pooling, padding):
    model = build(bidirectional=bidirectional, pooling=pooling, num_attention_heads=heads)
    check(model, torch.tensor(MASKS[padding]))


def test_many_unequal_lengths():
    """Lengths in no order, so that each text has to be turned around within its own length."""
    model = build(bidirectional=True, pooling="last")
    lengths = torch.tensor([2, 9, 1, 5, 9, 3, 7])
    check(model, (torch.arange(9) < lengths[:, None]).long())


def test_graphs_read_the_parameters_of_the_layer(tmp_path):
    """Whatever happened to the model: a graph cannot look into the layer itself."""
    model = build(bidirectional=True)
    model.save_pretrained(tmp_path)
    copies = [
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
        model.half(),
        LSTMModel.from_pretrained(tmp_path),
    ]
    for each in copies:
        [layer] = each.layers
        names, parameters = zip(*layer.parameters_in_graph.items(), strict=True)
        assert list(names) == layer.lstm._flat_weights_names
        assert all(one is two for one, two in zip(parameters, layer.lstm.parameters(), strict=True))
