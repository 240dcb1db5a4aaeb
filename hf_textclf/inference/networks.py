"""Neural networks with their tokenizers, from a saved folder or a Hub id: texts in, logits out."""

import inspect
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

from ..errors import UserError
from ..models.loading import calibration_of, load_classifier, longest_text, problem_type_of
from ..saved_model.check import find_file, read_group, report_changes
from ..saved_model.layout import CONFIG, DOCUMENT, DOCUMENT_WEIGHTS, ONE_VS_REST
from ..tokenization import PaddingCollator, check_agreement, encode, encode_whole, load_tokenizer
from ..tokenization.encoding import segmented, truncate
from ..tokenization.loading import head_and_tail, special_tokens_around
from ..tokenization.scripts import START, VocabularyScripts
from .chunks import network_outputs
from .long_texts import DocumentReader
from .predictor import Notice, Reading, take_texts

UNKNOWN_SCRIPT = (Notice("unknown_script"),)


def open_network(name_or_path: str, *, revision: str = "main", **options: Any) -> "Network":
    """Load a network, with the reader of long texts where its folder or Hub repository holds one."""
    description = find_file(name_or_path, DOCUMENT, revision)
    weights = find_file(name_or_path, DOCUMENT_WEIGHTS, revision) if description else None
    reader = DocumentReader.load(description, weights) if description else None
    return Network(name_or_path, reader=reader, revision=revision, **options)


def find_device(name: str | None) -> torch.device:
    """The device of that name; by default a GPU where there is one.
    Raises UserError: there is no such device.
    """
    try:
        device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        raise UserError(f"device={name!r} is not there, expected cpu, or cuda beside a GPU; correct it") from error
    return device


def cut_notices(tokenizer: PreTrainedTokenizerFast, lengths: list[int]) -> list[tuple[Notice, ...]]:
    """Notices on the texts that are longer than the model reads; lengths: in tokens, with special ones."""
    kept, around = head_and_tail(tokenizer), special_tokens_around(tokenizer)
    head, tail = (number - special for number, special in zip(kept, around, strict=True))
    kind = "cut_middle" if head and tail else "cut_tail" if head else "cut_head"
    return [(Notice(kind, head, tail, length - sum(around)),) if length > sum(kept) else () for length in lengths]


class Network:
    """An LSTM or any other sequence classifier of Transformers; a `Predictor`. reader: of long texts, which are cut
    without it; stock tools always cut them, and may answer otherwise. The rest and errors as in `Classifier`."""

    def __init__(
        self,
        name_or_path: str,
        *,
        reader: DocumentReader | None = None,
        revision: str = "main",
        trust_remote_code: bool = False,
        device: str | None = None,
    ) -> None:
        self.reader = reader
        self.document_strategy: str | None = reader.settings.document_strategy if reader else None
        options: dict[str, Any] = {"revision": revision, "trust_remote_code": trust_remote_code}
        self.device = find_device(device)
        self.model = load_classifier(name_or_path, **options).to(self.device)
        self.tokenizer = load_tokenizer(name_or_path, **options)
        check_agreement(self.tokenizer, self.model.config)
        self._check_inputs(name_or_path)
        if config := find_file(name_or_path, CONFIG, revision):
            report_changes(config.parent)
        # many published tokenizers know no limit where their model has one
        limit = longest_text(self.model.config) or self.tokenizer.model_max_length
        self.tokenizer.model_max_length = min(limit, self.tokenizer.model_max_length)
        if reader:
            reader.check_fits(self.model, self.tokenizer, name_or_path)
        self.collate = PaddingCollator(self.tokenizer)
        self.scripts = VocabularyScripts(self.tokenizer)
        self.problem_type = problem_type_of(self.model.config)
        self.label_names = [self.model.config.id2label[number] for number in range(self.model.config.num_labels)]
        self.thresholds: list[float] | None = calibration_of(self.model.config)["thresholds"]
        self.num_parameters = self.model.num_parameters()

    def _check_inputs(self, name_or_path: str) -> None:
        """Refuse a tokenizer that gives what the model does not take, or no mask, without which pads are read."""
        given, taken = self.tokenizer.model_input_names, inspect.signature(self.model.forward).parameters
        unknown = [name for name in given if name not in taken]
        if unknown or "attention_mask" in taken and "attention_mask" not in given:
            raise UserError(
                f"the tokenizer in {name_or_path!r} has the model_input_names {given}, expected attention_mask and "
                f"what {type(self.model).__name__} takes; correct them in tokenizer_config.json"
            )

    @property
    def network(self) -> "Network":
        """Itself."""
        return self

    @property
    def networks(self) -> "list[Network]":
        """Itself alone."""
        return [self]

    def logits(self, texts: Iterable[str], *, batch_size: int = 64) -> np.ndarray:
        """Return the model's raw outputs, (texts, labels). Texts of similar length share a batch."""
        texts = take_texts(texts, batch_size=batch_size)
        if self.reader:
            return self.reader.logits(self.model, self.tokenizer, texts, batch_size=batch_size)
        encoded = encode(self.tokenizer, texts)
        return network_outputs(self.model, self.tokenizer, encoded, batch_size=batch_size)[0].numpy()

    def read(self, texts: Iterable[str], *, batch_size: int = 64) -> Iterator[Reading]:
        """Yield the raw outputs, a reader's for one group of texts after the other, and notices of texts that were cut
        or whose script is unknown."""
        texts = take_texts(texts, batch_size=batch_size)
        if self.reader:
            for reading in self.reader.read(self.model, self.tokenizer, texts, batch_size=batch_size):
                words = segmented(self.tokenizer, [text[:START] for text in reading.texts])
                yield replace(reading, notices=[UNKNOWN_SCRIPT if self.scripts.lack(text) else () for text in words])
        elif texts:
            # once for tokens and notices
            words = segmented(self.tokenizer, texts)
            whole = encode_whole(self.tokenizer, words, is_segmented=True)
            encoded = dict(whole)
            notices = cut_notices(self.tokenizer, truncate(self.tokenizer, encoded))
            for number, text in enumerate(words):
                if self.scripts.lack(text, whole.encodings[number]):
                    notices[number] = UNKNOWN_SCRIPT
            logits, _ = network_outputs(self.model, self.tokenizer, encoded, batch_size=batch_size)
            yield Reading(texts, logits.numpy(), notices)


