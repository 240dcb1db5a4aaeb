"""jieba's words before the tokenizer: the same in training and use, offline, and no file left or read."""

import json
import sys

import jieba
import pytest
from datasets import Dataset, DatasetDict
from transformers import pipeline

from hf_textclf import Classifier, UserError
from hf_textclf.cli.main import main
from hf_textclf.tokenization import TOKENIZER_TYPES, encode, load_tokenizer, train_tokenizer
from hf_textclf.tokenization.encoding import segment
from hf_textclf.tokenization.tokenization_classifier import load_jieba
from hf_textclf.training.pretraining import cut_blocks

TEXTS = [
    "这家酒店的服务很好，房间也很干净。",
    "酒店的房间很小，服务也不好！",
    "Wi-Fi很快, 下次还住这家酒店",
    "价格便宜，下次还来。",
] * 3


def words_of(text):
    """What jieba itself says, with its own initialisation."""
    return [word for word in jieba.lcut(text) if word.strip()]


@pytest.fixture(scope="module", autouse=True)
def cache_of_jieba(tmp_path_factory):
    """jieba's own initialisation, which `words_of` calls, keeps its cache out of the shared folder."""
    jieba.dt.tmp_dir = str(tmp_path_factory.mktemp("jieba"))


def trained(tokenizer_type="word", **options):
    values = {"vocab_size": 400, "max_length": 50, "segmenter": "jieba"} | options
    return train_tokenizer(TEXTS, tokenizer_type=tokenizer_type, **values)


def test_words_are_those_of_jieba():
    assert [text.split() for text in segment(TEXTS, "jieba")] == [words_of(text) for text in TEXTS]
    tokenizer = trained()
    assert {"酒店", "服务", "房间", "干净"} <= set(tokenizer.get_vocab())
    for text in TEXTS[:2] + TEXTS[3:4]:
        tokens = tokenizer.convert_ids_to_tokens(encode(tokenizer, [text])["input_ids"][0])
        # NFKC, as for every tokenizer trained here
        assert tokens == [word.replace("，", ",").replace("！", "!") for word in words_of(text)]


@pytest.mark.parametrize("tokenizer_type", TOKENIZER_TYPES)
def test_every_type_finds_its_own_words_again(tokenizer_type, tmp_path):
    """Nothing that was seen in training is unknown later, also after saving and loading."""
    tokenizer = trained(tokenizer_type)
    tokenizer.save_pretrained(tmp_path)
    loaded = load_tokenizer(tmp_path)
    assert json.loads((tmp_path / "tokenizer_config.json").read_text())["segmenter"] == "jieba"
    ids = encode(tokenizer, TEXTS)["input_ids"]
    assert encode(loaded, TEXTS)["input_ids"] == ids
    assert not any(tokenizer.unk_token_id in row for row in ids)


def test_language_models_read_the_same_words():
    tokenizer = trained()
    tokenizer.add_special_tokens({"eos_token": "[EOS]"})
    texts = DatasetDict(train=Dataset.from_dict({"text": TEXTS}))
    rows = cut_blocks(texts, tokenizer, block_size=4, reads_backwards=False)["train"]["input_ids"][:]
    assert not any(tokenizer.unk_token_id in row for row in rows)


def test_odd_texts():
    odd = ["", "  \t\n", "😀😀", "plain English, don't", "\x00", "３．５分"]
    assert [text.split() for text in segment(odd, "jieba")] == [words_of(text) for text in odd]
    # a book without punctuation takes no longer than one with it
    (endless,) = segment(["很" * 200_000], "jieba")
    assert endless.count("很") == 200_000


def test_nothing_is_written_or_read(tmp_path, monkeypatch):
    """jieba itself would load a poisoned cache from the folder for temporary files."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "jieba.cache").write_bytes(b"not a dictionary")
    load_jieba.cache_clear()
    assert segment(["酒店"], "jieba") == ["酒店"]
    assert {path.name for path in tmp_path.iterdir()} == {"jieba.cache"}
    assert (tmp_path / "jieba.cache").read_bytes() == b"not a dictionary"


def test_without_jieba(monkeypatch):
    tokenizer = trained()
    monkeypatch.setitem(sys.modules, "jieba", None)
    load_jieba.cache_clear()
    for step in (trained, lambda: encode(tokenizer, TEXTS)):
        with pytest.raises(UserError, match=r"pip install 'hf-textclf\[chinese\]'"):
            step()


def test_an_unknown_segmenter():
    with pytest.raises(UserError, match="segmenter 'pkuseg' is unknown; choose one of jieba"):
        trained(segmenter="pkuseg")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model over jieba words, trained by the command."""
    output = tmp_path_factory.mktemp("run") / "model"
    tokens = ["--config", "demo_zh_lstm", "--segmenter", "jieba", "--num_train_epochs", "6", "--disable_tqdm", "true"]
    assert main(["train", *tokens, "--output_dir", str(output)]) == 0
    return output


def test_train_evaluate_and_predict_agree(folder, tmp_path):
    """All three find the same words: the figures after training, from the folder, and from one text at a time."""
    assert "segmenter: jieba" in (folder / "run_config.yaml").read_text()
    after_training = json.loads((folder / "eval_results.json").read_text())["metrics"]
    output = tmp_path / "evaluation"
    assert main(["evaluate", str(folder), "--split", "validation", "--output_dir", str(output)]) == 0
    assert json.loads((output / "eval_results.json").read_text())["metrics"] == after_training
    texts = ["国会否决银行救助方案", "主队在加时赛中获胜"]
    (tmp_path / "in.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
    assert main(["predict", str(folder), str(tmp_path / "in.txt"), "--output", str(tmp_path / "out.jsonl")]) == 0
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    predictions = Classifier(folder)(texts)
    assert [row["label"] for row in rows] == [prediction.label for prediction in predictions]
    stock = pipeline("text-classification", str(folder), top_k=None, truncation=True)(texts)
    for prediction, scores in zip(predictions, stock, strict=True):
        assert prediction.probabilities == pytest.approx({row["label"]: row["score"] for row in scores}, abs=1e-6)


def test_training_goes_on_with_the_same_words(folder, tmp_path):
    """A saved model is trained further without naming the segmenter, which is refused beside a tokenizer."""
    tokens = ["--model_name_or_path", str(folder), "--dataset", "samples/news_zh", "--label_column", "topic"]
    tokens += ["--max_steps", "1", "--disable_tqdm", "true"]
    (tmp_path / "plain.yaml").write_text("max_length: 64\n")
    tokens += ["--config", str(tmp_path / "plain.yaml")]
    assert main(["train", *tokens, "--segmenter", "jieba", "--output_dir", str(tmp_path / "refused")]) == 2
    assert not (tmp_path / "refused").exists()
    assert main(["train", *tokens, "--output_dir", str(tmp_path / "further")]) == 0
    first, further = (load_tokenizer(path) for path in (folder, tmp_path / "further"))
    assert encode(further, TEXTS) == encode(first, TEXTS)
