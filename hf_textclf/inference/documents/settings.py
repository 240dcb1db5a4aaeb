"""How long texts are read: keys of `train`, and what stands in `document.json` of a saved folder."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from ...errors import UserError

Strategy = Literal["windows", "sentences", "key_sentences"]
Weights = Literal["uniform", "tfidf", "attention"]
# which strategies a key belongs to; elsewhere it would be ignored without a word
_BELONGS_TO: dict[str, tuple[Strategy, ...]] = {
    "sentence_weights": ("windows", "sentences"),
    "stride": ("windows",),
    "num_sentences": ("key_sentences",),
}


@dataclass(frozen=True)
class DocumentSettings:
    """How a long text is read; the help texts of `train` describe the fields.

    Raises:
        UserError: a value that is unknown or out of range.
    """

    document_strategy: Strategy
    sentence_weights: Weights = "uniform"
    stride: int = 0
    num_sentences: int = 10

    def __post_init__(self) -> None:
        for name, known in (("document_strategy", get_args(Strategy)), ("sentence_weights", get_args(Weights))):
            if getattr(self, name) not in known:
                raise UserError(f"{name} {getattr(self, name)!r} is unknown, expected one of {', '.join(known)}")
        for name, lowest in (("stride", 0), ("num_sentences", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < lowest:
                raise UserError(f"{name}={value}, expected a whole number from {lowest} on; change --{name}")

    @classmethod
    def chosen(cls, document_strategy: str, **given: Weights | int | None) -> "DocumentSettings | None":
        """The settings of a run, None for `truncate`. given: the other fields, None where not given.

        Raises:
            UserError: a field that the strategy does not read.
        """
        named = {name: value for name, value in given.items() if value is not None}
        for name, value in named.items():
            if document_strategy not in _BELONGS_TO[name]:
                raise UserError(
                    f"{name}={value} belongs to document_strategy {' or '.join(_BELONGS_TO[name])}, found "
                    f"{document_strategy}; drop --{name} or change --document_strategy"
                )
        return None if document_strategy == "truncate" else cls(document_strategy, **named)  # type: ignore[arg-type]

    def recorded(self) -> dict[str, Any]:
        """The fields that the strategy reads."""
        return {
            name: value
            for name, value in asdict(self).items()
            if name not in _BELONGS_TO or self.document_strategy in _BELONGS_TO[name]
        }
