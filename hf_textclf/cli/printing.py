"""What the commands show: results on standard output, all else on standard error."""

import logging
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from huggingface_hub import CommitInfo

    from ..explanation import Attribution
    from ..hub import UploadFolder

# what calibration and thresholds change
FEW = ("macro_f1", "micro_f1", "log_loss", "expected_calibration_error")


def quiet() -> None:
    """No bars for the reading and writing of weights, which takes a moment; those of training and predicting stay."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    # its table of the weights of a new head, which are missing as they should
    transformers_logging.get_logger("transformers.modeling_utils").addFilter(_is_no_report)


def _is_no_report(record: logging.LogRecord) -> bool:
    return "LOAD REPORT" not in record.getMessage() or "mismatch" in record.getMessage()


def renamed(old: str, new: str) -> None:
    """Say what a command is called now. The old form goes in version 0.3."""
    print(f"hf-textclf: `{old}` is now `{new}`; the old form ends with version 0.3", file=sys.stderr)


def show(results: dict[str, Any]) -> None:
    """The metrics of a split, and what calibration and a stock pipeline make of them."""
    # here, so that help and mistakes answer at once
    from ..evaluation.evaluate import in_words

    print(f"{results['split']}: {results['rows']:,} texts")
    for name, value in results["metrics"].items():
        if name == "per_label":
            continue
        print(f"  {name:28} {'undefined' if value is None else f'{value:.4f}'}")
    beside = {"thresholds 0.5": results.get("metrics_at_0.5", {})}
    if calibration := results.get("calibration"):
        beside |= {"before": calibration["before"], "thresholds held out": calibration.get("held_out", {})}
        print(f"temperature {calibration['temperature']:.3f}")
    for name, metrics in beside.items():
        few = [f"{key} {metrics[key]:.4f}" for key in FEW if metrics.get(key) is not None]
        if few:
            print(f"{name}: {', '.join(few)}")
    if pipeline := results.get("pipeline"):
        print(in_words(pipeline))


def show_trained(results: dict[str, Any], folder: str) -> None:
    """The results of a folder that has just been written, and what to do with it."""
    show(results)
    print(f"saved to {folder}; now: hf-textclf evaluate {folder}")


def show_files(upload_folder: "UploadFolder") -> None:
    """What would be sent, a file a line."""
    for name in upload_folder.files:
        print(f"{upload_folder.size(name):>13,} bytes  {name}")


def show_commit(commit: "CommitInfo | None", repo: str) -> None:
    """Where what was sent can be seen."""
    held = f"{repo} holds all of it already; nothing was sent"
    print(f"pushed to {commit.pr_url or commit.commit_url}" if commit else held)


def show_contributions(found: "Attribution") -> None:
    """What each word adds to a label, a word a line."""
    for word, value in zip(found.words, found.contributions, strict=True):
        print(f"{value:+9.3f}  {word}")
    print(f"{found.score:+9.3f}  {found.label} = {found.baseline_score:+.3f} without the words, and their sum")
    if abs(found.delta) >= 0.0005:
        print(f"the sum is out by {found.delta:+.3f} after {found.steps:,} steps")
    if found.unread:
        print(f"{found.unread:,} words were cut off: the text is too long for the model")
