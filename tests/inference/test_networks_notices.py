"""What is said of texts that a model reads not at all, or in part."""

import pytest
from tokenizers.processors import BertProcessing

from hf_textclf import Classifier
from hf_textclf.cli.main import main
from hf_textclf.data import read_rows
from hf_textclf.inference.networks import cut_notices
from hf_textclf.tokenization import encode_whole, load_tokenizer, set_truncation, train_tokenizer

TEXTS = ["The hotel was dirty and the coffee cold.", "Good coffee, very good coffee. " * 9]


def notices_of(tokenizer, text):
    return cut_notices(tokenizer, [len(encode_whole(tokenizer, [text])["input_ids"][0])])[0]


def test_how_much_is_read():
    tokenizer = train_tokenizer(TEXTS, tokenizer_type="word", vocab_size=900, max_length=40)
    whole = len(tokenizer(TEXTS[1], verbose=False)["input_ids"])
    assert whole > 40 and notices_of(tokenizer, TEXTS[0]) == ()
    for truncation, kind, head, tail, sentence in (
        ("head", "cut_tail", 40, 0, f"the first 40 of {whole} tokens"),
        ("tail", "cut_head", 0, 40, f"the last 40 of {whole} tokens"),
        ("head_tail", "cut_middle", 10, 30, f"the first 10, last 30 of {whole} tokens"),
    ):
        set_truncation(tokenizer, truncation=truncation, max_length=40)
        [notice] = notices_of(tokenizer, TEXTS[1])
        assert vars(notice) == {"kind": kind, "head": head, "tail": tail, "length": whole} and sentence in str(notice)
    set_truncation(tokenizer, truncation="head", max_length=whole)
    assert notices_of(tokenizer, TEXTS[1]) == ()


def test_special_tokens_are_not_of_the_text():
    tokenizer = train_tokenizer(TEXTS, tokenizer_type="word", vocab_size=900, max_length=12)
    tokenizer.backend_tokenizer.post_processor = BertProcessing(("[PAD]", 0), ("[PAD]", 0))
    [notice] = notices_of(tokenizer, "good " * 20)
    assert (notice.kind, notice.head, notice.tail, notice.length) == ("cut_tail", 10, 0, 20)


@pytest.mark.parametrize("kind", ["single", "multi", "regression"])
def test_predictions_have_them(trained_models, kind):
    classifier, limit = Classifier(trained_models / kind), load_tokenizer(trained_models / kind).model_max_length
    texts = ["房间很好", "房间很好，" * limit, "Этот отель был ужасным и грязным", ""]
    kinds = [[notice.kind for notice in prediction.notices] for prediction in classifier(texts)]
    assert kinds == [[], ["cut_tail"], ["unknown_script"], []]
    assert [notice.kind for notice in next(classifier.stream(texts[1:])).notices] == ["cut_tail"]


def test_predicted_files_have_them(trained_models, tmp_path, caplog):
    limit = load_tokenizer(trained_models / "single").model_max_length
    texts = ["房间很好", "房间很好，" * limit, "Этот отель был ужасным и грязным"]
    (tmp_path / "in.txt").write_text("\n".join(texts), encoding="utf-8")
    command = ["predict", str(trained_models / "single"), str(tmp_path / "in.txt")]
    assert main([*command, str(tmp_path / "out.jsonl"), "--notices", "true"]) == 0
    none, cut, unknown = (row["notices"] for row in read_rows(tmp_path / "out.jsonl"))
    assert none == "" and f"the first {limit} of" in cut and "lacks the language" in unknown
    assert "of 3 texts 1 are longer than the model reads and were cut; 1 are in a language" in caplog.text
    (tmp_path / "in.txt").write_text(texts[0], encoding="utf-8")
    caplog.clear()
    assert main([*command, str(tmp_path / "out.csv")]) == 0
    assert not caplog.text and "notices" not in next(read_rows(tmp_path / "out.csv"))
