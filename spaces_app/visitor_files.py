"""What visitors send and take home: in a folder of this process alone, where nothing outlives its page for long.

A file goes when its visitor removes it or closes the page, when it is old, and when the process ends. Gradio's own
`delete_cache` knows neither half an upload nor a file that a copied component hands out.
"""

import os
import secrets
import shutil
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import gradio as gr
from filelock import FileLock, Timeout
from gradio.utils import get_upload_folder

# how old files get, and how often old ones are looked for, in seconds
MAX_AGE, EVERY = 1800, 300
PREFIX, LOCK = "hf-textclf-page-", ".lock"
# session -> its upload and its download; the same content, sent by two, is one file
_held: defaultdict[str | None, set[Path]] = defaultdict(set)
_turn = threading.Lock()
# the pictures of the page, which a visitor may happen to send too
_of_the_page: set[Path] = set()


@contextmanager
def private_folder() -> Iterator[None]:
    """Let Gradio keep its files in a new folder, which is deleted at the end. It lies in `GRADIO_TEMP_DIR`, by default
    where the system keeps temporary files."""
    above = os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir()
    Path(above).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=above, ignore_cleanup_errors=True) as name:
        with FileLock(Path(name) / LOCK):
            os.environ["GRADIO_TEMP_DIR"] = str(Path(name).resolve())
            yield


def delete_old_files() -> None:
    """From now on, delete every file that is not here yet and gets old, whoever has put it there."""
    folder = Path(get_upload_folder())
    _of_the_page.update(path for path in folder.rglob("*") if path.is_file())

    def delete_for_ever() -> None:
        while True:
            _delete_abandoned(folder)
            time.sleep(EVERY)
            _delete_older(folder)

    threading.Thread(target=delete_for_ever, daemon=True).start()


def new_download(name: str, request: gr.Request) -> Path:
    """Where to write what a visitor takes home; nobody guesses the path."""
    path = Path(get_upload_folder()) / secrets.token_hex(16) / name
    # without its parents: they are gone when the process ends
    path.parent.mkdir()
    keep(path, request)
    return path


def keep(path: str | Path, request: gr.Request) -> None:
    """Remember whose file this is."""
    with _turn:
        _held[request.session_hash].add(Path(path))


def delete(request: gr.Request, *, but: str | Path | None = None) -> None:
    """Delete the files of a visitor, all or `but` one; those that another has sent too stay."""
    with _turn:
        files = _held.pop(request.session_hash, set())
        if but is not None and Path(but) in files:
            _held[request.session_hash].add(Path(but))
        files -= _of_the_page.union(*_held.values())
    for path in files:
        path.unlink(missing_ok=True)


def _delete_older(folder: Path) -> None:
    for path in [*folder.rglob("*")]:
        # somebody else may be faster; folders of files that are gone follow later
        with suppress(OSError):
            if path in _of_the_page or time.time() - path.stat().st_ctime <= MAX_AGE:
                continue
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink()
    with _turn:
        for session in [session for session, files in _held.items() if not any(map(Path.exists, files))]:
            del _held[session]


def _delete_abandoned(own: Path) -> None:
    """Delete the folders of processes that were killed; that of a living one is locked, of a new one soon."""
    for folder in own.parent.glob(f"{PREFIX}*"):
        with suppress(Timeout, OSError):
            if folder != own and time.time() - folder.stat().st_mtime > MAX_AGE:
                with FileLock(folder / LOCK, timeout=0):
                    shutil.rmtree(folder)
