"""How the LSTM starts and learns: initial weights, losses, gradients, and what each dropout drops."""

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

from hf_textclf import LSTMForSequenceClassification
from hf_textclf.models.lstm.layers_lstm import turn_around
from tests.helpers.tiny import tiny_config

POOLINGS = ["last", "max", "mean", "mean_max", "attention"]
IDS = torch.tensor([[5, 9, 17, 5], [9, 9, 3, 0], [17, 2, 0, 0]])
MASK = (IDS > 0).long()


def build(**options):
    torch.manual_seed(0)
    return LSTMForSequenceClassification(tiny_config(**{"bidirectional": True, "num_hidden_layers": 2} | options))


def layer_inputs(model, **inputs):
    """What each recurrent layer is given in one forward pass."""
    seen = []
    hooks = [
        layer.register_forward_pre_hook(lambda module, args: seen.append(args[0].detach()))
        for layer in model.lstm.layers
    ]
    model(**inputs)
    for hook in hooks:
        hook.remove()
    return seen


def biases(layer):
    return [parameter for name, parameter in layer.lstm.named_parameters() if name.startswith("bias_")]


@pytest.mark.parametrize("cell", ["lstm", "rnn"])
def test_initial_recurrent_weights(cell):
    """A forget-gate bias of 1 in all, though the kernel adds two bias vectors; orthogonal recurrent weights."""
    expected = torch.tensor([0.0] * 7 + [1.0] * 7 + [0.0] * 14) if cell == "lstm" else torch.zeros(7)
    for layer in build(cell=cell).lstm.layers:
        for suffix in ("", "_reverse"):
            total = getattr(layer.lstm, f"bias_ih_l0{suffix}") + getattr(layer.lstm, f"bias_hh_l0{suffix}")
            torch.testing.assert_close(total, expected)
            weight = getattr(layer.lstm, f"weight_hh_l0{suffix}")
            torch.testing.assert_close(weight.T @ weight, torch.eye(7))


def test_the_pad_row_is_zero_and_stays():
    """Also where no mask says that a pad is one."""
    model = build().train()
    assert not model.get_input_embeddings().weight[0].any()
    model(IDS, labels=torch.tensor([0, 2, 1])).loss.backward()
    gradient = model.get_input_embeddings().weight.grad
    assert not gradient[0].any()
    assert gradient[IDS[MASK == 1]].any(-1).all()


@pytest.mark.parametrize("cell", ["lstm", "rnn"])
def test_initial_input_weights(cell):
    """Glorot & Bengio 2010, eq. 16, for either cell: uniform within this bound."""
    for layer, width in zip(build(cell=cell).lstm.layers, (11, 14), strict=True):
        weight = layer.lstm.weight_ih_l0_reverse
        bound = (6 / (len(weight) + width)) ** 0.5
        assert 0.9 * bound < weight.abs().max() <= bound


@pytest.mark.parametrize("cell", ["lstm", "rnn"])
@pytest.mark.parametrize("missing", ["weight_hh_l0", "bias_ih_l0_reverse"])
def test_a_missing_tensor_leaves_the_loaded_ones_alone(missing, cell, tmp_path):
    model = build(cell=cell)
    for parameter in model.parameters():
        nn.init.constant_(parameter, 0.5)
    model.save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    lost = f"lstm.layers.1.lstm.{missing}"
    del weights[lost]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    loaded = LSTMForSequenceClassification.from_pretrained(tmp_path).state_dict()
    assert loaded.keys() == model.state_dict().keys()
    for name, tensor in loaded.items():
        assert (tensor == 0.5).all() == (name != lost), name
    if missing.startswith("bias"):
        ones = [1.0] * 7 + [0.0] * 14 if cell == "lstm" else []
        torch.testing.assert_close(loaded[lost], torch.tensor([0.0] * 7 + ones))
    else:
        torch.testing.assert_close(loaded[lost].T @ loaded[lost], torch.eye(7))


@pytest.mark.parametrize(
    ("problem_type", "num_labels", "labels", "expected"),
    [
        ("single_label_classification", 3, torch.tensor([0, 2, 1]), F.cross_entropy),
        ("multi_label_classification", 3, torch.eye(3)[[0, 0, 2]], F.binary_cross_entropy_with_logits),
        ("regression", 1, torch.tensor([0.5, -1.0, 2.0]), lambda logits, labels: F.mse_loss(logits[:, 0], labels)),
        ("regression", 2, torch.tensor([[0.5, 1], [-1, 2], [0, 2.0]]), F.mse_loss),
    ],
)
def test_losses(problem_type, num_labels, labels, expected):
    model = build(problem_type=problem_type, num_labels=num_labels).eval()
    outputs = model(IDS, attention_mask=MASK, labels=labels)
    torch.testing.assert_close(outputs.loss, expected(outputs.logits, labels))
    assert outputs.loss.dim() == 0
    assert outputs.loss.requires_grad
    assert model(IDS, attention_mask=MASK).loss is None


