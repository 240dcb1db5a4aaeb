"""Whatever a saved folder asks of its reader, each way out says what `Classifier` says, or refuses with the reason:
stock pipelines, the Auto classes, the handler of endpoints, ONNX Runtime with `tokenizers` alone, `predict`."""

import json
import subprocess
import sys

import pytest
from transformers import pipeline

from hf_textclf import Classifier
from hf_textclf.cli.main import main
from hf_textclf.hub import handler
from hf_textclf.inference.onnx import export_onnx
from tests.helpers.saved import save_model

OPINIONS = ["--dataset", "samples/opinions_en", "--label_column", "sentiment"]
NEWS = ["--dataset", "samples/news_zh", "--label_column", "topic"]
TOPICS = ["--dataset", "samples/news_zh", "--label_column", "topics", "--label_separator", ";", "--max_steps", "120"]
# how a folder may ask to be read
FOLDERS = {
    "head": OPINIONS,
    "tail": [*OPINIONS, "--truncation", "tail"],
    "head_tail": [*OPINIONS, "--truncation", "head_tail"],
    "bpe": [*OPINIONS, "--tokenizer_type", "bpe"],
    "unigram": [*NEWS, "--tokenizer_type", "unigram"],
    "jieba": [*NEWS, "--segmenter", "jieba"],
    "jieba_head_tail": [*NEWS, "--segmenter", "jieba", "--truncation", "head_tail", "--max_length", "8"],
    "windows": [*OPINIONS, "--document_strategy", "windows"],
    "sentences": [*OPINIONS, "--document_strategy", "sentences", "--truncation", "head_tail"],
    "key_sentences": [*OPINIONS, "--document_strategy", "key_sentences", "--num_sentences", "2"],
    "calibrated": [*OPINIONS, "--calibrate", "true"],
    "several_labels": [*TOPICS, "--calibrate", "true"],
    "regression": [*OPINIONS[:2], "--label_column", "rating", "--problem_type", "regression"],
    "bert": ["--model_name_or_path", "BERT", *OPINIONS, "--max_length", "12"],
    "bert_head_tail": ["--model_name_or_path", "BERT", *OPINIONS, "--truncation", "head_tail", "--max_length", "12"],
    "one_vs_rest": [*NEWS, "--one_vs_rest", "true", "--max_steps", "10"],
    "maxent": [*OPINIONS, "--model_type", "maxent"],
}
SHORT = {
    "english": "The staff were rude and the food arrived cold.",
    "chinese": "央行宣布下调存款准备金率",
    "emoji": "Great 👍🏽 café, ＦＵＬＬ width",
    "empty": "",
    "blank": " \t ",
}
LONG = {
    "long": "An awful film, badly acted and far too long to watch with friends who like such films a lot at home " * 3,
    "long_chinese": "国会否决银行救助方案主队在加时赛中获胜央行宣布下调利率股市大涨球员进球科技公司发布新款手机" * 3,
    "sentences": "The room was clean. The staff were rude! Would I come again? Never. " * 4,
}
TEXTS = SHORT | LONG
# reads each folder in each way without the package
STRANGER = """
import importlib.util, json, sys, os
sys.modules["hf_textclf"] = None
import numpy as np, onnxruntime, torch, transformers
from tokenizers import Tokenizer
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline
transformers.logging.set_verbosity_error()
folders, texts, handler, output = json.loads(sys.stdin.read())

def stock_pipeline(folder, **trust):
    classify = pipeline("text-classification", model=folder, top_k=None, truncation=True, device="cpu", **trust)
    return lambda text: {row["label"]: row["score"] for row in classify([text])[0]}

def trusted(folder):
    return stock_pipeline(folder, trust_remote_code=True)

def auto(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
    model = AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True)
    def classify(text):
        # beside another text, which must not matter
        batch = tokenizer([text, "a b c"], truncation=True, padding=True, return_tensors="pt")
        with torch.no_grad():
            return answer(model(**batch).logits[0].numpy(), model.config.to_dict())
    return classify

def answer(logits, config):
    if config["problem_type"] == "multi_label_classification":
        logits = 1 / (1 + np.exp(-logits.astype(float)))
    elif config["problem_type"] != "regression":
        logits = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    return {config["id2label"].get(str(n), config["id2label"].get(n)): float(score) for n, score in enumerate(logits)}

def endpoint(folder):
    spec = importlib.util.spec_from_file_location("handler", handler)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    endpoint = module.EndpointHandler(folder)
    return lambda text: {row["label"]: row["score"] for row in endpoint({"inputs": [text]})[0]}

def onnx(folder):
    # knows tokenizer.json, config.json and the network, and nothing of transformers
    config = json.load(open(f"{folder}/config.json"))
    tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
    session = onnxruntime.InferenceSession(f"{folder}/onnx/model.onnx", providers=["CPUExecutionProvider"])
    def classify(text):
        encoding = tokenizer.encode(text)
        values = {"input_ids": encoding.ids, "attention_mask": encoding.attention_mask,
                  "token_type_ids": encoding.type_ids}
        names = [each.name for each in session.get_inputs()]
        [logits] = session.run(None, {name: np.array([values[name]], np.int64) for name in names})
        return answer(logits[0], config)
    return classify

found = {}
for folder in folders:
    for way in (trusted, stock_pipeline, auto, endpoint, onnx):
        try:
            classify = way(folder)
        except BaseException as error:
            found[f"{folder} {way.__name__}"] = f"refused: {error}"
            continue
        answers = found[f"{folder} {way.__name__}"] = {}
        for name, text in texts.items():
            try:
                answers[name] = classify(text)
            except Exception as error:
                answers[name] = f"refused: {error}"
json.dump(found, open(output, "w"))
"""


