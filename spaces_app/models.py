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
from hf_textclf.saved_model.facts import Facts
from hf_textclf.saved_model.layout import CARD

PINNED = re.compile(r"([\w.-]+/[\w.-]+)@([0-9a-f]{40})", re.ASCII)
# written by `hf-textclf space`; a model a line
LISTED = Path(__file__).with_name("models.txt")
# what `hf-textclf push` sends; no code and no pickle
WANTED = ["*.json", "*.safetensors", "*.txt", "*.yaml", "*.png", CARD]
# every model of this process; one that ZeroGPU forks from it finds its own by the number
SERVED: list["Served"] = []
Result = TypeVar("Result")


def _ask(number: int, which: str, function: Callable[..., Result], arguments: Any, options: dict[str, Any]) -> Result:
    # not by `classifier`: in a forked process its lock would never be free
    return function(getattr(SERVED[number], which), *arguments, **options)


# on a ZeroGPU Space each call runs in a process that a GPU is lent to
LENT = bool(os.environ.get("SPACES_ZERO_GPU"))
if LENT:
    from spaces import GPU

    _ask = GPU(_ask)


class Served:
    """A model of the page; folder: its files on this machine."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
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
            if self._classifier is None:
                self._classifier = Classifier(str(self.folder))
            return self._classifier

    def classify(self, texts: list[str]) -> tuple[list[Prediction], float]:
        """What the model says of each text, and the milliseconds that took; other visitors wait meanwhile."""
        with self.turn:
            _ = self.classifier  # loaded before the clock starts
            start = time.perf_counter()
            predictions = _ask(self._number, "_classifier", Classifier.__call__, [texts], {})
            return predictions, 1000 * (time.perf_counter() - start)

    def run_aside(self, function: Callable[..., Result], *arguments: Any, **options: Any) -> Result:
        """What a function makes of the classifier, its first argument, while other visitors are answered.

        It gets tokenizers of its own, and networks that it shares and must not change. For one caller at a time.
        """
        self.make_twin()
        return _ask(self._number, "_twin", function, arguments, options)

    def make_twin(self) -> None:
        """Load the model and copy all but its networks, for `run_aside`."""
        with self.turn:
            if self._twin is None:
                # what stands in the memo counts as copied
                networks = {id(network.model): network.model for network in self.classifier.predictor.networks}
                self._twin = copy.deepcopy(self.classifier, networks)

    @property
    def is_loaded(self) -> bool:
        """Whether somebody has asked it already."""
        return self._classifier is not None

    @cached_property
    def facts(self) -> Facts | None:
        """What the files of the folder say: metrics, size, the card; None where they say nothing."""
        try:
            return Facts(self.folder, name=self.name)
        except UserError:  # a kind of model that has no card
            return None

    @property
    def label_names(self) -> list[str]:
        """In id order, without loading the model where its files tell."""
        return self.facts.label_names if self.facts else self.classifier.label_names


def named_models(arguments: list[str]) -> list[str]:
    """Those of the command line; else of the variable MODELS, separated by spaces; else of `models.txt`."""
    listed = LISTED.read_text(encoding="utf-8").splitlines() if LISTED.is_file() else []
    return arguments or os.environ.get("MODELS", "").split() or listed


def load(sources: list[str]) -> dict[str, Served]:
    """Find every model and load the first; the others are loaded when they are first used, on ZeroGPU at once.

    sources: folders, and Hub models pinned as owner/name@COMMIT, which are fetched. Returns name -> model, in order.
    Raises UserError: no model, or one that cannot be found.
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
        models[name] = Served(name, folder)
    if LENT:
        # a process with a GPU is forked at the first call, not before the page is open, and knows no later models
        for model in models.values():
            model.make_twin()
    else:
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
            problem = str(error).splitlines()[0]
            raise UserError(f"{source!r} cannot be fetched ({problem}); correct its name") from error
    folder = Path(source)
    if not folder.is_dir():
        raise UserError(f"{source!r} is neither a folder nor a Hub model pinned as owner/name@COMMIT; name one")
    if not list(folder.glob("*.json")):
        raise UserError(f"{source!r} holds no model, expected a folder of `hf-textclf train`; correct its path")
    return folder.resolve().name, folder
