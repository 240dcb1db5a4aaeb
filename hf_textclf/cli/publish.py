"""Commands for other people: card, Hub, Space, page."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UserError
from .printing import quiet, renamed, show_commit, show_files

if TYPE_CHECKING:
    from ..arguments import Parser


@dataclass
class PageArguments:
    """What the page shows beside its models."""

    comparison: str | None = field(
        default=None, metadata={"help": "Folder that `hf-textclf compare` wrote, shown under About."}
    )


def card_command(parser: "Parser", given: dict[str, Any]) -> None:
    """Write the model card of a folder, after measuring costs if asked to."""
    quiet()
    from ..card import write_card
    from ..saved_model.layout import CARD

    folder = given.pop("folder")
    (arguments,) = parser.make(given)
    if arguments.costs:
        from ..arguments import Parser
        from ..data import DataArguments
        from ..evaluation.compare import measure_costs
        from ..training.calls import recorded

        moved = {"dataset": arguments.dataset} if arguments.dataset else {}
        (data,) = Parser([DataArguments], prog="hf-textclf card").make(moved, recorded=recorded(folder))
        measure_costs(folder, data, split=arguments.split)
    write_card(Path(folder), arguments)
    print(f"saved to {Path(folder) / CARD}")


def push_command(parser: "Parser", given: dict[str, Any]) -> None:
    """Send a folder to the Hub, or show what would be sent."""
    quiet()
    from ..hub import prepare, push

    folder = given.pop("folder")
    (arguments,) = parser.make(given)
    if arguments.dry_run:
        with _onnx_goes_again(Path(folder)):
            upload_folder = prepare(Path(folder), arguments)
            show_files(upload_folder)
            print(f"stay here: {', '.join(upload_folder.kept_local) or 'none'}\n\n{upload_folder.card}")
        return
    commit = push(folder, arguments)
    show_commit(commit, arguments.repo)


@contextmanager
def _onnx_goes_again(folder: Path) -> Iterator[None]:
    """Remove the network as ONNX, if it was only made to be looked at."""
    from ..saved_model.layout import ONNX_MODEL

    onnx = (folder / ONNX_MODEL).parent
    kept = onnx.is_dir()
    try:
        yield
    finally:
        if not kept:
            shutil.rmtree(onnx, ignore_errors=True)


def space_command(parser: "Parser", given: dict[str, Any]) -> None:
    """Put a page on models of the Hub, run it here, or show what would be sent."""
    from huggingface_hub.constants import ENDPOINT

    from ..hub.space import deploy_space, plan_space, run_space

    (arguments,) = parser.make(given)
    if arguments.dry_run:
        upload_folder = plan_space(arguments)
        show_files(upload_folder)
        print(f"\n{upload_folder.card}")
    elif arguments.local:
        run_space(plan_space(arguments), output_dir=arguments.output_dir)
    else:
        commit, runtime = deploy_space(arguments)
        show_commit(commit, arguments.repo)
        hardware = runtime.requested_hardware or runtime.hardware
        print(f"{runtime.stage} on {hardware}; the page: {ENDPOINT}/spaces/{arguments.repo}")


def page_command(parser: "Parser", given: dict[str, Any]) -> None:
    """Open the page of `spaces_app` on models, in this process, until somebody stops it."""
    import importlib.util
    import runpy

    from ..files import bundled

    (arguments,) = parser.make({key: value for key, value in given.items() if key != "folder"})
    if importlib.util.find_spec("gradio") is None:
        raise UserError("page needs gradio, which is not installed; run: pip install 'hf-textclf[gradio]'")
    app = bundled("spaces_app") / "app.py"
    comparison = ["--comparison", arguments.comparison] if arguments.comparison else []
    # as Python starts a script: its arguments, and its neighbours to import
    sys.argv = [str(app), *given.get("folder", []), *comparison]
    sys.path.insert(0, str(app.parent))
    runpy.run_path(str(app), run_name="__main__")


def demo_command(parser: "Parser", given: dict[str, Any]) -> None:
    """`page`, as it was called up to version 0.1."""
    renamed("demo", "page")
    page_command(parser, given)
