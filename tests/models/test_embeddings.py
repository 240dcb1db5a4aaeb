"""Embeddings from text files and checkpoints, against numpy."""

import gzip
import re

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertForSequenceClassification, BertModel

from hf_textclf.errors import UserError
from hf_textclf.models.embeddings import Coverage, _fit_width, load_embeddings
from hf_textclf.models.lstm import LSTMConfig, LSTMForSequenceClassification, LSTMModel
from hf_textclf.tokenization import TOKENIZER_TYPES
from tests.tokenization.test_training import SIZES, trained

SPREAD = 0.3


def build(tokenizer, width, kind=LSTMModel):
    config = LSTMConfig(vocab_size=len(tokenizer) + 3, embedding_size=width, hidden_size=3, initializer_range=SPREAD)
    return kind(config)


def table(model):
    return model.get_input_embeddings().weight


def write(path, vectors, *, header=False):
    lines = [f"{word} {' '.join(str(number) for number in vector)}" for word, vector in vectors.items()]
    if header:
        lines.insert(0, f"{len(vectors)} {len(next(iter(vectors.values())))}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    return str(path)


@pytest.fixture
def checkpoint(tmp_path):
    """A BERT of width 12 and its tokenizer, a vocabulary of its own."""
    tokenizer = trained("wordpiece")
    sizes = {"hidden_size": 12, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 5}
    model = BertForSequenceClassification(BertConfig(vocab_size=len(tokenizer), **sizes))
    for part in (model, tokenizer):
        part.save_pretrained(tmp_path / "bert")
    return tmp_path / "bert", tokenizer, model.bert.embeddings.word_embeddings.weight.detach()


@pytest.mark.parametrize("kind", [LSTMModel, LSTMForSequenceClassification])
@pytest.mark.parametrize("header", [False, True])
@pytest.mark.parametrize("zipped", [False, True])
def test_a_text_file_is_copied(tmp_path, kind, header, zipped):
    tokenizer = trained("word")
    vectors = {"film": [1.0, 2.0, 3.5], "unheard": [9.0, 9.0, 9.0], "店": [0.0, -1.0, 1e-3], ",": [4.0, 5.0, 6.0]}
    source = write(tmp_path / "vectors.txt", vectors, header=header)
    if zipped:
        packed = tmp_path / "vectors.gz"
        packed.write_bytes(gzip.compress((tmp_path / "vectors.txt").read_bytes()))
        source = str(packed)
    model = build(tokenizer, 3, kind)
    before = table(model).detach().clone()
    coverage = load_embeddings(model, tokenizer, source)
    assert coverage == Coverage(found=3, vocab_size=len(tokenizer), source_size=3, embedding_size=3)
    ids = tokenizer.convert_tokens_to_ids(["film", "店", ","])
    assert torch.equal(table(model)[ids], torch.tensor([vectors["film"], vectors["店"], vectors[","]]))
    others = [i for i in range(len(before)) if i not in ids]
    assert torch.equal(table(model)[others], before[others])
    assert not table(model)[0].any()
    assert table(model).requires_grad


def test_exact_case_goes_before_lower_case(tmp_path):
    tokenizer = trained("word", lowercase=False)
    source = write(tmp_path / "v.txt", {"good": [1, 1], "Good": [2, 2], "the": [3, 3]})
    model = build(tokenizer, 2)
    load_embeddings(model, tokenizer, source)
    values = table(model)[tokenizer.convert_tokens_to_ids(["good", "Good", "The", "the"])]
    assert values[:, 0].tolist() == [1, 2, 3, 3]


@pytest.mark.parametrize("tokenizer_type", TOKENIZER_TYPES)
def test_words_are_found_through_every_marker(tmp_path, tokenizer_type):
    tokenizer = trained(tokenizer_type, vocab_size=SIZES[tokenizer_type] + 40)
    token = {"bpe": "Ġa", "unigram": "▁a"}.get(tokenizer_type, "a")
    # the inside of a word is no word, even where a file has one that is spelt like it
    inside = {"wordpiece": "##e", "bpe": "e", "unigram": "e"}.get(tokenizer_type)
    model = build(tokenizer, 2)
    before = table(model).detach().clone()
    load_embeddings(model, tokenizer, write(tmp_path / "v.txt", {"a": [1, 2], "e": [5, 5], ".": [3, 4]}))
    vocabulary = tokenizer.get_vocab()
    assert table(model)[vocabulary[token]].tolist() == [1, 2]
    assert table(model)[vocabulary["."]].tolist() == [3, 4]
    if inside:
        assert torch.equal(table(model)[vocabulary[inside]], before[vocabulary[inside]])


def test_words_with_blanks_and_trailing_blanks(tmp_path):
    path = tmp_path / "v.txt"
    path.write_bytes(b"film 1 2 \r\n. . . 3 4\n\xff\xfe 5 6\ngood 7 8\n")
    tokenizer = trained("word")
    model = build(tokenizer, 2)
    assert load_embeddings(model, tokenizer, str(path)).found == 2
    assert table(model)[tokenizer.get_vocab()["good"]].tolist() == [7, 8]


def test_coverage_of_the_running_tokens(tmp_path):
    tokenizer = trained("word")
    film, good, bad = tokenizer.convert_tokens_to_ids(["film", "good", "dull"])
    source = write(tmp_path / "v.txt", {"film": [1, 2], "good": [3, 4]})
    counts = {film: 5, good: 10, bad: 3, 1: 2, 0: 1000}
    coverage = load_embeddings(build(tokenizer, 5), tokenizer, source, counts=counts)
    assert coverage.running_share == 15 / 20
    line = f"embeddings found for 2 of {len(tokenizer)} tokens, 75.0% of the running tokens; width 2 → 5"
    assert str(coverage) == line


def test_narrow_vectors_are_completed_with_zeros(tmp_path):
    tokenizer = trained("word")
    model = build(tokenizer, 4)
    load_embeddings(model, tokenizer, write(tmp_path / "v.txt", {"film": [1, 2], "good": [3, 4]}))
    assert table(model)[tokenizer.get_vocab()["film"]].tolist() == [1, 2, 0, 0]


def test_projection_is_that_of_numpy():
    rng = np.random.default_rng(0)
    # a large common mean and unequal directions, as word vectors have
    vectors = rng.normal(size=(50, 9)) * np.arange(1, 10) + 20
    left, values, _ = np.linalg.svd(vectors - vectors.mean(0), full_matrices=False)
    expected = left[:, :4] * values[:4]
    ours = _fit_width(torch.tensor(vectors), 4, SPREAD).numpy()
    scale = SPREAD / expected.std(ddof=1)
    # dot products leave out the sign of each direction, which is free
    np.testing.assert_allclose(ours @ ours.T, expected @ expected.T * scale**2, atol=1e-9)
    assert ours.std(ddof=1) == pytest.approx(SPREAD)
    assert abs(ours.mean()) < 1e-9


def test_projection_keeps_dot_products_of_a_low_rank():
    generator = torch.Generator().manual_seed(0)
    flat = torch.randn(40, 3, generator=generator) @ torch.randn(3, 11, generator=generator)
    ours = _fit_width(flat, 3, SPREAD)
    centred = (flat - flat.mean(0)).double()
    ratio = (ours @ ours.T) / (centred @ centred.T)
    assert ratio.std() < 1e-4 * ratio.mean()


def test_one_vector_or_equal_ones_project_to_zero():
    for vectors in (torch.ones(1, 5), torch.ones(4, 5)):
        assert not _fit_width(vectors, 2, SPREAD).any()


def test_an_identical_vocabulary_is_copied_whole(checkpoint):
    folder, tokenizer, matrix = checkpoint
    model = build(tokenizer, 12, LSTMForSequenceClassification)
    coverage = load_embeddings(model, tokenizer, str(folder))
    assert coverage.found == len(tokenizer) - 1
    assert torch.equal(table(model)[1 : len(tokenizer)], matrix[1:])
    assert not table(model)[0].any()


def test_a_checkpoint_is_matched_by_what_tokens_stand_for(checkpoint):
    folder, other, matrix = checkpoint
    theirs = other.get_vocab()
    for tokenizer_type, forms in {
        "word": {"film": "film", "店": "店", "[UNK]": "[UNK]"},
        "unigram": {"▁a": "a", "e": "##e"},
        "bpe": {"Ġa": "a", "e": "##e", ".": "."},
    }.items():
        tokenizer = trained(tokenizer_type, vocab_size=SIZES[tokenizer_type] + 40)
        model = build(tokenizer, 12)
        load_embeddings(model, tokenizer, str(folder))
        for ours, form in forms.items():
            assert torch.equal(table(model)[tokenizer.get_vocab()[ours]], matrix[theirs[form]]), (tokenizer_type, ours)


def test_a_wide_checkpoint_is_projected(checkpoint):
    folder, tokenizer, matrix = checkpoint
    model = build(tokenizer, 5)
    coverage = load_embeddings(model, tokenizer, str(folder))
    assert (coverage.source_size, coverage.embedding_size) == (12, 5)
    assert torch.allclose(table(model)[1 : len(tokenizer)], _fit_width(matrix[1:], 5, SPREAD).float(), atol=1e-6)


def test_sharded_and_headless_checkpoints_and_our_own(checkpoint, tmp_path):
    folder, tokenizer, matrix = checkpoint
    body = BertModel.from_pretrained(folder)
    body.save_pretrained(tmp_path / "shards", max_shard_size="3KB")
    assert not (tmp_path / "shards" / "model.safetensors").exists()
    ours = build(tokenizer, 12, LSTMForSequenceClassification)
    load_embeddings(ours, tokenizer, str(folder))
    ours.save_pretrained(tmp_path / "lstm")
    for name in ("shards", "lstm"):
        tokenizer.save_pretrained(tmp_path / name)
        model = build(tokenizer, 12)
        load_embeddings(model, tokenizer, str(tmp_path / name))
        assert torch.equal(table(model)[1 : len(tokenizer)], matrix[1:])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "line 1 is"),
        ("text,label\nfilm,1\n", "expected a word and its numbers"),
        ("The film was good.\n", "line 1: the vector of 'The' holds something that is not a number"),
        ("film 1 2 3\ngood 1 2\n", "line 2 has 2 numbers, expected 3"),
        ("film 1 2 3\ngood 1 2 3 4\n", "line 2 has 4 numbers, expected 3"),
        ("2 3\nfilm 1 2 3\ngood 1 2\n", "line 3 has 2 numbers, expected 3"),
        ("film 1 2 3\ngood 1 x 3\n", "line 2: the vector of 'good'"),
        ("film 1 2 3\ngood 1 nan 3\n", "line 2: the vector of 'good'"),
        ("unheard 1 2 3\n", "has a vector for none of the"),
    ],
)
def test_wrong_files_are_refused(tmp_path, content, words):
    path = tmp_path / "v.txt"
    path.write_text(content)
    tokenizer = trained("word")
    model = build(tokenizer, 3)
    before = table(model).detach().clone()
    with pytest.raises(UserError, match=re.escape(words)) as caught:
        load_embeddings(model, tokenizer, str(path))
    assert "\n" not in str(caught.value)
    assert torch.equal(table(model), before)


