"""The gates of an LSTM: the states that follow from them are those of the fused kernel."""

import pytest
import torch
from torch import nn
from transformers import BertConfig, BertModel

from hf_textclf import LSTMModel, UserError
from hf_textclf.explanation import read_gates
from hf_textclf.explanation.gates import GATES
from tests.models.lstm.test_modeling_lstm import build, lay_out, texts


@pytest.mark.parametrize("kind", [LSTMModel, None])
@pytest.mark.parametrize("where", ["right", "left", "holes"])
@pytest.mark.parametrize("bidirectional", [False, True])
@torch.no_grad()
def test_hidden_states_are_those_of_the_kernel(bidirectional, where, kind):
    model = build(**({"kind": kind} if kind else {}), bidirectional=bidirectional)
    inputs = lay_out([*texts(), torch.empty(0, dtype=torch.long)], where)
    readings = read_gates(model, **inputs)
    directions = ["forward", "backward"] if bidirectional else ["forward"]
    assert [(each.layer, each.direction) for each in readings] == [(n, name) for n in (1, 2) for name in directions]
    states = model(**inputs, output_hidden_states=True).hidden_states
    for number in (1, 2):
        hidden = torch.cat([each.hidden for each in readings if each.layer == number], dim=-1)
        torch.testing.assert_close(hidden, states[number], rtol=0, atol=1e-5)
    pads = inputs["attention_mask"] == 0
    for each in readings:
        assert each.gates.shape == (6, 8, 4, 7) and each.cells.shape == each.hidden.shape == (6, 8, 7)
        assert not each.gates[pads].any() and not each.cells[pads].any() and not each.hidden[pads].any()


@torch.no_grad()
def test_gates_and_cells():
    """The cell state after a token is what nn.LSTM ends with when the text ends there; the gates tie the two."""
    model = build(LSTMModel)
    [row] = texts([6])
    embeddings = model.embed_tokens(row)[None]
    forward, backward = read_gates(model, row[None])[:2]
    kernel = nn.LSTM(11, 7, batch_first=True, bidirectional=True)
    kernel.load_state_dict(model.layers[0].lstm.state_dict())
    for step in range(6):
        _, (_, cells) = kernel(embeddings[:, : step + 1])
        torch.testing.assert_close(forward.cells[:, step], cells[0], rtol=0, atol=1e-5)
        _, (_, cells) = kernel(embeddings[:, step:])
        torch.testing.assert_close(backward.cells[:, step], cells[1], rtol=0, atol=1e-5)
    for each, before in ((forward, slice(None, -1)), (backward, slice(1, None))):
        gate = dict(zip(GATES, each.gates.unbind(2), strict=True))
        assert all(((gate[name] > 0) & (gate[name] < 1)).all() for name in ("input", "forget", "output"))
        assert gate["candidate"].min() < 0 < gate["candidate"].max()
        torch.testing.assert_close(each.hidden, gate["output"] * each.cells.tanh())
        after = slice(1, None) if before == slice(None, -1) else slice(None, -1)
        remembered = gate["forget"][:, after] * each.cells[:, before]
        written = gate["input"][:, after] * gate["candidate"][:, after]
        torch.testing.assert_close(each.cells[:, after], remembered + written)


@torch.no_grad()
def test_one_gate_shut():
    """Each gate by its effect: shut, it stops what it is named after."""
    row = torch.tensor([[5, 9, 17]])
    for number, name in enumerate(GATES):
        model = build(LSTMModel, num_hidden_layers=1, bidirectional=False)
        bias = model.layers[0].lstm.bias_ih_l0
        # the candidate has no shut position; its largest value shows as well
        bias[7 * number : 7 * number + 7] = 1e4 if name == "candidate" else -1e4
        [reading] = read_gates(model, row)
        assert (reading.gates[:, :, number] == (1 if name == "candidate" else 0)).all()
        if name == "input":
            assert not reading.cells.any()
        elif name == "output":
            assert reading.cells.any() and not reading.hidden.any()


def test_models_without_gates():
    with pytest.raises(UserError, match="cell 'rnn', expected 'lstm'"):
        read_gates(build(cell="rnn"), torch.tensor([[1]]))
    bert = BertModel(
        BertConfig(vocab_size=9, hidden_size=4, num_hidden_layers=1, num_attention_heads=2, intermediate_size=4)
    )
    with pytest.raises(UserError, match="model_type 'bert', expected an LSTM"):
        read_gates(bert, torch.tensor([[1]]))
