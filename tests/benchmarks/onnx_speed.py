"""How fast ONNX Runtime reads a text beside PyTorch: the same network, one text at a time, one thread.

    python -m tests.benchmarks.onnx_speed runs/demo/lstm runs/demo/bert

Each folder gets its `onnx/model.onnx`, as `hf-textclf push --with_onnx` makes it. The English sample headlines are
tokenized before; both read each of them in turns. Medians of a text and their ratio are printed, as one JSON document
last.
"""

import json
import sys
import time
from pathlib import Path
from statistics import median

import onnxruntime
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from hf_textclf.data import read_rows
from hf_textclf.files import SAMPLES
from hf_textclf.inference.onnx import export_onnx
from hf_textclf.saved_model.layout import ONNX_MODEL


def timed(step):
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


@torch.inference_mode()
def compare(folder, texts, rounds=3):
    record = export_onnx(folder)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / ONNX_MODEL, options, providers=["CPUExecutionProvider"])
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    seconds = {"torch": [], "onnx": []}
    for text in texts * rounds:
        batch = tokenizer([text], truncation=True, return_tensors="pt")
        arrays = {name: rows.numpy() for name, rows in batch.items()}
        seconds["torch"].append(timed(lambda batch=batch: model(**batch)))
        seconds["onnx"].append(timed(lambda arrays=arrays: session.run(None, arrays)))
    medians = {name: 1000 * median(times) for name, times in seconds.items()}
    ratio = medians["torch"] / medians["onnx"]
    print(f"{folder.name:>8} torch {medians['torch']:.2f} ms, onnx {medians['onnx']:.2f} ms, {ratio:.2f} times")
    return {
        "milliseconds": {name: round(value, 3) for name, value in medians.items()},
        "torch_over_onnx": round(ratio, 2),
        "max_difference": record["max_difference"],
    }


def main():
    torch.set_num_threads(1)
    texts = [row["text"] for row in read_rows(SAMPLES / "news_en" / "test.csv")]
    print(json.dumps({Path(folder).name: compare(Path(folder), texts) for folder in sys.argv[1:]}))


if __name__ == "__main__":
    main()
