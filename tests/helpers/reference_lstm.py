"""An LSTM text encoder written from the textbook equations: one text, one step, one gate at a time.

Nothing here is batched, packed, padded or fused, so it shares no code path with the model that it checks. It reads the
model's parameters by name and stays differentiable.
"""

import torch


def read_plainly(vectors, weights, suffix):
    """As `read_in_order`, without gates (Elman 1990)."""
    input_w, hidden_w = weights[f"weight_ih_l0{suffix}"], weights[f"weight_hh_l0{suffix}"]
    bias = weights[f"bias_ih_l0{suffix}"] + weights[f"bias_hh_l0{suffix}"]
    states = [torch.zeros_like(bias)]
    for vector in vectors:
        states.append(torch.tanh(input_w @ vector + hidden_w @ states[-1] + bias))
    return states[1:]


def read_in_order(vectors, weights, suffix):
    """One direction of one layer over the embeddings of one text, in the order given (Hochreiter & Schmidhuber 1997;
    forget gate of Gers et al. 2000). Returns one hidden state per vector."""
    # PyTorch stacks the four matrices in the order input gate, forget gate, candidate, output gate
    input_w, forget_w, candidate_w, output_w = weights[f"weight_ih_l0{suffix}"].chunk(4)
    input_u, forget_u, candidate_u, output_u = weights[f"weight_hh_l0{suffix}"].chunk(4)
    bias = weights[f"bias_ih_l0{suffix}"] + weights[f"bias_hh_l0{suffix}"]
    input_b, forget_b, candidate_b, output_b = bias.chunk(4)
    hidden, cell = torch.zeros_like(input_b), torch.zeros_like(input_b)
    states = []
    for vector in vectors:
        input_gate = 1 / (1 + torch.exp(-(input_w @ vector + input_u @ hidden + input_b)))
        forget_gate = 1 / (1 + torch.exp(-(forget_w @ vector + forget_u @ hidden + forget_b)))
        output_gate = 1 / (1 + torch.exp(-(output_w @ vector + output_u @ hidden + output_b)))
        candidate = torch.tanh(candidate_w @ vector + candidate_u @ hidden + candidate_b)
        cell = forget_gate * cell + input_gate * candidate
        hidden = output_gate * torch.tanh(cell)
        states.append(hidden)
    return states


def read_layer(vectors, weights, config):
    """One layer over one text. Returns one state per vector, forward half first."""
    read = read_in_order if config.cell == "lstm" else read_plainly
    states = read(vectors, weights, "")
    if not config.bidirectional:
        return states
    backward = read(vectors[::-1], weights, "_reverse")[::-1]
    return [torch.cat(pair) for pair in zip(states, backward, strict=True)]


def attend(states, weights, config):
    """Multi-head self-attention over the states of one text (Vaswani et al. 2017, section 3.2), one pair of tokens at
    a time. Returns one vector per state."""
    width = len(states[0]) // config.num_attention_heads
    queries = [weights["query.weight"] @ state + weights["query.bias"] for state in states]
    keys = [weights["key.weight"] @ state for state in states]
    values = [weights["value.weight"] @ state + weights["value.bias"] for state in states]
    attended = []
    for query in queries:
        heads = []
        for start in range(0, len(query), width):
            part = slice(start, start + width)
            scores = [torch.exp(query[part] @ key[part] / width**0.5) for key in keys]
            pairs = zip(scores, values, strict=True)
            heads.append(sum(score / sum(scores) * value[part] for score, value in pairs))
        attended.append(weights["output.weight"] @ torch.cat(heads) + weights["output.bias"])
    return attended


def pool(states, weights, config):
    """Turn the states of one text, at least one, into one vector."""
    table = torch.stack(states)
    if config.pooling == "last":
        forward, backward = states[-1][: config.hidden_size], states[0][config.hidden_size :]
        return torch.cat([forward, backward])
    if config.pooling == "max":
        return torch.stack([column.max() for column in table.unbind(1)])
    if config.pooling == "mean":
        return sum(states) / len(states)
    if config.pooling == "mean_max":
        return torch.cat([sum(states) / len(states), torch.stack([column.max() for column in table.unbind(1)])])
    # Yang et al. 2016, eq. 5-7
    scores = []
    for state in states:
        projected = torch.tanh(weights["projection.weight"] @ state + weights["projection.bias"])
        scores.append(torch.exp(weights["context.weight"][0] @ projected))
    return sum(score / sum(scores) * state for score, state in zip(scores, states, strict=True))


def encode(model, embeddings, mask):
    """Read a batch as LSTMModel does in eval mode.

    embeddings: (batch, length, width); mask: (batch, length), 1 = real token. Returns the states
    (batch, length, hidden_size * directions), zero at pads, and the pooled vectors (batch, width of the pooling).
    """
    config, width = model.config, model.config.hidden_size * (1 + model.config.bidirectional)
    all_states, all_pooled = [], []
    for row in range(len(embeddings)):
        places = [place for place in range(mask.shape[1]) if mask[row, place]]
        states = [embeddings[row, place] for place in places]
        for layer in model.layers:
            states = read_layer(states, dict(layer.lstm.named_parameters()), config)
        kept = dict(zip(places, states, strict=True))
        zeros = embeddings.new_zeros(width)
        if states and config.num_attention_heads:
            states = attend(states, dict(model.pooler.self_attention.named_parameters()), config)
        all_states.append(torch.stack([kept.get(place, zeros) for place in range(mask.shape[1])]))
        empty = embeddings.new_zeros(model.pooler.output_size)
        all_pooled.append(pool(states, dict(model.pooler.named_parameters()), config) if states else empty)
    return torch.stack(all_states), torch.stack(all_pooled)
