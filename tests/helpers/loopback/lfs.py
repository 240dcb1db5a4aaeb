"""Large files: https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md, with parts as the Hub sends them."""

import hashlib
import math

from .files import ranged
from .messages import Answer
from .storage import HubError


def batch(request, kind, name):
    """Say for each object where to send it, or nothing if it is here already."""
    values = request.json
    # a pull request comes without a branch, from people who may not write
    request.repository(kind, name, write="ref" in values)
    if values["operation"] != "upload" or values.get("hash_algo", "sha256") != "sha256":
        raise HubError(422, "expected an upload, named by sha256")
    prefix = "" if kind == "model" else f"{kind}s/"
    verify_at = f"{request.hub.url}/{prefix}{name}.git/info/lfs/objects/verify"
    objects = []
    for item in values["objects"]:
        answer = {"oid": item["oid"], "size": item["size"]}
        if request.hub.storage.size(item["oid"]) is None:
            upload = _upload(request.hub, item["oid"], item["size"])
            answer["actions"] = {"upload": upload, "verify": {"href": verify_at, "header": {}}}
        objects.append(answer)
    return {"transfer": "basic", "objects": objects}


def _upload(hub, oid, size):
    def address(place):
        return f"{hub.url}/lfs-store/{oid}/{place}?signature={hub.signature}"

    if size <= hub.part_size:
        return {"href": address(0), "header": {}}
    count = math.ceil(size / hub.part_size)
    header = {f"{number:05}": address(number) for number in range(1, count + 1)}
    return {"href": address("complete"), "header": header | {"chunk_size": str(hub.part_size)}}


def receive(request, oid, number):
    """A large file, or one part of it; what it holds is checked at the end."""
    _check_signature(request)
    (request.hub.storage.incoming / f"{oid}.{number}").write_bytes(request.body)
    return Answer(b"", headers={"ETag": f'"{hashlib.md5(request.body).hexdigest()}"'})


def complete(request, oid):
    """Put the parts together."""
    _check_signature(request)
    incoming = request.hub.storage.incoming
    parts = []
    for place, part in enumerate(request.json["parts"], 1):
        path = incoming / f"{oid}.{part['partNumber']}"
        if part["partNumber"] != place or not path.is_file():
            raise HubError(400, f"part {part['partNumber']} is missing or out of order")
        parts.append(path.read_bytes())
        if part["etag"].strip('"') != hashlib.md5(parts[-1]).hexdigest():
            raise HubError(400, f"part {place} is not what was sent")
    (incoming / f"{oid}.0").write_bytes(b"".join(parts))
    return {}


def verify(request, kind, name):
    """Keep what came if it is what it was said to be."""
    request.repository(kind, name)
    oid, size = request.json["oid"], request.json["size"]
    path = request.hub.storage.incoming / f"{oid}.0"
    content = path.read_bytes() if path.is_file() else None
    if content is None and request.hub.storage.size(oid) is None:
        raise HubError(404, f"object {oid} was not uploaded")
    if content is not None:
        path.unlink()
        if len(content) != size or hashlib.sha256(content).hexdigest() != oid:
            raise HubError(400, f"object {oid} does not have the hash or the size that it was announced with")
        request.hub.storage.put(content)
    return {}


def send(request, oid):
    """The bytes of a large file."""
    _check_signature(request)
    if request.hub.storage.size(oid) is None:
        raise HubError(404, "no such object")
    return ranged(request, request.hub.storage.get(oid), {"ETag": f'"{oid}"'})


def _check_signature(request):
    if request.query.get("signature") != [request.hub.signature]:
        raise HubError(403, "Access denied: the address is not signed")
