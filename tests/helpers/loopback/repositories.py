"""Repositories come and go, and commits change them."""

import base64
import json

from .cards import check_card
from .messages import Answer
from .spaces import FREE
from .storage import MAIN, HubError

# what a new Space says of itself
SPACE_README = """---
title: {name}
emoji: 🐨
colorFrom: red
colorTo: gray
sdk: {sdk}
sdk_version: 6.30.0
app_file: app.py
---

Check out the configuration reference at https://huggingface.co/docs/hub/spaces-config-reference
"""
REGULAR_LIMIT = 10_000_000
LARGE = (".safetensors", ".bin", ".onnx", ".pt", ".zip", ".parquet", ".arrow")


def create(request):
    values = request.json
    kind = values.get("type") or "model"
    if request.user is None:
        raise HubError(401, "Invalid username or password.")
    owner = values.get("organization") or request.user["name"]
    request.writer(owner)
    name = f"{owner}/{values['name']}"
    fields = {"private": values.get("visibility") == "private"}
    url = f"{request.hub.url}/{'' if kind == 'model' else kind + 's/'}{name}"
    if kind == "space":
        hardware = values.get("hardware") or "cpu-basic"
        if hardware not in FREE:
            raise HubError(402, f"Payment required: hardware {hardware} needs a paid plan")
        variables = {item["key"]: {"value": item["value"]} for item in values.get("variables") or []}
        kept = {item["key"]: {} for item in values.get("secrets") or []}
        fields |= {"sdk": values["sdk"], "hardware": hardware, "variables": variables, "secrets": kept}
    try:
        repository = request.hub.storage.create(kind, name, **fields)
    except HubError as error:
        error.body["url"] = url
        raise
    if kind == "space":
        readme = SPACE_README.format(name=values["name"], sdk=values["sdk"]).encode()
        repository.commit(MAIN, {"README.md": request.hub.storage.entry(readme)}, title="initial commit", author="hub")
    return {"url": url, "name": name}


def delete(request):
    values = request.json
    owner = values.get("organization") or (request.user or {}).get("name", "")
    kind, name = values.get("type") or "model", f"{owner}/{values['name']}"
    request.repository(kind, name, write=True)
    request.hub.storage.delete(kind, name)
    return {}


def preupload(request, kind, name, revision):
    """Say of each file whether it goes into the commit itself or ahead of it as a large file."""
    repository = request.repository(kind, name, write=not request.flag("create_pr"))
    present = repository.files(repository.resolve(revision))
    told = []
    for item in request.json["files"]:
        large = item["size"] > 0 and _is_large(item)
        answer = {"path": item["path"], "uploadMode": "lfs" if large else "regular", "shouldIgnore": False}
        if entry := present.get(item["path"]):
            answer["oid"] = entry["sha256"] if "lfs" in entry else entry["oid"]
        told.append(answer)
    return {"files": told}


def _is_large(item):
    sample = base64.b64decode(item["sample"])
    return item["path"].endswith(LARGE) or item["size"] > REGULAR_LIMIT or b"\0" in sample


def commit(request, kind, name, revision):
    """All files of a commit, or none; with `create_pr` as a pull request."""
    pull_request = request.flag("create_pr")
    repository = request.repository(kind, name, write=not pull_request)
    if request.user is None:
        raise HubError(401, "Invalid username or password.")
    lines = [json.loads(line) for line in request.body.splitlines() if line.strip()]
    header = next(line["value"] for line in lines if line["key"] == "header")
    before = repository.files(repository.resolve(revision))
    changes = {}
    for line in lines:
        changes |= _change(line["key"], line["value"], before, request.hub.storage)
    if "README.md" in changes and changes["README.md"]:
        errors, _ = check_card(request.hub.storage.get(changes["README.md"]["sha256"]).decode(), kind)
        if errors:
            raise HubError(400, f"Invalid metadata in README.md: {'; '.join(errors)}")
    oid, number = repository.commit(
        revision,
        changes,
        title=header["summary"],
        message=header.get("description", ""),
        author=request.user["name"],
        expected=header.get("parentCommit"),
        pull_request=pull_request,
    )
    if kind == "space":
        repository.state["building"] = True
        repository.save()
    url = f"{request.hub.url}/{'' if kind == 'model' else kind + 's/'}{name}"
    answer = {"success": True, "commitOid": oid, "commitUrl": f"{url}/commit/{oid}"}
    if number:
        answer["pullRequestUrl"] = f"{url}/discussions/{number}"
    return Answer(answer)


def _change(key, value, before, storage):
    """What one line of a commit does: path to entry, or to None."""
    path = value.get("path", "")
    if ".." in path.split("/") or path.startswith(("/", ".git/")):
        raise HubError(400, f"invalid path {path!r}")
    if key == "file":
        content = base64.b64decode(value["content"], validate=True)
        if len(content) > REGULAR_LIMIT:
            raise HubError(413, f"{path} is too large for a regular file")
        return {path: storage.entry(content)}
    if key == "lfsFile":
        return {path: storage.lfs_entry(value["oid"])}
    if key in ("deletedFile", "deletedFolder"):
        gone = [name for name in before if name == path or name.startswith(path.rstrip("/") + "/")]
        if not gone:
            raise HubError(404, "A file with this name doesn't exist", "EntryNotFound")
        return dict.fromkeys(gone)
    return {}
