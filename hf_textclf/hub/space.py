"""`hf-textclf space --models you/a you/b --repo you/demo`: the page on models of the Hub, as a Space or here.

Here, the folder that would be sent runs in an environment made from its requirements alone.
"""

import logging
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from huggingface_hub import CommitInfo, HfApi, SpaceRuntime
from huggingface_hub.errors import RepositoryNotFoundError

from ..arguments import option
from ..errors import UserError
from ..files import new_folder
from ..saved_model.layout import REQUIREMENTS
from .commit import UploadFolder, commit
from .errors import signed_in, with_retries
from .push import check_name, check_private
from .space_folder import APP, CODE, MODELS, SpaceModel, find_models, space_folder

logger = logging.getLogger(__name__)
# of the README; people choose them on the Hub
PRESENTATION = ("title", "emoji", "colorFrom", "colorTo", "license")
REMEDIES = {
    402: "the Hub wants to be paid for this Space; see {endpoint}/settings/billing, choose another --hardware "
    "(cpu-basic, zero-a10g), or run the page here with --local",
    403: "the token may not write to {repo}; log in with one that may (`hf auth login`)",
}
# what would let packages of this environment into that one, or name other models
HIDDEN = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "MODELS")


@dataclass
class SpaceArguments:
    """Which models the page shows, and where it runs. The token is that of `hf auth login`, or of HF_TOKEN."""

    models: list[str] = field(
        metadata={"help": "Models on the Hub, you/name or you/name@REVISION; with --local also folders."}
    )
    repo: str | None = option(None, "The Space, you/name; made if it is not there.")
    private: bool = option(False, "Make the new Space private.")
    hardware: str | None = option(
        None, "Hardware as the Hub calls it, zero-a10g for ZeroGPU; a new Space gets cpu-basic."
    )
    local: bool = option(False, "Run the same folder here, in an environment of its own.")
    output_dir: str | None = option(None, "With --local: new folder for Space and environment, which then stay.")
    dry_run: bool = option(False, "Check, list files and README, and send nothing.")

    def __post_init__(self) -> None:
        if self.repo is not None:
            check_name(self.repo)
        elif not self.local:
            raise UserError("repo is not given, expected you/name of a Space; add --repo, or run it here with --local")
        if self.hardware is not None and self.local:
            raise UserError(f"hardware={self.hardware!r} is the Hub's, expected none with --local; drop --hardware")
        if self.output_dir is not None and not self.local:
            raise UserError(f"output_dir={self.output_dir!r} goes with --local; add that, or drop --output_dir")


def plan_space(arguments: SpaceArguments) -> UploadFolder:
    """Check the models and return the files of a new Space; nothing is sent.

    Raises:
        UserError: as `find_models`, or the Hub refuses.
    """
    models = find_models(HfApi(), arguments.models, folders=arguments.local)
    _check_private_names(HfApi(), models, arguments)
    return space_folder(models, repo=arguments.repo or "http://127.0.0.1:7860", hardware=arguments.hardware)


def deploy_space(arguments: SpaceArguments) -> tuple[CommitInfo | None, SpaceRuntime]:
    """Create or renew a Space in one commit; return that, None where nothing differs, and what the Hub makes of it.

    Files of others stay, and so does what people wrote into its README.

    Raises:
        UserError: as `find_models`, there is no token, another app lives there, a private model would be named in
            public, or the Hub refuses.
    """
    api, repo = signed_in(), str(arguments.repo)
    models = find_models(api, arguments.models, folders=False)
    _check_private_names(api, models, arguments)
    for name in [model.name for model in models if model.needs_token]:
        remedy = "give the Space a token that may read it, as secret HF_TOKEN in its settings"
        logger.warning("%s is not for everybody: %s", name, remedy)
    sent = with_retries(repo, lambda: _send(api, models, arguments), remedies=REMEDIES)
    return sent, with_retries(repo, lambda: api.get_space_runtime(repo), remedies=REMEDIES)