@pytest.fixture(scope="module")
def folders(tiny_yaml, tmp_path_factory):
    """A trained folder for each special way to be read."""
    root = tmp_path_factory.mktemp("folders")
    save_model(root / "BERT", "bert")
    for name, flags in FOLDERS.items():
        flags = [str(root / "BERT") if flag == "BERT" else flag for flag in flags]
        if name.startswith("bert"):
            config = root / "bert.yaml"
            config.write_text(
                "max_steps: 20\nlearning_rate: 3e-2\nload_best_model_at_end: false\ndisable_tqdm: true\n"
            )
            flags += ["--config", str(config)]
        elif name != "maxent":
            flags += ["--config", tiny_yaml]
        assert main(["train", *flags, "--output_dir", str(root / name)]) == 0, name
        if (root / name / "config.json").is_file():
            export_onnx(root / name)
    return root


@pytest.fixture(scope="module")
def matrix(folders):
    """(folder, way) -> what a stranger's process got for each text, or why it was refused."""
    named = [str(folders / name) for name in FOLDERS]
    asked = json.dumps([named, TEXTS, handler.__file__, str(folders / "answers.json")])
    command = [sys.executable, "-c", STRANGER]
    done = subprocess.run(command, input=asked, capture_output=True, text=True, timeout=560)
    assert done.returncode == 0, done.stderr
    found = json.loads((folders / "answers.json").read_text())
    return {tuple(key.removeprefix(f"{folders}/").split(" ")): answers for key, answers in found.items()}


NO_NETWORK = {"one_vs_rest", "maxent"}
# what is said in place of an answer, of the folder, or of some texts
SPECIAL = {
    "head_tail": "keeps both ends of a long text",
    "jieba": "finds Chinese words first",
    "jieba_head_tail": "finds Chinese words first and keeps both ends of a long text",
    "bert_head_tail": "keeps both ends of a long text",
    "windows": "reads long texts in chunks",
    "sentences": "keeps both ends of a long text and reads long texts in chunks",
    "key_sentences": "reads long texts in chunks",
}
IN_CHUNKS = {"windows": set(LONG), "sentences": set(LONG), "key_sentences": {"sentences"}}


def assert_same(folder, answers, folders):
    """The answers, by name of the text, are those of the Classifier, or a refusal of what it reads in chunks."""
    expected = dict(zip(TEXTS, Classifier(str(folders / folder))(list(TEXTS.values())), strict=True))
    for name, answer in answers.items():
        if name in IN_CHUNKS.get(folder, ()):
            assert "in chunks" in answer and "read it with hf_textclf.Classifier" in answer
        else:
            assert answer == pytest.approx(expected[name].probabilities, abs=1e-4), (folder, name)


@pytest.mark.slow
@pytest.mark.parametrize("folder", FOLDERS)
def test_strangers(matrix, folders, folder):
    found = {way: answers for (name, way), answers in matrix.items() if name == folder}
    assert list(found) == ["trusted", "stock_pipeline", "auto", "endpoint", "onnx"]
    for way, answers in found.items():
        special = SPECIAL.get(folder)
        if folder in NO_NETWORK:
            assert answers.startswith("refused: ")
        elif way == "stock_pipeline" and not folder.startswith("bert"):
            assert "contains custom code which must be executed" in answers
        elif special and way in ("stock_pipeline", "onnx"):
            assert f"1.0 of a tokenizer that {special}; open it with the package hf-textclf" in answers
        else:
            assert_same(folder, answers, folders)


@pytest.mark.slow
@pytest.mark.parametrize("folder", [name for name in FOLDERS if name not in NO_NETWORK])
def test_a_stock_pipeline_beside_the_package(folders, folder):
    classify = pipeline("text-classification", str(folders / folder), top_k=None, truncation=True, device="cpu")
    answers = {}
    for name, text in TEXTS.items():
        try:
            answers[name] = {row["label"]: row["score"] for row in classify([text])[0]}
        except ValueError as error:
            answers[name] = str(error)
    assert_same(folder, answers, folders)


@pytest.mark.slow
@pytest.mark.parametrize("folder", FOLDERS)
def test_predict(folders, folder, tmp_path):
    rows = [json.dumps({"text": text}) + "\n" for text in TEXTS.values()]
    (tmp_path / "texts.jsonl").write_text("".join(rows))
    target = tmp_path / "out.jsonl"
    assert main(["predict", str(folders / folder), str(tmp_path / "texts.jsonl"), "--output", str(target)]) == 0
    predicted = [json.loads(line) for line in target.read_text().splitlines()]
    for row, expected in zip(predicted, Classifier(str(folders / folder))(list(TEXTS.values())), strict=True):
        label = expected.label if isinstance(expected.label, str) else ";".join(expected.label)
        assert row["label"] == label
        assert {name: row[f"probability_{name}"] for name in expected.probabilities} == pytest.approx(
            expected.probabilities, abs=1e-5
        )
