"""Which function answers which request. `{id}` is namespace/name; what a client quotes arrives unquoted."""

import re
import urllib.parse

from . import account, files, jobs, lfs, refs, repositories, spaces
from .storage import HubError

KINDS = {"models": "model", "datasets": "dataset", "spaces": "space"}
PARTS = {
    "{kind}": r"(?P<kind>models|datasets|spaces)",
    # models have no prefix in the addresses of their files
    "{prefix}": r"(?P<kind>datasets/|spaces/|)",
    "{id}": r"(?P<name>[\w.-]+/[\w.-]+?)",
    "{revision}": r"(?P<revision>[^/]+)",
    "{path}": r"(?P<path>.+)",
    "{number}": r"(?P<number>\d+)",
    "{owner}": r"(?P<owner>[\w.-]+)",
    "{job}": r"(?P<job>[0-9a-f]{24})",
    "{oid}": r"(?P<oid>[0-9a-f]{64})",
}
TABLE = [
    ("GET /api/whoami-v2", account.whoami),
    ("POST /api/validate-yaml", account.validate_yaml),
    ("POST /api/repos/create", repositories.create),
    ("DELETE /api/repos/delete", repositories.delete),
    ("GET /api/{kind}/{id}/refs", refs.list_refs),
    ("GET /api/{kind}/{id}/commits/{revision}", refs.list_commits),
    ("POST /api/{kind}/{id}/branch/{revision}", refs.create_branch),
    ("DELETE /api/{kind}/{id}/branch/{revision}", refs.delete_branch),
    ("POST /api/{kind}/{id}/tag/{revision}", refs.create_tag),
    ("DELETE /api/{kind}/{id}/tag/{revision}", refs.delete_tag),
    ("POST /api/{kind}/{id}/discussions", refs.open_discussion),
    ("GET /api/{kind}/{id}/discussions/{number}", refs.show_discussion),
    ("POST /api/{kind}/{id}/discussions/{number}/merge", refs.merge),
    ("POST /api/{kind}/{id}/preupload/{revision}", repositories.preupload),
    ("POST /api/{kind}/{id}/commit/{revision}", repositories.commit),
    ("GET /api/{kind}/{id}/tree/{revision}", files.tree),
    ("GET /api/{kind}/{id}/tree/{revision}/{path}", files.tree),
    ("POST /api/{kind}/{id}/paths-info/{revision}", files.paths_info),
    ("GET /api/{kind}/{id}/revision/{revision}", files.info),
    ("GET /api/{kind}/{id}/runtime", spaces.runtime),
    ("GET /api/{kind}/{id}/variables", spaces.list_variables),
    ("POST /api/{kind}/{id}/variables", spaces.add_variable),
    ("DELETE /api/{kind}/{id}/variables", spaces.delete_variable),
    ("GET /api/{kind}/{id}/secrets", spaces.list_secrets),
    ("POST /api/{kind}/{id}/secrets", spaces.add_secret),
    ("DELETE /api/{kind}/{id}/secrets", spaces.delete_secret),
    ("POST /api/{kind}/{id}/hardware", spaces.request_hardware),
    ("POST /api/{kind}/{id}/restart", spaces.restart),
    ("GET /api/{kind}/{id}", files.info),
    ("GET /api/jobs/hardware", jobs.hardware),
    ("POST /api/jobs/{owner}", jobs.create),
    ("GET /api/jobs/{owner}", jobs.list_jobs),
    ("GET /api/jobs/{owner}/{job}", jobs.inspect),
    ("GET /api/jobs/{owner}/{job}/logs", jobs.logs),
    ("POST /api/jobs/{owner}/{job}/cancel", jobs.cancel),
    ("POST /{prefix}{id}.git/info/lfs/objects/batch", lfs.batch),
    ("POST /{prefix}{id}.git/info/lfs/objects/verify", lfs.verify),
    ("PUT /lfs-store/{oid}/{number}", lfs.receive),
    ("POST /lfs-store/{oid}/complete", lfs.complete),
    ("GET /lfs-store/{oid}", lfs.send),
    ("GET /{prefix}{id}/resolve/{revision}/{path}", files.resolve),
]


def _compiled(pattern):
    for name, expression in PARTS.items():
        pattern = pattern.replace(name, expression)
    return re.compile(pattern)


ROUTES = [(_compiled(pattern), function) for pattern, function in TABLE]


def find_route(method, path):
    """The function for a request and what it is to be called with; a HEAD is a GET whose body stays here."""
    line = f"{'GET' if method == 'HEAD' else method} {path}"
    for pattern, function in ROUTES:
        if found := pattern.fullmatch(line):
            names = {name: urllib.parse.unquote(value) for name, value in found.groupdict().items()}
            if "kind" in names:
                names["kind"] = KINDS[names["kind"].rstrip("/") or "models"]
            return function, names
    raise HubError(404, f"{line} is no route of this Hub")
