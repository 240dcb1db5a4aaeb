"""Text classifiers that any Hugging Face tool can open: an LSTM of our own beside BERT.

Importing this package makes the home-made models known to Transformers' Auto classes: at once where those are loaded,
else as soon as they are. Nothing else happens; the names below are imported when they are first used.
"""

import sys
import threading
from importlib import import_module
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .errors import UserError
    from .inference import Classifier, Prediction
    from .models.auto import register
    from .models.lstm import LSTMConfig, LSTMForCausalLM, LSTMForSequenceClassification, LSTMModel
    from .training.calls import evaluate, train

__version__ = "0.1.0"
__all__ = [
    "Classifier",
    "LSTMConfig",
    "LSTMForCausalLM",
    "LSTMForSequenceClassification",
    "LSTMModel",
    "Prediction",
    "UserError",
    "evaluate",
    "register",
    "train",
]
_MODULES = dict.fromkeys(__all__, "models.lstm") | {
    "Classifier": "inference",
    "Prediction": "inference",
    "UserError": "errors",
    "evaluate": "training.calls",
    "register": "models.auto",
    "train": "training.calls",
}
# all Auto classes, and `AutoConfig` alone, load the module that ends so
_AUTO = "transformers.models.auto"


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _RegisterWithAutoClasses:
    """A finder that lets the modules of Transformers be loaded as ever, and registers our models behind them.

    That is at the end of the outermost one, as they need one another while they are loaded. `wrapt.when_imported`
    costs five times as much as all else here, and knows only one module.
    """

    depth = threading.local()

    @classmethod
    def find_spec(cls, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Called by the import system for each module."""
        if not name.startswith("transformers."):
            return None
        others = [finder for finder in sys.meta_path if finder is not cls]
        spec = next((spec for finder in others if (spec := finder.find_spec(name, path, target))), None)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_and_register(module: Any) -> None:
                cls.depth.value = getattr(cls.depth, "value", 0) + 1
                try:
                    load(module)
                finally:
                    cls.depth.value -= 1
                if not cls.depth.value and cls in sys.meta_path and f"{_AUTO}.configuration_auto" in sys.modules:
                    _register()

            spec.loader.exec_module = load_and_register  # type: ignore[method-assign]
        return spec


def _register() -> None:
    from importlib.util import find_spec

    # once is enough, and what follows loads more of Transformers
    sys.meta_path.remove(_RegisterWithAutoClasses)
    # Transformers' tokenizers work without torch, and so must they with this package imported
    if find_spec("torch") is not None:
        import_module(f"{__name__}.models.auto").register()


sys.meta_path.insert(0, _RegisterWithAutoClasses)
# the finder comes first, so that no thread that loads them just now is missed
if f"{_AUTO}.configuration_auto" in sys.modules:
    _register()
