"""GitHub as `hf extensions install` sees it, behind a proxy on the loopback interface: this checkout, over TLS."""

import ssl
import subprocess
import threading
import urllib.parse
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import create_connection

from tests.helpers import ROOT

HOSTS = ("github.com", "codeload.github.com", "raw.githubusercontent.com")
REPOSITORY = "/you/hf-textclf"
COMMIT = "0123456789" * 4


class Handler(BaseHTTPRequestHandler):
    """One connection: to us if it is meant for GitHub, else to where it wants."""

    protocol_version = "HTTP/1.1"
    github = None

    def log_message(self, *arguments):
        """Nothing on standard error."""

    def do_CONNECT(self):
        self.host, _, port = self.path.partition(":")
        try:
            there = None if self.host in HOSTS else create_connection((self.host, int(port)), timeout=60)
        except OSError as error:
            self.send_error(502, str(error))
            return
        self.send_response(200)
        self.end_headers()
        if there:
            threading.Thread(target=relay, args=(there, self.connection), daemon=True).start()
            relay(self.connection, there)
            self.close_connection = True
            return
        self.connection = self.github.tls.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        self.close_connection = False

    def do_GET(self):
        path = urllib.parse.urlsplit(self.path).path
        body, status, headers = b"", 200, {}
        match self.host, path.removeprefix(REPOSITORY):
            case "github.com", "":
                pass
            case "github.com", "/archive/HEAD.zip":
                status, headers = 302, {"Location": f"https://codeload.github.com{REPOSITORY}/zip/HEAD"}
            case "github.com", ".git/info/refs":
                body = f"001e# service=git-upload-pack\n0000{COMMIT} HEAD\0multi_ack\n".encode()
            case "codeload.github.com", "/zip/HEAD":
                body, headers = self.github.archive.read_bytes(), {"Content-Type": "application/zip"}
            case "raw.githubusercontent.com", name if name.removeprefix("/HEAD/") in self.github.names:
                body = (ROOT / name.removeprefix("/HEAD/")).read_bytes()
            case _:
                status = 404
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET


def relay(source, target):
    """Pass bytes on until one side has enough."""
    try:
        while data := source.recv(1 << 16):
            target.sendall(data)
    except OSError:
        pass
    finally:
        target.close()


class GitHub:
    """A running one. `url` is that of the proxy, `certificates` a file with ours beside those of the system."""

    def __init__(self, folder):
        key, own = folder / "key.pem", folder / "own.pem"
        names = ",".join(f"DNS:{host}" for host in HOSTS)
        make = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=github.com".split()
        # uv takes no certificate that might sign others for that of a host
        make += ["-addext", f"subjectAltName={names}", "-addext", "basicConstraints=critical,CA:FALSE"]
        subprocess.run([*make, "-keyout", key, "-out", own], check=True, capture_output=True)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(own, key)
        self.certificates = folder / "certificates.pem"
        self.certificates.write_bytes(own.read_bytes() + Path(ssl.get_default_verify_paths().cafile).read_bytes())

        # what a commit of all that lies here would hold
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
        self.names = {name for name in listed if (ROOT / name).is_file()}
        self.archive = folder / "HEAD.zip"
        with zipfile.ZipFile(self.archive, "w") as archive:
            for name in sorted(self.names):
                archive.write(ROOT / name, f"hf-textclf-HEAD/{name}")

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("BoundHandler", (Handler,), {"github": self}))
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
