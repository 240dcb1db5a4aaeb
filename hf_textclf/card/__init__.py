"""The model card of a saved folder, README.md: what a run's own files say, in the Hub's words.

`train`, `pretrain` and `calibrate` write it, `hf-textclf card` writes it again. Each of its sections stands between
two marks; what people write, or change in it, stays.
"""

from .merge import is_ours
from .metadata import CardArguments, check_license
from .writing import render_card, write_card

__all__ = ["CardArguments", "check_license", "is_ours", "render_card", "write_card"]
