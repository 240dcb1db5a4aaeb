"""The Space on this machine: the folder that would be sent, in an environment made from its requirements alone."""

import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from ...errors import UserError
from ...files import new_folder
from ..upload_folder import UploadFolder
from .folder import APP, REQUIREMENTS

logger = logging.getLogger(__name__)
# what would let packages of this environment into that one, or name other models
HIDDEN = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "MODELS")


def run_space(parcel: UploadFolder, *, output_dir: str | None = None) -> None:
    """Run a Space here until Ctrl-C. Gradio's variables (GRADIO_SERVER_PORT, …) are obeyed.

    output_dir: where its folder `space` and its environment `environment` stay; by default nothing stays.

    Raises:
        UserError: something is in output_dir, a package cannot be installed, or the app ends by itself.
    """
    with ExitStack() as stack:
        if output_dir is None:
            place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hf-textclf-space-")))
        else:
            place = new_folder(output_dir)
        space, environment = place.resolve() / "space", place.resolve() / "environment"
        _write(parcel, space)
        python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
        logger.info("installing %s into an environment of its own; this takes minutes", space / REQUIREMENTS)
        settings = {name: value for name, value in os.environ.items() if name not in HIDDEN}
        make = [sys.executable, "-m", "venv", str(environment)]
        install = [str(python), "-m", "pip", "install", "--quiet", "--requirement", REQUIREMENTS]
        for command in (make, install):
            if subprocess.run(command, cwd=space, env=settings).returncode:
                raise UserError(
                    f"{REQUIREMENTS} could not be installed; correct what stands above, or the way to the index"
                )
        _serve([str(python), APP], space, settings)


def _write(parcel: UploadFolder, folder: Path) -> None:
    for name, content in parcel.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            shutil.copyfile(content, path)


def _serve(command: list[str], folder: Path, settings: dict[str, str]) -> None:
    # whoever ends this process ends the page
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    process = subprocess.Popen(command, cwd=folder, env=settings)
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
