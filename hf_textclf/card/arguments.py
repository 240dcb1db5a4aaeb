"""What no run can know and its author can say. The help texts here are the only description of these flags."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import UserError
from ..provenance import HUB_ID


@dataclass
class CardArguments:
    """What goes into a card beside the files of the folder. What is not given stays as the card has it."""

    repo: str | None = field(
        default=None, metadata={"help": "Hub id that the model has or will have, OWNER/NAME; its name in the card."}
    )
    license: str | None = field(
        default=None,
        metadata={"help": "Licence of the model as the Hub names it: apache-2.0, cc-by-4.0, other."},
    )
    language: list[str] | None = field(
        default=None, metadata={"help": "ISO 639 codes of the languages of the texts, e.g. en zh; or multilingual."}
    )
    prose: str | None = field(
        default=None, metadata={"help": "Markdown file about intended use and limits, which becomes part of the card."}
    )
    base_model: list[str] | None = field(
        default=None,
        metadata={"help": "Hub ids of the checkpoints that the model started from, where the run read copies."},
    )
    dataset_id: str | None = field(
        default=None, metadata={"help": "Hub id of the training data, where the run read a copy of it."}
    )
    dataset_revision: str | None = field(
        default=None,
        metadata={
            "help": "Commit on the Hub that the copy is the same as; without it, results in the metadata are those of "
            "a local copy."
        },
    )
    costs: bool = field(
        default=False,
        metadata={
            "help": "First measure size, latency and speed on one CPU thread, and the 95%% intervals of the metrics; "
            "draw confusion, reliability and curves."
        },
    )
    dataset: str | None = field(
        default=None,
        metadata={"help": "With costs: the data to measure on, if they have moved since the run."},
    )
    split: str | None = field(
        default=None, metadata={"help": "With costs: the split to measure on; by default test, else validation."}
    )

    def __post_init__(self) -> None:
        ids = [("repo", self.repo), ("dataset_id", self.dataset_id)]
        ids += [("base_model", name) for name in self.base_model or []]
        for key, name in ids:
            if name is not None and not HUB_ID.fullmatch(name):
                raise UserError(f"{key} {name!r} is no Hub id, expected OWNER/NAME; correct --{key}")
        if self.license is not None and not re.fullmatch(r"[a-z0-9][a-z0-9.+-]*", self.license):
            raise UserError(
                f"license {self.license!r} is none the Hub knows, expected an identifier such as apache-2.0, mit or "
                "other; correct --license"
            )
        for code in self.language or []:
            if not re.fullmatch(r"[a-z]{2,3}|multilingual|code", code):
                raise UserError(
                    f"language {code!r} is no ISO 639 code, expected two or three letters such as en or zh, or "
                    "multilingual; correct --language"
                )
        self.read_prose()
        for key, value in {"dataset": self.dataset, "split": self.split}.items():
            if value is not None and not self.costs:
                raise UserError(
                    f"{key} {value!r} says where costs are measured, which was not asked for; add --costs true or "
                    f"drop --{key}"
                )

    def read_prose(self) -> str | None:
        """The text of the file `prose`.

        Raises:
            UserError: it cannot be read, or holds marks of sections.
        """
        if self.prose is None:
            return None
        try:
            prose = Path(self.prose).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(
                f"prose {self.prose!r} cannot be read ({error}), expected a Markdown file; correct --prose"
            ) from error
        if "hf-textclf:" in prose:
            raise UserError(
                f"prose {self.prose!r} holds marks of a card's sections (hf-textclf:), expected text; remove them"
            )
        return prose
