"""Train a stock fast tokenizer on the texts at hand.

Training twice on the same texts gives the same file, which the trainers of `tokenizers` alone do not promise. Their
hash maps number the `##` characters of WordPiece and the rarest characters of Unigram by chance (tokenizers#1794), so
both are settled here.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sized
from itertools import islice
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from ..errors import UserError
from .encoding import segment
from .loading import CUSTOM_INPUTS, set_truncation

# beside [PAD] and [UNK]: one word; every byte; what the trainer of Unigram needs to keep within bounds
SMALLEST_VOCAB = {"word": 3, "wordpiece": 3, "bpe": 258, "unigram": 8}
TOKENIZER_TYPES = tuple(SMALLEST_VOCAB)
PAD, UNK = "[PAD]", "[UNK]"
# a tokenizer learns from the head of a longer text: merging inside one endless "word" would take hours
LONGEST_TEXT = 100_000


def train_tokenizer(
    texts: Iterable[str],
    *,
    tokenizer_type: str,
    vocab_size: int,
    max_length: int,
    lowercase: bool = True,
    segmenter: str | None = None,
) -> PreTrainedTokenizerFast:
    """Train a tokenizer that `AutoTokenizer` loads without code of ours. It adds no special tokens to a text.

    texts: read twice for `wordpiece` and `unigram`; an iterator is kept in memory for that. tokenizer_type: `word`:
    the most frequent words, punctuation split off, the rest is [UNK]. `wordpiece`: pieces of words, as BERT has. In
    both a Chinese character stands alone, unless there is a segmenter. `bpe`: merged bytes (Radford et al. 2019),
    nothing is unknown. `unigram`: the likeliest pieces (Kudo 2018, "Subword Regularization"), among them Chinese words
    of several characters. vocab_size: at most, [PAD] (id 0) and [UNK] (id 1) included. max_length: number of tokens to
    which `encode` cuts a text, at its head until `set_truncation` says otherwise. segmenter: `jieba`: Chinese words
    are found first, now and whenever `encode` uses the tokenizer. Raises UserError: an unknown type, a vocabulary too
    small for it, texts without a single word (`bpe` needs none), or a segmenter that is unknown or not installed.
    """
    if tokenizer_type not in TOKENIZER_TYPES:
        raise UserError(f"tokenizer_type {tokenizer_type!r} is unknown; choose one of {', '.join(TOKENIZER_TYPES)}")
    if vocab_size < (smallest := SMALLEST_VOCAB[tokenizer_type]):
        raise UserError(f"vocab_size={vocab_size} is too small for {tokenizer_type!r}; set it to {smallest} or more")
    if segmenter is not None:
        texts = segment(texts, segmenter)
    elif isinstance(texts, Iterator):
        texts = list(texts)
    train = {"word": _train_word, "wordpiece": _train_wordpiece, "bpe": _train_bpe, "unigram": _train_unigram}
    normalizer = _normalizer(tokenizer_type, lowercase=lowercase, segmenter=segmenter)
    backend = train[tokenizer_type](texts, vocab_size, normalizer)
    backend.add_special_tokens([PAD, UNK])
    if backend.get_vocab_size() <= 2:
        raise UserError("the training texts hold no word to learn a tokenizer from; check the text column")
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token=PAD,
        unk_token=UNK,
        padding_side="right",
        model_input_names=list(CUSTOM_INPUTS),
    )
    set_truncation(tokenizer, truncation="head", max_length=max_length)
    if segmenter is not None:
        # saved with the tokenizer; `encode` heeds it
        tokenizer.init_kwargs["segmenter"] = segmenter
    return tokenizer


def _train_word(texts: Iterable[str], vocab_size: int, normalizer: normalizers.Normalizer) -> Tokenizer:
    backend = Tokenizer(models.WordLevel(unk_token=UNK))
    backend.normalizer, backend.pre_tokenizer = normalizer, pre_tokenizers.BertPreTokenizer()
    return _fit(backend, texts, trainers.WordLevelTrainer, vocab_size=vocab_size)


def _train_wordpiece(texts: Iterable[str], vocab_size: int, normalizer: normalizers.Normalizer) -> Tokenizer:
    # every character is numbered before the trainer sees it, so that its hash maps have nothing left to decide
    words = _train_word(texts, 2**40, normalizer).get_vocab()
    del words[PAD], words[UNK]
    ordered = sorted(words, key=words.__getitem__)  # most frequent first
    characters = dict.fromkeys(piece for word in ordered for piece in (word[0], *("##" + char for char in word[1:])))
    vocabulary = [PAD, UNK, *sorted(islice(characters, vocab_size - 2))]
    backend = Tokenizer(models.WordPiece(unk_token=UNK))
    backend.normalizer, backend.pre_tokenizer = normalizer, pre_tokenizers.BertPreTokenizer()
    if len(vocabulary) < vocab_size:
        options = {"vocab_size": vocab_size, "min_frequency": 2, "special_tokens": vocabulary}
        ids = _fit(backend, texts, trainers.WordPieceTrainer, **options).get_vocab()
        vocabulary = sorted(ids, key=ids.__getitem__)
    # built anew, because the trainer leaves every character behind as a special token
    trained = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(vocabulary)}, unk_token=UNK))
    trained.normalizer, trained.pre_tokenizer = backend.normalizer, backend.pre_tokenizer
    trained.decoder = decoders.WordPiece(prefix="##")
    return trained


def _train_bpe(texts: Iterable[str], vocab_size: int, normalizer: normalizers.Normalizer | None) -> Tokenizer:
    backend = Tokenizer(models.BPE())
    backend.normalizer = normalizer
    # the first word of a text is the same token as the same word further on
    backend.pre_tokenizer, backend.decoder = pre_tokenizers.ByteLevel(add_prefix_space=True), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    return _fit(backend, texts, trainers.BpeTrainer, vocab_size=vocab_size, min_frequency=2, initial_alphabet=alphabet)


def _train_unigram(texts: Iterable[str], vocab_size: int, normalizer: normalizers.Normalizer) -> Tokenizer:
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(normalizer.normalize_str(text[:LONGEST_TEXT]))
    # the trainer refuses a vocabulary that cannot hold every character; at least half is left for longer pieces
    by_count = sorted(counts.keys() - {" "}, key=lambda char: (-counts[char], char))
    if rare := str.maketrans(dict.fromkeys(by_count[vocab_size // 2 :], " ")):
        texts = (normalizer.normalize_str(text[:LONGEST_TEXT]).translate(rare) for text in texts)
    backend = Tokenizer(models.Unigram([(PAD, 0.0), (UNK, 0.0)], unk_id=1))
    backend.normalizer, backend.decoder = normalizer, decoders.Metaspace()
    backend.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation()])
    if by_count:
        _fit(backend, texts, trainers.UnigramTrainer, vocab_size=vocab_size, unk_token=UNK)
        backend.model = models.Unigram(_settle(backend), unk_id=1)
    return backend


def _settle(backend: Tokenizer) -> list[tuple[str, float]]:
    """Pieces and scores of a trained Unigram model, freed from what differs between two runs of its trainer: the last
    digits of the scores, and small steps, in the order of a hash map, between the characters too rare for a score."""
    pieces: dict[str, float] = dict(json.loads(backend.to_str())["model"]["vocab"])
    del pieces[PAD], pieces[UNK]
    lowest = min(pieces.values(), default=0.0)
    stepped = lowest + 1e-4 * sum(len(piece) == 1 for piece in pieces)
    for piece, score in pieces.items():
        pieces[piece] = round(lowest if len(piece) == 1 and score <= stepped else score, 6)
    return [(PAD, 0.0), (UNK, 0.0), *sorted(pieces.items(), key=lambda item: (-item[1], item[0]))]


def _normalizer(tokenizer_type: str, *, lowercase: bool, segmenter: str | None) -> Any:
    """One form for full and half width, and one blank for any white space; bytes stay what they are."""
    if tokenizer_type == "bpe":
        return normalizers.Lowercase() if lowercase else None
    # a Chinese character is a word unless words of several are found
    split = segmenter is None and tokenizer_type != "unigram"
    bert = normalizers.BertNormalizer(handle_chinese_chars=split, strip_accents=False, lowercase=lowercase)
    blanks = normalizers.Replace(Regex(" {2,}"), " ")
    return normalizers.Sequence([normalizers.NFKC(), bert, blanks, normalizers.Strip()])


def _fit(backend: Tokenizer, texts: Iterable[str], trainer: type[trainers.Trainer], **options: Any) -> Tokenizer:
    options = {"special_tokens": [PAD, UNK], "show_progress": sys.stderr.isatty()} | options
    length = len(texts) if isinstance(texts, Sized) else None
    backend.train_from_iterator((text[:LONGEST_TEXT] for text in texts), trainer(**options), length=length)
    return backend
