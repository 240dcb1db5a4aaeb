"""What comes in and what goes out, as the routes see it, and who may see which repository."""

import json
import urllib.parse
from dataclasses import dataclass, field

from .storage import HubError


@dataclass
class Request:
    """method, path, query (name to list of values), headers, body, the user who sends it (None: nobody)."""

    hub: object
    method: str
    path: str
    query: dict
    headers: dict
    body: bytes
    user: dict | None

    @property
    def json(self):
        """The body, read as JSON."""
        try:
            return json.loads(self.body or b"{}")
        except json.JSONDecodeError as error:
            raise HubError(400, f"not JSON: {error}") from error

    @property
    def form(self):
        """The body of a form: name to list of values."""
        return urllib.parse.parse_qs(self.body.decode())

    def flag(self, name):
        """Whether the query switches something on."""
        return self.query.get(name, ["0"])[0].lower() in ("1", "true")

    def writer(self, owner):
        """The name of the user, who must be allowed to write into what `owner` owns."""
        if self.user is None:
            raise HubError(401, "Invalid username or password.")
        if self.user["role"] != "write" or self.user["name"] != owner:
            raise HubError(403, f"Forbidden: you don't have the required permissions to write to {owner}")
        return self.user["name"]

    def repository(self, kind, name, *, write=False):
        """A repository that the user may see, or with `write` change."""
        try:
            repository = self.hub.storage.repository(kind, name)
            if repository.state["private"] and (self.user or {}).get("name") != name.split("/")[0]:
                raise HubError(404, "Repository not found", "RepoNotFound")
        except HubError as error:
            # who is nobody does not even learn that there is nothing
            if self.user is None:
                raise HubError(401, "Invalid username or password.", "RepoNotFound") from error
            raise
        if write:
            self.writer(name.split("/")[0])
        return repository


@dataclass
class Answer:
    """`content` is bytes, an iterator of them to be sent as they come, or anything that JSON can hold."""

    content: object = None
    status: int = 200
    headers: dict = field(default_factory=dict)

    @classmethod
    def of_error(cls, error, headers=None):
        told = {"X-Error-Message": error.message.replace("\n", " ")} | error.headers
        if error.code:
            told["X-Error-Code"] = error.code
        return cls({"error": error.message} | error.body, error.status, told | (headers or {}))