def test_wrong_sources_are_refused(checkpoint, tmp_path):
    folder, tokenizer, _ = checkpoint
    model = build(tokenizer, 3)

    def refuses(source, words):
        with pytest.raises(UserError, match=words) as caught:
            load_embeddings(model, tokenizer, str(source))
        assert "\n" not in str(caught.value)

    refuses(tmp_path / "missing.txt", "neither a file nor a checkpoint.*no such folder")
    cut = tmp_path / "cut.gz"
    cut.write_bytes(gzip.compress(b"film 1 2 3\n" * 1000)[:-20])
    refuses(cut, "fetch the file again")
    weights = folder / "model.safetensors"
    tensors = load_file(weights)
    del tensors["bert.embeddings.word_embeddings.weight"]
    save_file(tensors, weights)
    refuses(folder, "no tensor 'embeddings.word_embeddings.weight'")
    weights.write_bytes(weights.read_bytes()[:100])
    refuses(folder, "half-written")
    weights.rename(folder / "pytorch_model.bin")
    refuses(folder, "no model.safetensors, the only kind of weights")
    (folder / "config.json").unlink()
    refuses(folder, "cannot read the checkpoint")


def test_a_model_too_small_is_refused(tmp_path):
    tokenizer = trained("word")
    source = write(tmp_path / "v.txt", {token: [1, 2] for token in tokenizer.get_vocab()})
    small = LSTMModel(LSTMConfig(vocab_size=9, embedding_size=2, hidden_size=3))
    with pytest.raises(UserError, match="vocab_size=9"):
        load_embeddings(small, tokenizer, source)
