"""What the Hub keeps, on disk: objects by the sha256 of their content, commits as JSON, one folder a repository."""

import hashlib
import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

MAIN = "main"


class HubError(Exception):
    """An answer that is no success: its status, the text for people, the code that the client reads, more headers,
    and what the body holds beside the text."""

    def __init__(self, status, message, code=None, *, headers=None, **body):
        super().__init__(message)
        self.status, self.message, self.code = status, message, code
        self.headers, self.body = headers or {}, body


class Storage:
    """All repositories and the objects that their commits name."""

    def __init__(self, root):
        self.root = Path(root)
        self.objects = self.root / "objects"
        self.objects.mkdir(parents=True)
        # large files on their way, and parts of them
        self.incoming = self.root / "incoming"
        self.incoming.mkdir()

    def put(self, content):
        """Store bytes under the sha256 of their content, which is returned."""
        name = hashlib.sha256(content).hexdigest()
        if not (self.objects / name).exists():
            partial = self.objects / f".{name}.{os.urandom(4).hex()}"
            partial.write_bytes(content)
            partial.replace(self.objects / name)
        return name

    def get(self, sha256):
        return (self.objects / sha256).read_bytes()

    def size(self, sha256):
        """The size of an object in bytes, None if it is not here."""
        path = self.objects / sha256
        return path.stat().st_size if path.is_file() else None

    def create(self, kind, name, **fields):
        """Make a repository, whose first commit holds .gitattributes, as on the real Hub."""
        folder = self.root / kind / name
        if folder.exists():
            raise HubError(409, "You already created this repo")
        (folder / "commits").mkdir(parents=True)
        repository = Repository(self, folder)
        repository.state = fields | {
            "kind": kind,
            "id": name,
            "createdAt": now(),
            "branches": {},
            "tags": {},
            "discussions": [],
        }
        attributes = b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n"
        repository.commit(MAIN, {".gitattributes": self.entry(attributes)}, title="initial commit", author="hub")
        return repository

    def repository(self, kind, name):
        folder = self.root / kind / name
        if not (folder / "repo.json").is_file():
            raise HubError(404, "Repository not found", "RepoNotFound")
        return Repository(self, folder)

    def delete(self, kind, name):
        shutil.rmtree(self.repository(kind, name).folder)

    def entry(self, content):
        """Store a regular file; returns what a commit says of it."""
        return {"sha256": self.put(content), "size": len(content), "oid": git_oid(content)}

    def lfs_entry(self, sha256):
        """What a commit says of a large file whose content is here already; git itself sees a pointer."""
        size = self.size(sha256)
        if size is None:
            raise HubError(400, f"LFS pointer pointed to a file that does not exist: {sha256}")
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()
        lfs = {"oid": sha256, "size": size, "pointerSize": len(pointer)}
        return {"sha256": sha256, "size": size, "oid": git_oid(pointer), "lfs": lfs}


class Repository:
    """One repository. `state` is its repo.json: id, refs, discussions, and for a Space its runtime and settings."""

    def __init__(self, storage, folder):
        self.storage, self.folder = storage, folder
        path = folder / "repo.json"
        self.state = json.loads(path.read_text()) if path.is_file() else {}

    def save(self):
        partial = self.folder / f".repo.{os.urandom(4).hex()}"
        partial.write_text(json.dumps(self.state, indent=2))
        partial.replace(self.folder / "repo.json")

    def refs(self):
        """Every name that stands for a commit, except commits themselves."""
        requests = {
            f"refs/pr/{item['num']}": item["head"] for item in self.state["discussions"] if item["isPullRequest"]
        }
        return self.state["tags"] | requests | self.state["branches"]

    def resolve(self, revision):
        """The commit that a branch, a tag, a pull request or the first seven digits or more of its oid name."""
        found = self.refs().get(revision.removeprefix("refs/heads/"))
        if found:
            return found
        if len(revision) >= 7:
            for path in (self.folder / "commits").glob("*.json"):
                if path.stem.startswith(revision):
                    return path.stem
        raise HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")

    def read(self, oid):
        return json.loads((self.folder / "commits" / f"{oid}.json").read_text())

    def files(self, oid):
        """Path to entry of every file of a commit."""
        return self.read(oid)["files"]

    def history(self, oid):
        """The commits from one back to the first."""
        while oid:
            commit = self.read(oid)
            yield oid, commit
            oid = commit["parent"]

    def commit(self, ref, changes, *, title, author, message="", expected=None, pull_request=False):
        """Write a commit on top of a branch or a pull request; returns its oid and the pull request's number.

        changes: path to entry, or to None for a file that goes. expected: the oid that the client believes is the
        newest. All files change or none.
        """
        parent = self.resolve(ref) if self.refs() else None
        if expected and expected != parent:
            raise HubError(412, "A commit has happened since. Please refresh and try again.")
        files = self.files(parent) if parent else {}
        files = {path: entry for path, entry in (files | changes).items() if entry is not None}
        body = {"parent": parent, "title": title, "message": message, "date": now(), "author": author, "files": files}
        text = json.dumps(body, indent=2, sort_keys=True)
        oid = hashlib.sha1(text.encode()).hexdigest()
        (self.folder / "commits" / f"{oid}.json").write_text(text)
        number = None
        if pull_request:
            number = self.discuss(title, message, author=author, base=ref, head=oid)["num"]
        elif ref.startswith("refs/pr/"):
            self.state["discussions"][int(ref.split("/")[-1]) - 1]["head"] = oid
        elif ref in self.state["branches"] or parent is None:
            self.state["branches"][ref] = oid
        else:
            raise HubError(400, f"{ref} is no branch, so nothing can be committed to it")
        self.save()
        return oid, number

    def discuss(self, title, description, *, author, base=None, head=None):
        """Open a discussion, or with a base a pull request."""
        item = {
            "num": len(self.state["discussions"]) + 1,
            "title": title,
            "description": description,
            "author": {"name": author},
            "createdAt": now(),
            "status": "open",
            "isPullRequest": base is not None,
            "base": base,
            "head": head,
        }
        self.state["discussions"].append(item)
        self.save()
        return item


def now():
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def git_oid(content):
    """What git calls this content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
