"""What a model and a Space share on their way to the Hub: the files that are sent, in one commit."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from huggingface_hub import CommitInfo, CommitOperationAdd, CommitOperationDelete, HfApi, ModelInfo, SpaceInfo

from ..card.merge import merge_cards
from ..errors import UserError
from ..saved_model.layout import CARD, matches


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

    def write(self, folder: Path) -> None:
        """Copy the files into a folder."""
        for name in self.files:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.read(name))


def check_name(repo: str) -> None:
    """Refuse what is no name of a repository before anything is asked of the Hub."""
    if not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", repo):
        raise UserError(f"repo={repo!r}, expected the form you/name; correct --repo")


def check_private(info: ModelInfo | SpaceInfo, *, private: bool) -> None:
    """Refuse a repository that everybody can read where a private one is wanted."""
    if private and not info.private:
        raise UserError(f"{info.id} is public, expected private; change that in its settings first, or drop --private")


def file_names(info: ModelInfo | SpaceInfo) -> list[str]:
    """The files of a repository, in order of their names."""
    return sorted(file.rfilename for file in info.siblings or [])


def commit(
    api: HfApi,
    info: ModelInfo | SpaceInfo,
    upload_folder: UploadFolder,
    *,
    outlived: Iterable[str],
    message: str,
    keep_keys: Iterable[str] = (),
    merge_card: bool = True,
    **options: Any,
) -> CommitInfo:
    """Send the files in one commit; what people wrote into the card there stays.

    outlived: patterns of files that go where the new ones lack them. keep_keys: as `merge_cards` takes them. options:
    of `HfApi.create_commit`. `HfApi.upload_folder` splits a commit that fails, so that others load half a model.
    """
    present = file_names(info)
    if merge_card and CARD in present:
        repo_type = options.get("repo_type")
        path = Path(api.hf_hub_download(info.id, CARD, repo_type=repo_type, revision=info.sha))
        card = merge_cards(path.read_bytes().decode(), upload_folder.card, keep_keys=keep_keys)
        upload_folder = replace(upload_folder, files=upload_folder.files | {CARD: card.encode()})
    files = upload_folder.files
    return api.create_commit(
        info.id,
        operations=[
            *(CommitOperationAdd(name, content) for name, content in files.items()),
            *(CommitOperationDelete(name) for name in present if name not in files and matches(name, outlived)),
        ],
        commit_message=message,
        # refused if somebody edits the card between the reading and the writing
        parent_commit=info.sha,
        **options,
    )
