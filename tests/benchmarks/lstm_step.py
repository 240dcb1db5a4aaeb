"""How long a training step of our layer takes beside the usual way, a packed batch through nn.LSTM.

    python -m tests.benchmarks.lstm_step

One BiLSTM layer (128 -> 128 a direction), 32 texts of 250 tokens of which half are padded from 200 on, forward and
backward, one thread, both in turns in the same run; the ratio of the medians is printed, as one JSON document last.
"""

import json
import time
from statistics import median

import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from hf_textclf import LSTMConfig
from hf_textclf.models.lstm.layers_lstm import LSTMLayer, turn_around


def timed(step):
    start = time.perf_counter()
    step().square().mean().backward()
    return time.perf_counter() - start


def main(rounds=5):
    torch.set_num_threads(1)
    torch.manual_seed(1)
    ours = LSTMLayer(LSTMConfig(hidden_size=128, bidirectional=True), 128)
    states = torch.randn(32, 250, 128, requires_grad=True)
    lengths = torch.tensor([250, 200] * 16)
    turn = turn_around(lengths, 250)

    def packed():
        inputs = pack_padded_sequence(states, lengths, batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(ours.lstm(inputs)[0], batch_first=True, total_length=250)[0]

    steps = {"ours": lambda: ours(states, turn), "packed": packed, "no pads": lambda: ours.lstm(states)[0]}
    seconds = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            seconds[name].append(timed(step))
    medians = {name: round(median(times), 4) for name, times in seconds.items()}
    for name, value in medians.items():
        print(f"{name:>8} {value:8.3f} s a step")
    print(json.dumps({"seconds": medians, "packed_over_ours": round(medians["packed"] / medians["ours"], 2)}))


if __name__ == "__main__":
    main()