@pytest.mark.parametrize(
    "options",
    [
        *({"pooling": pooling} for pooling in POOLINGS),
        {"cell": "rnn", "pooling": "attention"},
        {"num_attention_heads": 2, "pooling": "mean_max"},
    ],
    ids=str,
)
def test_every_parameter_moves(options):
    dropouts = {f"{name}_dropout": 0.1 for name in ("embedding", "locked", "recurrent", "classifier")}
    model = build(**dropouts, **options).train()
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(3):
        optimizer.zero_grad()
        model(IDS, attention_mask=MASK, labels=torch.tensor([0, 2, 1])).loss.backward()
        optimizer.step()
    for name, parameter in model.named_parameters():
        assert not torch.equal(parameter, before[name]), name
    table = "lstm.embed_tokens.weight"
    moved = (dict(model.named_parameters())[table] != before[table]).any(1).nonzero()[:, 0]
    assert moved.tolist() == [2, 3, 5, 9, 17]  # neither the pad nor a word that was not read


def test_locked_dropout_uses_one_mask_per_text():
    model = build(locked_dropout=0.5).train()
    batch, length = 6, 5
    first, second = layer_inputs(model, inputs_embeds=torch.ones(batch, length, 11))
    assert set(first.unique().tolist()) == {0.0, 2.0}
    for states in (first, second):
        dropped = states == 0
        assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
        assert dropped[:, 0].unique(dim=0).shape[0] > 1, "every text has the same mask"
        assert 0 < dropped.float().mean() < 1
    assert not (first[:, :, :7] == 0).equal(second[:, :, :7] == 0)  # each layer draws anew


def test_embedding_dropout_drops_word_types():
    model = build(embedding_dropout=0.5, num_hidden_layers=1).train()
    table = model.get_input_embeddings().weight.detach()
    input_ids = torch.randint(1, 30, (20, 10))
    (embeddings,) = layer_inputs(model, input_ids=input_ids)
    kept = {}
    for word, vector in zip(input_ids.flatten().tolist(), embeddings.flatten(0, 1), strict=True):
        kept.setdefault(word, []).append(not torch.equal(vector, torch.zeros(11)))
        if kept[word][-1]:
            torch.testing.assert_close(vector, table[word] * 2)
    assert all(len(set(answers)) == 1 for answers in kept.values())
    assert {answers[0] for answers in kept.values()} == {True, False}


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("lengths", [None, torch.tensor([2, 4, 1])])
@pytest.mark.parametrize(("cell", "kind"), [("lstm", nn.LSTM), ("rnn", nn.RNN)])
def test_dropconnect_equals_a_module_with_the_dropped_weights(cell, kind, lengths, bidirectional):
    layer = build(cell=cell, recurrent_dropout=0.5, bidirectional=bidirectional).lstm.layers[0].train()
    for bias in biases(layer):
        nn.init.normal_(bias)
    inputs = torch.randn(3, 4, 11)
    torch.manual_seed(5)
    if lengths is None:
        found = layer(inputs, None)
    else:
        real = torch.arange(4) < lengths[:, None]
        found = layer(inputs, turn_around(lengths, 4)) * real[..., None]

    plain = kind(11, 7, batch_first=True, bidirectional=bidirectional)
    plain.load_state_dict(layer.lstm.state_dict())
    torch.manual_seed(5)
    recurrent = [name for name, _ in plain.named_parameters() if name.startswith("weight_hh")]
    with torch.no_grad():
        for name in recurrent:
            parameter = getattr(plain, name)
            parameter.copy_(F.dropout(parameter, 0.5))
    if lengths is None:
        expected = plain(inputs)[0]
    else:
        packed = nn.utils.rnn.pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False)
        expected = nn.utils.rnn.pad_packed_sequence(plain(packed)[0], batch_first=True, total_length=4)[0]
    torch.testing.assert_close(found, expected)

    found.square().sum().backward()
    for name in recurrent:
        dropped = getattr(plain, name) == 0
        gradient = getattr(layer.lstm, name).grad
        assert 0.2 < dropped.float().mean() < 0.8
        assert not gradient[dropped].any()
        assert gradient[~dropped].all()


@pytest.mark.parametrize("cell", ["lstm", "rnn"])
def test_dropconnect_draws_anew_and_stops_in_eval(cell):
    layer = build(cell=cell, recurrent_dropout=0.5).lstm.layers[0]
    inputs = torch.randn(3, 4, 11)
    layer.train()
    assert not torch.equal(layer(inputs, None), layer(inputs, None))
    torch.testing.assert_close(layer.eval()(inputs, None), layer.lstm(inputs)[0])


@pytest.mark.parametrize("name", ["embedding", "locked", "recurrent", "classifier"])
def test_each_dropout_acts_in_training_only(name):
    model, plain = build(**{f"{name}_dropout": 0.5}), build()
    plain.load_state_dict(model.state_dict())
    inputs = {"input_ids": IDS, "attention_mask": MASK}
    assert not torch.equal(model.train()(**inputs).logits, model(**inputs).logits)
    assert torch.equal(model.eval()(**inputs).logits, plain.eval()(**inputs).logits)
    assert torch.equal(plain.train()(**inputs).logits, plain.eval()(**inputs).logits)
