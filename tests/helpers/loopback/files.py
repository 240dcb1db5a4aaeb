"""What a repository holds: information, listings, and the files themselves."""

import itertools
import re
import urllib.parse

from .cards import metadata_of
from .messages import Answer
from .spaces import runtime_of
from .storage import HubError


def info(request, kind, name, revision="main"):
    repository = request.repository(kind, name)
    oid = repository.resolve(revision)
    state, files = repository.state, repository.files(oid)
    card = files.get("README.md")
    metadata = card and metadata_of(request.hub.storage.get(card["sha256"]).decode("utf-8", "replace"))
    tags = (metadata or {}).get("tags") or []
    answer = {
        "_id": f"{kind}-{name}",
        "id": name,
        "sha": oid,
        "author": name.split("/")[0],
        "private": state["private"],
        "gated": False,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "createdAt": state["createdAt"],
        "lastModified": repository.read(oid)["date"],
        "tags": tags if isinstance(tags, list) else [tags],
        "siblings": [_sibling(path, entry, blobs=request.flag("blobs")) for path, entry in sorted(files.items())],
    }
    if metadata:
        answer |= {"cardData": metadata}
        answer |= {key: metadata[key] for key in ("pipeline_tag", "library_name", "model-index") if key in metadata}
    if kind == "space":
        answer |= {"sdk": state["sdk"], "runtime": runtime_of(repository, request.hub.storage)}
    if wanted := request.query.get("expand"):
        answer = {key: value for key, value in answer.items() if key in ("_id", "id", *wanted)}
    return answer


def _sibling(path, entry, *, blobs):
    if not blobs:
        return {"rfilename": path}
    answer = {"rfilename": path, "size": entry["size"], "blobId": entry["oid"]}
    if lfs := entry.get("lfs"):
        answer["lfs"] = {"sha256": lfs["oid"], "size": lfs["size"], "pointerSize": lfs["pointerSize"]}
    return answer


def tree(request, kind, name, revision, path=""):
    """The files and folders below a folder, page by page."""
    repository = request.repository(kind, name)
    files = repository.files(repository.resolve(revision))
    entries = _listing(files, path.rstrip("/"), recursive=request.flag("recursive"))
    if path and not entries:
        raise HubError(404, f"{path} does not exist on {revision}", "EntryNotFound")
    start, size = int(request.query.get("cursor", ["0"])[0]), request.hub.page_size
    headers = {}
    if start + size < len(entries):
        query = urllib.parse.urlencode(request.query | {"cursor": [start + size]}, doseq=True)
        headers["Link"] = f'<{request.hub.url}{request.path}?{query}>; rel="next"'
    return Answer(entries[start : start + size], headers=headers)


def _listing(files, folder, *, recursive):
    start = f"{folder}/" if folder else ""
    entries = {}
    for path, entry in sorted(files.items()):
        if not path.startswith(start):
            continue
        rest = path.removeprefix(start).split("/")
        for depth in range(1, len(rest) if recursive else min(len(rest), 2)):
            name = start + "/".join(rest[:depth])
            entries[name] = {"type": "directory", "path": name, "size": 0, "oid": "0" * 40}
        if recursive or len(rest) == 1:
            entries[path] = _file(path, entry)
    return list(entries.values())


def _file(path, entry):
    return {"type": "file", "path": path} | {key: entry[key] for key in ("size", "oid", "lfs") if key in entry}


def paths_info(request, kind, name, revision):
    repository = request.repository(kind, name)
    files = repository.files(repository.resolve(revision))
    wanted = request.form.get("paths", [])
    found = [_file(path, files[path]) for path in wanted if path in files]
    if request.form.get("expand", [""])[0].lower() == "true":
        history = [
            (oid, item, repository.files(oid)) for oid, item in repository.history(repository.resolve(revision))
        ]
        for entry in found:
            entry["lastCommit"] = _last_commit(entry["path"], history)
    folders = [path for path in wanted if any(other.startswith(path.rstrip("/") + "/") for other in files)]
    return found + [{"type": "directory", "path": path, "size": 0, "oid": "0" * 40} for path in folders]


def _last_commit(path, history):
    """The commit that a file was changed by. history: commits and their files, newest first."""
    newest = history[0][2][path]
    *_, (oid, commit, _) = itertools.takewhile(lambda item: item[2].get(path) == newest, history)
    return {"id": oid, "title": commit["title"], "date": commit["date"]}


def resolve(request, kind, name, revision, path):
    """A file: the bytes of a small one, the way to a large one."""
    repository = request.repository(kind, name)
    oid = repository.resolve(revision)
    entry = repository.files(oid).get(path)
    headers = {"X-Repo-Commit": oid}
    if entry is None:
        raise HubError(404, "Entry not found", "EntryNotFound", headers=headers)
    if "lfs" in entry:
        headers |= {"X-Linked-Etag": f'"{entry["sha256"]}"', "X-Linked-Size": str(entry["size"])}
        address = f"{request.hub.store_url}/lfs-store/{entry['sha256']}?signature={request.hub.signature}"
        return Answer(b"", 302, headers | {"Location": address})
    return ranged(request, request.hub.storage.get(entry["sha256"]), headers | {"ETag": f'"{entry["oid"]}"'})


def ranged(request, content, headers):
    """The bytes that the request asks for, all if it names none (RFC 9110, section 14)."""
    headers = headers | {"Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("range", ""))
    if not found or not any(found.groups()):
        return Answer(content, headers=headers)
    first, last = found.groups()
    start = int(first) if first else max(0, len(content) - int(last))
    end = min(int(last), len(content) - 1) if first and last else len(content) - 1
    if start > end:
        raise HubError(416, "Range not satisfiable", headers={"Content-Range": f"bytes */{len(content)}"})
    headers["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
    return Answer(content[start : end + 1], 206, headers)