class OneVsRest:
    """The networks of a folder that `train --one_vs_rest true` wrote, each saying whether a text has its label; used
    as one `Predictor`. Arguments as in `Classifier`.
    Raises UserError: the description is broken, or a network cannot be read or belongs to another label.
    """

    document_strategy: str | None = None
    network = None
    # each network was asked one question: its even odds are the threshold
    thresholds: list[float] | None = None

    def __init__(self, folder: str, *, device: str | None = None, **options: Any) -> None:
        self.problem_type, self.label_names = read_group(Path(folder) / ONE_VS_REST)
        report_changes(Path(folder))
        self.networks = []
        for number, name in enumerate(self.label_names):
            network, expected = open_network(f"{folder}/{number}", device=device), [f"not {name}", name]
            if network.label_names != expected:
                raise UserError(
                    f"{folder}/{number} has the labels {network.label_names}, expected {expected}; "
                    "copy or train the group again"
                )
            self.networks.append(network)
        self.num_parameters = sum(network.num_parameters for network in self.networks)

    def logits(self, texts: Iterable[str], *, batch_size: int = 64) -> np.ndarray:
        """Return (texts, labels): for multi-label data the log-odds of each label, whose sigmoid is what its network
        says; else the logarithm of that probability, whose softmax shares out 1 among the labels in proportion."""
        texts = take_texts(texts, batch_size=batch_size)
        return self._joined([network.logits(texts, batch_size=batch_size) for network in self.networks])

    def read(self, texts: Iterable[str], *, batch_size: int = 64) -> Iterator[Reading]:
        """Yield the logits of all texts, and the notices of the first network, which are those of all."""
        texts, (first, *others) = take_texts(texts, batch_size=batch_size), self.networks
        readings = list(first.read(texts, batch_size=batch_size))
        if readings:
            logits = [np.concatenate([reading.logits for reading in readings])]
            logits += [network.logits(texts, batch_size=batch_size) for network in others]
            notices = [notices for reading in readings for notices in reading.notices]
            yield Reading(texts, self._joined(logits), notices)

    def _joined(self, logits: list[np.ndarray]) -> np.ndarray:
        """logits: of each network, (texts, 2)."""
        log_odds = np.stack([each[:, 1] - each[:, 0] for each in logits], axis=1)
        return log_odds if self.problem_type == "multi_label_classification" else -np.logaddexp(0, -log_odds)