def _check_private_names(api: HfApi, models: list[SpaceModel], arguments: SpaceArguments) -> None:
    """Refuse to show the name of a private model to everybody, before a Space is made."""
    repo, hidden = arguments.repo, [model.name for model in models if model.private]
    if not hidden or arguments.private or repo is None:
        return

    def is_private() -> bool:
        try:
            return bool(api.space_info(repo).private)
        except RepositoryNotFoundError:
            return False

    if not with_retries(repo, is_private, remedies=REMEDIES):
        raise UserError(
            f"{hidden[0]} is private, and a public Space would show its name; add --private, or make the model public"
        )


def _send(api: HfApi, models: list[SpaceModel], arguments: SpaceArguments) -> CommitInfo | None:
    repo, private = str(arguments.repo), arguments.private
    hardware: Any = arguments.hardware
    api.create_repo(
        repo, repo_type="space", space_sdk="gradio", space_hardware=hardware, private=private or None, exist_ok=True
    )
    info = api.space_info(repo)
    check_private(info, private=private)
    present = {file.rfilename for file in info.siblings or []}
    if APP in present and MODELS not in present:
        raise UserError(f"{repo} has another app, expected a new Space or one of ours; choose another --repo")
    runtime = api.get_space_runtime(repo)
    current = runtime.requested_hardware or runtime.hardware
    if hardware and hardware != current:
        api.request_space_hardware(repo, hardware)
    upload_folder = space_folder(models, repo=repo, hardware=hardware or current)
    options: dict[str, Any] = {
        "repo_type": "space",
        "keep_keys": PRESENTATION,
        # modules of the package that a newer version lacks
        "outlived": (f"{CODE}/*.py",),
        # the README that the Hub makes for a new Space says nothing
        "merge_card": MODELS in present,
    }
    return commit(api, info, upload_folder, "Show text classifiers", **options)


def run_space(upload_folder: UploadFolder, *, output_dir: str | None = None) -> None:
    """Run a Space here until Ctrl-C. Gradio's variables (GRADIO_SERVER_PORT, …) are obeyed.

    output_dir: where its folder `space` and its environment `environment` stay; by default nothing stays.

    Raises:
        UserError: something is in output_dir, a package cannot be installed, or the app ends by itself.
    """
    kept = nullcontext(str(new_folder(output_dir))) if output_dir else None
    with kept or tempfile.TemporaryDirectory(prefix="hf-textclf-space-") as place:
        space, environment = Path(place).resolve() / "space", Path(place).resolve() / "environment"
        for name in upload_folder.files:
            (space / name).parent.mkdir(parents=True, exist_ok=True)
            (space / name).write_bytes(upload_folder.read(name))
        python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
        logger.info("installing %s into an environment of its own; this takes minutes", space / REQUIREMENTS)
        variables = {name: value for name, value in os.environ.items() if name not in HIDDEN}
        make = [sys.executable, "-m", "venv", str(environment)]
        install = [str(python), "-m", "pip", "install", "--quiet", "--requirement", REQUIREMENTS]
        for command in (make, install):
            if subprocess.run(command, cwd=space, env=variables).returncode:
                raise UserError(f"{REQUIREMENTS} could not be installed; correct what stands above, or the network")
        _serve([str(python), APP], space, variables)


def _serve(command: list[str], folder: Path, variables: dict[str, str]) -> None:
    # whoever ends this process ends the page
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    process = subprocess.Popen(command, cwd=folder, env=variables)
    try:
        if code := process.wait():
            raise UserError(f"{APP} ended with exit code {code}; correct what it says above")
    except KeyboardInterrupt:
        logger.info("the page is closed")
    finally:
        # a terminal sends Ctrl-C to both, `kill` to one
        process.terminate()
        process.wait()
        signal.signal(signal.SIGTERM, before)
