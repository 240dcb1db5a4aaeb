"""One commit for all files: what people wrote on the Hub stays, in the card as in files of their own."""

import logging
from collections.abc import Container, Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from huggingface_hub import CommitInfo, CommitOperationAdd, CommitOperationDelete, HfApi, ModelInfo, SpaceInfo
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils.sha import git_hash

from ..card.merge import merge_cards
from ..saved_model.layout import BESIDE, CARD, matches

logger = logging.getLogger(__name__)
# in the title of each commit of ours
SIGNATURE = " with hf-textclf"


@dataclass(frozen=True)
class UploadFolder:
    """What is sent: name in the repository to a local file, or to bytes that differ from it; and what stays here."""

    files: dict[str, Path | bytes]
    kept_local: list[str]

    @property
    def card(self) -> str:
        """The text of the card."""
        return self.read(CARD).decode()

    def read(self, name: str) -> bytes:
        """The content of a file."""
        content = self.files[name]
        return content if isinstance(content, bytes) else content.read_bytes()

    def size(self, name: str) -> int:
        """The size of a file in bytes."""
        content = self.files[name]
        return len(content) if isinstance(content, bytes) else content.stat().st_size


def commit(
    api: HfApi,
    info: ModelInfo | SpaceInfo,
    upload_folder: UploadFolder,
    message: str,
    *,
    outlived: Iterable[str],
    keep_keys: Iterable[str] = (),
    given: Container[str] = (),
    merge_card: bool = True,
    **options: Any,
) -> CommitInfo | None:
    """Send the files in one commit; None where nothing differs. What people wrote there stays, in the card as in a
    file that is not written by a run; other files that they changed are replaced, which is said.

    outlived: patterns of files that go where the new ones lack them. keep_keys, given: as `merge_cards` takes them.
    options: of `HfApi.create_commit`. `HfApi.upload_folder` splits a commit that fails, so that others load half a
    model.
    """
    present = sorted(file.rfilename for file in info.siblings or [])
    files, kind = dict(upload_folder.files), options.get("repo_type")
    theirs = others_files(api, info, upload_folder, repo_type=kind)
    stay = [name for name in theirs if kind is None and matches(name, BESIDE) and not matches(name, outlived)]
    if stay:
        logger.warning("%s: not written by hf-textclf, stays; delete it there to have ours", ", ".join(stay))
    if replaced := [name for name in theirs if name not in stay]:
        logger.warning(
            "%s: changed there by others, replaced; what it was stays in commit %s", ", ".join(replaced), info.sha
        )
    for name in stay:
        del files[name]
    if merge_card and CARD in present:
        path = Path(api.hf_hub_download(info.id, CARD, repo_type=kind, revision=info.sha))
        card = merge_cards(path.read_bytes().decode(), upload_folder.card, keep_keys=keep_keys, given=given)
        files[CARD] = card.encode()
    gone = [name for name in present if name not in (*files, *stay) and matches(name, outlived)]
    operations = [CommitOperationAdd(name, content) for name, content in files.items()]
    # refused if somebody edits the card between the reading and the writing
    options |= {"commit_message": message + SIGNATURE, "parent_commit": info.sha}
    done = api.create_commit(info.id, operations=[*operations, *map(CommitOperationDelete, gone)], **options)
    return None if done.oid == info.sha else done


def others_files(
    api: HfApi, info: ModelInfo | SpaceInfo, upload_folder: UploadFolder, *, repo_type: str | None
) -> list[str]:
    """Files beside the card that others changed after us, or made, and that differ from those to be sent."""
    present = {file.rfilename for file in info.siblings or []}
    names = [name for name in upload_folder.files if name in present and "/" not in name and name != CARD]
    there = api.get_paths_info(info.id, names, expand=True, revision=info.sha, repo_type=repo_type) if names else []
    theirs = []
    for file in there:
        if isinstance(file, RepoFile) and not (file.last_commit and SIGNATURE in file.last_commit.title):
            content = upload_folder.read(file.path)
            same = sha256(content).hexdigest() == file.lfs.sha256 if file.lfs else git_hash(content) == file.blob_id
            theirs += [] if same else [file.path]
    return theirs
