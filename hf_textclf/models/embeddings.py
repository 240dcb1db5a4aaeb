"""Start an LSTM's embeddings from vectors trained elsewhere: a text file of word vectors, or those of a checkpoint.

Pieces are matched by what they stand for, not by how a tokenizer writes them: `▁good` (unigram), `Ġgood` (bpe) and
`good` (word) are one word, `##ing` is the inside of one, which no text file holds. Chinese characters and punctuation
are words wherever they stand.
"""

import gzip
import json
import math
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from tokenizers import decoders, models
from torch import Tensor
from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast
from transformers.utils import cached_file

from ..errors import UserError
from ..saved_model.layout import WEIGHTS, WEIGHTS_INDEX
from ..tokenization import load_tokenizer
from .lstm import LSTMForCausalLM, LSTMForSequenceClassification, LSTMModel

# a letter or digit outside the Chinese ideographs: without a word-start marker it stands inside a word
INSIDE_WORD = re.compile(r"[^\W\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


@dataclass(frozen=True)
class Coverage:
    """How much of a vocabulary got a vector. The row of padding stays zero and never counts as found."""

    found: int
    vocab_size: int
    source_size: int
    embedding_size: int
    running_share: float | None = None

    def __str__(self) -> str:
        running = "" if self.running_share is None else f", {self.running_share:.1%} of the running tokens"
        width = " → ".join(map(str, dict.fromkeys((self.source_size, self.embedding_size))))
        return f"embeddings found for {self.found:,} of {self.vocab_size:,} tokens{running}; width {width}"


def tokenizer_of(source: str | None) -> str | None:
    """The checkpoint whose own tokenizer fits its embeddings best; a file of word vectors has none."""
    return source if source and not Path(source).is_file() else None


@torch.no_grad()
def load_embeddings(
    model: LSTMModel | LSTMForCausalLM | LSTMForSequenceClassification,
    tokenizer: PreTrainedTokenizerFast,
    source: str,
    *,
    counts: Mapping[int, int] | None = None,
) -> Coverage:
    """Write pretrained vectors into the embedding matrix of a constructed model, in place.

    A token is looked up as it is, then lower-cased. Rows not found keep their random start, the row of padding stays
    zero. Vectors of the width of `config.embedding_size` are copied, narrower ones completed with zeros, which are
    trained like the rest. Wider ones are centred, projected on their first principal components and scaled to a
    standard deviation of `config.initializer_range`, that of the rows not found. Centred, because most pretrained
    vectors share a large mean, which tells no two words apart (Mu & Viswanath 2018, "All-but-the-Top").

    Args:
        source: A GloVe, word2vec or fastText *text* file, with or without a header, .gz or not; or a checkpoint,
            folder or Hub id, with safetensors weights, of which only the input embeddings are read.
        counts: Occurrences of each token id in the training texts, for `Coverage.running_share`.
    Raises UserError: a source that cannot be read, or that knows none of the tokens.
    """
    vectors = (from_text_file if Path(source).is_file() else from_checkpoint)(source, tokenizer)
    vectors.pop(tokenizer.pad_token_id, None)
    weight = model.get_input_embeddings().weight  # (vocab_size, embedding_size)
    if not vectors:
        raise UserError(
            f"{source!r} has a vector for none of the {len(tokenizer)} tokens; "
            "expected vectors of the same language, choose another source"
        )
    ids = torch.tensor(sorted(vectors))
    if ids[-1] >= len(weight):
        raise UserError(
            f"the tokenizer has an id {ids[-1]}, the model vocab_size={len(weight)}; build it for this tokenizer"
        )
    rows = torch.stack([vectors[int(i)] for i in ids])  # (rows, source width)
    weight[ids.to(weight.device)] = _fit_width(rows, weight.shape[1], model.config.initializer_range).to(weight)
    running = {token_id: count for token_id, count in (counts or {}).items() if token_id != tokenizer.pad_token_id}
    total, known = sum(running.values()), sum(running.get(token_id, 0) for token_id in vectors)
    return Coverage(len(ids), len(tokenizer), rows.shape[1], weight.shape[1], known / total if total else None)


def _fit_width(vectors: Tensor, width: int, spread: float) -> Tensor:
    """vectors: (rows, source width). Returns (rows, width): as they are, completed with zeros, or projected."""
    missing = width - vectors.shape[1]
    if missing >= 0:
        return torch.nn.functional.pad(vectors, (0, missing))
    centred = vectors.double() - vectors.double().mean(0)
    # the right singular vectors of the centred matrix, without its tall left factor
    directions = torch.linalg.eigh(centred.T @ centred).eigenvectors.flip(1)[:, :width]
    # a singular vector may point either way: the largest component decides, so that every machine agrees
    signs = directions.gather(0, directions.abs().argmax(0, keepdim=True)).sign()
    projected = centred @ (directions * signs)
    deviation = projected.std()
    # a single vector has no spread to scale
    return projected * (spread / deviation) if deviation > 0 else projected


def _pieces(tokenizer: PreTrainedTokenizerFast) -> dict[int, tuple[str, str]]:
    """What each id stands for: a text, and whether it is a `word` (or its start), the `inside` of one, or `special`.
    Ids whose bytes are no text by themselves are left out."""
    vocabulary, backend = tokenizer.get_vocab(), tokenizer.backend_tokenizer
    if isinstance(backend.model, models.WordPiece):
        marker = "##"
    elif isinstance(backend.decoder, decoders.ByteLevel):
        marker = "Ġ"
    else:
        marker = "▁" if any(token.startswith("▁") for token in vocabulary) else ""
    roles = {token: role for role, token in tokenizer.special_tokens_map.items() if isinstance(token, str)}
    pieces = {}
    for token, token_id in vocabulary.items():
        if token in roles:
            pieces[token_id] = roles[token], "special"
            continue
        marked, text = bool(marker) and token.startswith(marker), token
        if marker == "Ġ":
            text = backend.decoder.decode([token])
            if "\ufffd" in text:
                continue
        text = text.removeprefix(" " if marker == "Ġ" else marker)
        inside = marked if marker == "##" else bool(marker and not marked and INSIDE_WORD.search(text))
        if text:
            pieces[token_id] = text, "inside" if inside else "word"
    return pieces


def from_checkpoint(source: str, tokenizer: PreTrainedTokenizerFast) -> dict[int, Tensor]:
    """The input embeddings of a checkpoint, folder or Hub id, by the token ids of `tokenizer`, (width,) each.
    Raises UserError: no checkpoint, no tokenizer or no safetensors weights there.
    """
    try:
        other = load_tokenizer(source)
    except UserError as error:
        raise UserError(f"embeddings are neither a file nor a checkpoint: {error}") from error
    matrix = _input_embeddings(source)
    vocabulary = tokenizer.get_vocab()
    if other.get_vocab() == vocabulary:
        return {token_id: matrix[token_id].float() for token_id in vocabulary.values() if token_id < len(matrix)}
    # reversed, so that of two tokens that stand for the same the lower id counts, the more frequent one
    known = {piece: row for row, piece in sorted(_pieces(other).items(), reverse=True) if row < len(matrix)}
    rows = {
        token_id: known.get((text, kind), known.get((text.lower(), kind)))
        for token_id, (text, kind) in _pieces(tokenizer).items()
    }
    return {token_id: matrix[row].float() for token_id, row in rows.items() if row is not None}


def _input_embeddings(source: str) -> Tensor:
    """The input embeddings of a checkpoint, (vocab_size, width), without reading its other weights."""
    try:
        config = AutoConfig.from_pretrained(source, trust_remote_code=False)
        with torch.device("meta"):
            skeleton = AutoModel.from_config(config, trust_remote_code=False)
        index, file = (
            cached_file(source, name, _raise_exceptions_for_missing_entries=False) for name in (WEIGHTS_INDEX, WEIGHTS)
        )
        shards = set(json.loads(Path(index).read_text())["weight_map"].values()) if index else set()
        files = [cached_file(source, shard) for shard in sorted(shards)] or [file]
    except (OSError, ValueError, KeyError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(
            f"cannot read the checkpoint {source!r}: {reason}; name a folder with config.json or a Hub id while online"
        ) from error
    table = skeleton.get_input_embeddings().weight
    name = next(name for name, parameter in skeleton.named_parameters() if parameter is table)
    if files == [None]:
        raise UserError(
            f"{source!r} has no model.safetensors, the only kind of weights that is read; save it again as safetensors"
        )
    for path in files:
        try:
            with safe_open(path, framework="pt") as weights:
                # a checkpoint with a head has the name of its body in front
                for key in weights.keys():  # noqa: SIM118
                    if key == name or key.endswith("." + name):
                        return weights.get_tensor(key)
        except SafetensorError as error:
            raise UserError(f"{path} is broken or half-written ({error}); fetch it again") from error
    raise UserError(f"{source!r} has no tensor {name!r}, its input embeddings; choose another checkpoint")


def from_text_file(path: str, tokenizer: PreTrainedTokenizerFast) -> dict[int, Tensor]:
    """The vectors of a GloVe, word2vec or fastText text file by the token ids of `tokenizer`, (width,) each.
    Raises UserError: not such a file, or a line that is not a word and its numbers.
    """
    words = {token_id: text for token_id, (text, kind) in _pieces(tokenizer).items() if kind == "word"}
    wanted = {form.encode() for word in words.values() for form in (word, word.lower())}
    table: dict[bytes, Tensor] = {}
    try:
        for word, numbers in _vector_lines(Path(path), wanted):
            table.setdefault(word, torch.tensor(numbers))
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"cannot read {path}: {error}; fetch the file again") from error
    forms = {token_id: (word.encode(), word.lower().encode()) for token_id, word in words.items()}
    return {
        token_id: table[form if form in table else lower]
        for token_id, (form, lower) in forms.items()
        if form in table or lower in table
    }


def _vector_lines(path: Path, wanted: set[bytes]) -> Iterator[tuple[bytes, list[float]]]:
    """The wanted words of a file and their numbers. The form of every line is checked, the numbers of these only."""
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    # bytes: files in use hold a few words that are not UTF-8
    with gzip.open(path) if zipped else path.open("rb") as file:
        fields = file.readline().rstrip().split(b" ")
        header = len(fields) == 2 and all(field.isdigit() for field in fields)
        width = int(fields[1]) if header else len(fields) - 1
        if width < 2:
            raise UserError(
                f"{path} line 1 is {fields[0][:40]!r}, expected a word and its numbers, parted by blanks; "
                "name a text file of GloVe, word2vec or fastText vectors"
            )
        first = 1 + header
        if not header:
            file.seek(0)
        for number, line in enumerate(file, first):
            line = line.rstrip(b" \r\n")
            # some words of GloVe 840B hold blanks themselves
            word, *texts = line.rsplit(b" ", width) if line.count(b" ") != width else line.split(b" ")
            if len(texts) < width or _numbers(word.split(b" ")[1:]):
                raise UserError(
                    f"{path} line {number} has {line.count(b' ')} numbers, expected {width} as in line {first}; "
                    "fetch the file again or name a text file of word vectors"
                )
            if word in wanted or number == first:
                if (numbers := _numbers(texts)) is None:
                    raise UserError(
                        f"{path} line {number}: the vector of {word.decode(errors='replace')[:40]!r} holds something "
                        "that is not a number; fetch the file again or name a text file of word vectors"
                    )
                yield word, numbers


def _numbers(texts: list[bytes]) -> list[float] | None:
    try:
        numbers = [float(text) for text in texts]
    except ValueError:
        return None
    return numbers if all(map(math.isfinite, numbers)) else None
