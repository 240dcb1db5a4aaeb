"""The models that the page serves: named before the start, loaded once, never chosen by what a visitor types."""

import copy
import os
import re
import threading
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from huggingface_hub import snapshot_download

from hf_textclf import Classifier, Prediction, UserError
from hf_textclf.saved_model.facts import Facts, read_facts
from hf_textclf.saved_model.layout import CARD

PINNED = re.compile(r"([\w.-]+/[\w.-]+)@([0-9a-f]{40})", re.ASCII)
# written by `hf-textclf space`; a model a line
LISTED = Path(__file__).with_name("models.txt")
# what `hf-textclf push` sends; no code and no pickle
WANTED = ["*.json", "*.safetensors", "*.txt", "*.yaml", "*.png", CARD]
# every model of this process; one that ZeroGPU forks from it finds its own by the number
SERVED: list["Served"] = []
Result = TypeVar("Result")


def lent_gpu(function: Callable[..., Result]) -> Callable[..., Result]:
    """On a ZeroGPU Space, let each call run in a process that a GPU is lent to; nothing anywhere else."""
    if not os.environ.get("SPACES_ZERO_GPU"):
        return function
    from spaces import GPU

    return GPU(function)


@lent_gpu
def _ask(number: int, function: Callable[..., Result], arguments: tuple[Any, ...], options: dict[str, Any]) -> Result:
    # not by `classifier`: in a forked process its lock would never be free
    return function(SERVED[number]._classifier, *arguments, **options)


@lent_gpu
def _ask_twin(
    number: int, function: Callable[..., Result], arguments: tuple[Any, ...], options: dict[str, Any]
) -> Result:
    return function(SERVED[number]._twin, *arguments, **options)


class Served:
    """A model of the page.

    Attributes:
        name: What the page calls it.
        source: The folder or the pinned Hub id it was named by.
        folder: Its files on this machine.
    """

    def __init__(self, name: str, source: str, folder: Path) -> None:
        self.name, self.source, self.folder = name, source, folder
        # a tokenizer serves one thread at a time, and a second copy of a model would help nobody on two cores
        self.turn = threading.RLock()
        self._classifier: Classifier | None = None
        self._twin: Classifier | None = None
        self._number = len(SERVED)
        SERVED.append(self)

    @property
    def classifier(self) -> Classifier:
        """The model; read from its folder by whoever asks first. Use it while you hold `turn`."""
        with self.turn:
            return self._load()

    def _load(self) -> Classifier:
        if self._classifier is None:
            self._classifier = Classifier(str(self.folder))
        return self._classifier

    def run(self, function: Callable[..., Result], *arguments: Any, **options: Any) -> Result:
        """What a function of a module makes of the classifier, its first argument; other visitors wait meanwhile."""
        with self.turn:
            self._load()
            return _ask(self._number, function, arguments, options)

    def run_aside(self, function: Callable[..., Result], *arguments: Any, **options: Any) -> Result:
        """As `run`, but other visitors are answered meanwhile: the function gets tokenizers of its own, and networks
        that it shares and must not change. For one caller at a time."""
        with self.turn:
            if self._twin is None:
                networks = [network.model for network in self._load().predictor.networks]
                # what stands in the memo counts as copied
                self._twin = copy.deepcopy(self._load(), {id(network): network for network in networks})
        return _ask_twin(self._number, function, arguments, options)

    def classify(self, texts: list[str]) -> tuple[list[Prediction], float]:
        """What the model says of each text, and the milliseconds that took."""
        with self.turn:
            self._load()
            start = time.perf_counter()
            return self.run(Classifier.__call__, texts), 1000 * (time.perf_counter() - start)

    @property
    def is_loaded(self) -> bool:
        """Whether somebody has asked it already."""
        return self._classifier is not None

    @cached_property
    def facts(self) -> Facts | None:
        """What the files of the folder say: metrics, size, the card; None where they say nothing."""
        try:
            return read_facts(self.folder, name=self.name)
        except UserError:  # a kind of model that has no card
            return None

    @property
    def label_names(self) -> list[str]:
        """In id order, without loading the model where its files tell."""
        return self.facts.label_names if self.facts else self.classifier.label_names

    @property
    def thresholds(self) -> dict[str, float]:
        """Of a multi-label model: from which probability on a label is predicted."""
        limits = self.classifier.thresholds
        return {} if limits is None else dict(zip(self.classifier.label_names, limits.tolist(), strict=True))


def named_models(arguments: list[str]) -> list[str]:
    """Those of the command line; else of the variable MODELS, separated by spaces; else of `models.txt`."""
    listed = LISTED.read_text(encoding="utf-8").splitlines() if LISTED.is_file() else []
    return arguments or os.environ.get("MODELS", "").split() or listed


def load(sources: list[str]) -> dict[str, Served]:
    """Find every model and load the first; the others are loaded when they are first used.

    sources: folders, and Hub models pinned as owner/name@COMMIT, which are fetched. Returns name -> model, in order.

    Raises:
        UserError: no model, or one that cannot be found.
    """
    if not sources:
        raise UserError(
            "no model given; run `hf-textclf page FOLDER [FOLDER ...]` or name them in the variable MODELS"
        )
    models: dict[str, Served] = {}
    for source in sources:
        name, folder = _find(source)
        # a second folder of the same name goes by its path
        name = source if name in models else name
        models[name] = Served(name, source, folder)
    # the first answer of a model takes longer than all others
    next(iter(models.values())).classify(["warm"])
    return models


def _find(source: str) -> tuple[str, Path]:
    """The name and the files of a model."""
    if pinned := PINNED.fullmatch(source):
        name, commit = pinned.groups()
        try:
            return name, Path(snapshot_download(name, revision=commit, allow_patterns=WANTED, ignore_patterns="*/*"))
        except (OSError, ValueError) as error:
            raise UserError(
                f"{source!r} cannot be fetched ({str(error).splitlines()[0]}); correct its name"
            ) from error
    folder = Path(source)
    if not folder.is_dir():
        raise UserError(f"{source!r} is neither a folder nor a Hub model pinned as owner/name@COMMIT; name one")
    if not list(folder.glob("*.json")):
        raise UserError(
            f"{source!r} holds no model, expected a folder that `hf-textclf train` wrote; correct its path"
        )
    return folder.resolve().name, folder
