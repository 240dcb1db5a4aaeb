"""The server: reads a request, asks the routes, writes the answer; and the face that tests talk to."""

import json
import re
import secrets
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .failures import Dropped, Failures, pieces, spoil
from .messages import Answer, Request
from .routes import find_route
from .storage import HubError, Storage

# who may do what; these are no tokens of anybody
WRITER, READER, STRANGER = "hf_loopbackwriter", "hf_loopbackreader", "hf_loopbackstranger"
TOKENS = {
    WRITER: {"name": "you", "role": "write"},
    READER: {"name": "you", "role": "read"},
    STRANGER: {"name": "stranger", "role": "write"},
}


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    # headers and body are two packets; the second must not wait until the first is acknowledged
    disable_nagle_algorithm = True
    hub = None

    def log_message(self, *arguments):
        """Nothing on standard error: `Hub.requests` has it all."""

    def handle_any(self):
        line = f"{self.command} {self.path}"
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.hub.requests.append((self.command, self.path, headers))
        failure = self.hub.failures.take(line)
        try:
            body = self._body(headers, failure.after if failure else None)
            if failure and failure.drop:
                raise Dropped
            if failure and failure.corrupt:
                body = spoil(body)
            if failure and failure.status:
                error = HubError(failure.status, failure.message, failure.code)
                answer = Answer.of_error(error, failure.headers)
                answer.content = failure.body or answer.content
            else:
                answer = self._route(headers, body)
            self._send(answer, failure)
        except (Dropped, ConnectionError):
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_any

    def _body(self, headers, limit):
        if headers.get("transfer-encoding", "").lower() == "chunked":
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        length = int(headers.get("content-length") or 0)
        if limit is not None and limit < length:
            # what is left unread would be taken for the next request
            self.close_connection = True
            return self.rfile.read(limit)
        body = self.rfile.read(length)
        if len(body) < length:
            raise Dropped
        return body

    def _route(self, headers, body):
        parsed = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(parsed.query, keep_blank_values=True)
        try:
            user = self.hub.user_of(headers)
            route, names = find_route(self.command, parsed.path)
            request = Request(self.hub, self.command, parsed.path, query, headers, body, user)
            with self.hub.lock:
                answer = route(request, **names)
            return answer if isinstance(answer, Answer) else Answer(answer)
        except HubError as error:
            return Answer.of_error(error)

    def _send(self, answer, failure):
        content, headers = answer.content, {"Content-Type": "application/json"}
        # the end of what has no length is the end of the connection
        self.close_connection |= (streamed := isinstance(content, Iterator))
        if not streamed:
            content = content if isinstance(content, bytes) else json.dumps(content).encode()
            headers["Content-Length"] = str(len(content))
        headers |= answer.headers
        self.send_response(answer.status)
        for name, value in headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            for piece in content if streamed else pieces(content, failure):
                self.wfile.write(piece)
                self.wfile.flush()


class Hub:
    """A running Hub. `url` is its address, `requests` what came in: (method, path, headers), `jobs` those of all."""

    def __init__(self, root):
        self.storage, self.failures, self.lock = Storage(root), Failures(), threading.RLock()
        self.requests, self.jobs = [], {}
        # files larger than this are sent in parts of this size; a listing has so many entries on a page
        self.part_size, self.page_size = 8_000_000, 1000
        # what allows to send or fetch a large file without a token
        self.signature = secrets.token_hex(8)
        handler = type("BoundHandler", (Handler,), {"hub": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        # large files lie on another host, where the token must not go
        self.store_url = f"http://localhost:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def close(self):
        for job in self.jobs.values():
            job.end("CANCELED")
        self.server.shutdown()
        self.server.server_close()

    def user_of(self, headers):
        """Who sends a request; a token that nobody has is refused, none at all is not."""
        token = headers.get("authorization", "").removeprefix("Bearer ").strip()
        if token and token not in TOKENS:
            raise HubError(401, "Invalid credentials in Authorization header")
        return TOKENS.get(token)

    def fail(self, pattern, **options):
        """Spoil the next request that matches; options as in `failures.Failure`."""
        self.failures.add(pattern, **options)

    def count(self, pattern):
        """How many requests matched."""
        return sum(bool(re.search(pattern, f"{method} {path}")) for method, path, _ in self.requests)

    def read(self, name, path, *, kind="model", revision="main"):
        """The bytes of a file, None where there is none."""
        repository = self.storage.repository(kind, name)
        entry = repository.files(repository.resolve(revision)).get(path)
        return entry and self.storage.get(entry["sha256"])

    def files(self, name, *, kind="model", revision="main"):
        """The paths of a repository, sorted."""
        repository = self.storage.repository(kind, name)
        return sorted(repository.files(repository.resolve(revision)))
