"""Commands for other people: card, Hub, Space, page."""

import sys
from pathlib import Path

from ..errors import UserError
from .argv import positionals, quiet, recorded
from .printing import show_files


def card_command(tokens: list[str]) -> None:
    """Write the model card of a folder, after measuring costs if asked to."""
    quiet()
    from ..arguments import Parser
    from ..card import CardArguments, write_card
    from ..saved_model.layout import CARD

    (folder,), tokens = positionals(tokens, "card FOLDER")
    (arguments,) = Parser([CardArguments], prog="hf-textclf card FOLDER").parse(tokens)
    if arguments.costs:
        from ..data import DataArguments
        from ..evaluation.compare import measure_costs

        where = {"dataset": arguments.dataset} if arguments.dataset else {}
        (data,) = Parser([DataArguments], prog="hf-textclf card FOLDER").parse([], before=recorded(folder) | where)
        measure_costs(folder, data, split=arguments.split)
    write_card(Path(folder), arguments)
    print(f"saved to {Path(folder) / CARD}")


def push_command(tokens: list[str]) -> None:
    """Send a folder to the Hub, or show what would be sent."""
    quiet()
    from ..arguments import Parser
    from ..hub import PushArguments, prepare, push

    (folder,), tokens = positionals(tokens, "push FOLDER")
    (arguments,) = Parser([PushArguments], prog="hf-textclf push FOLDER").parse(tokens)
    if arguments.dry_run:
        upload_folder = prepare(Path(folder), arguments)
        show_files(upload_folder)
        print(f"stay here: {', '.join(upload_folder.kept_local) or 'none'}\n\n{upload_folder.card}")
        return
    commit = push(folder, arguments)
    print(f"pushed to {commit.pr_url or commit.commit_url}")


def space_command(tokens: list[str]) -> None:
    """Put a page on models of the Hub, run it here, or show what would be sent."""
    from ..arguments import Parser
    from ..hub import SpaceArguments, deploy_space, plan_space, run_space

    (arguments,) = Parser([SpaceArguments], prog="hf-textclf space").parse(tokens)
    if arguments.dry_run:
        upload_folder = plan_space(arguments)
        show_files(upload_folder)
        print(f"\n{upload_folder.card}")
    elif arguments.local:
        run_space(plan_space(arguments), output_dir=arguments.output_dir)
    else:
        commit, runtime = deploy_space(arguments)
        print(f"pushed to {commit.commit_url}")
        hardware = runtime.requested_hardware or runtime.hardware
        print(f"{runtime.stage} on {hardware}; the page: {commit.repo_url}")


def demo_command(tokens: list[str]) -> None:
    """Open the page of `spaces_app` on models, in this process, until somebody stops it."""
    import importlib.util
    import runpy

    from ..files import bundled

    if importlib.util.find_spec("gradio") is None:
        raise UserError("demo needs gradio, which is not installed; run: pip install 'hf-textclf[gradio]'")
    app = bundled("spaces_app") / "app.py"
    # as Python starts a script: its arguments, and its neighbours to import
    sys.argv = [str(app), *tokens]
    sys.path.insert(0, str(app.parent))
    runpy.run_path(str(app), run_name="__main__")
