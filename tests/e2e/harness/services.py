"""What package managers, git and websockets connect to: one server, by HTTPS and HTTP."""
import base64
import hashlib
import http.server
import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from pathlib import Path

from harness.tls import WebServers

#: In whatever is fetched.
PROOF = "it came whole"
KEY_OF_WEBSOCKETS = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3


def make_git(root):
    """A repository with one commit."""
    work, bare = root / "work", root / "git/hello.git"
    work.mkdir()
    (work / "proof").write_text(PROOF)
    git = ["git", "-C", work, "-c", "user.name=t", "-c", "user.email=t@test", "-c", "init.defaultBranch=main"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", PROOF],
                      ["clone", "-q", "--bare", ".", bare]):
        subprocess.run([*git, *arguments], check=True, capture_output=True)


def make_wheel(root):
    """An index with one wheel (PEP 427, PEP 503)."""
    index = root / "simple/hello"
    index.mkdir(parents=True)
    info = "hello-1.0.dist-info"
    with zipfile.ZipFile(index / "hello-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("hello.py", f"print({PROOF!r})\n")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: hello\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    (index / "index.html").write_text('<a href="hello-1.0-py3-none-any.whl">hello</a>')


def make_deb(root):
    """A flat repository with one package."""
    tree = root / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    control = f"Package: hello\nVersion: 1.0\nArchitecture: all\nMaintainer: t <t@test>\nDescription: {PROOF}\n"
    (tree / "DEBIAN/control").write_text(control)
    (root / "apt").mkdir()
    deb = root / "apt/hello.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", tree, deb], check=True, capture_output=True)
    digest = hashlib.sha256(deb.read_bytes()).hexdigest()
    (root / "apt/Packages").write_text(
        f"{control}Filename: ./hello.deb\nSize: {deb.stat().st_size}\nSHA256: {digest}\n")


def make_npm(root):
    """What a registry says of one package, with NAME for that of the registry."""
    (root / "npm").mkdir()
    described = {"name": "hello", "version": "1.0.0", "description": PROOF}
    with tarfile.open(root / "npm/hello.tgz", "w:gz") as archive:
        text = json.dumps(described).encode()
        entry = tarfile.TarInfo("package/package.json")
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text))
    digest = hashlib.sha1((root / "npm/hello.tgz").read_bytes()).hexdigest()
    version = {**described, "dist": {"tarball": "https://NAME/npm/hello.tgz", "shasum": digest}}
    (root / "npm/hello").write_text(json.dumps(
        {"name": "hello", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}))


class Handler(http.server.BaseHTTPRequestHandler):
    """Files below `root`, git's own server, and an echo by websocket."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.hosts.append(self.headers.get("Host"))
        if self.path.startswith("/git/"):
            return self._git()
        if self.headers.get("Upgrade", "").lower() == "websocket":
            return self._websocket()
        file = self.server.root / self.path.lstrip("/")
        if file.is_dir():
            file /= "index.html"
        if not file.is_file():
            return self._reply(b"", status=404)
        body = file.read_bytes().replace(b"//NAME/", b"//%s/" % self.headers.get("Host", "").encode())
        return self._reply(body, {"Content-Type": "text/html" if file.suffix == ".html" else "text/plain"})

    do_POST = do_GET

    def _reply(self, body, fields=None, status=200):
        self.send_response(status)
        for name, value in {**(fields or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _git(self):
        path, _, query = self.path.partition("?")
        length = int(self.headers.get("Content-Length", 0))
        done = subprocess.run(
            ["git", "http-backend"], input=self.rfile.read(length), capture_output=True, check=True,
            env={**os.environ, "GIT_PROJECT_ROOT": str(self.server.root), "GIT_HTTP_EXPORT_ALL": "1",
                 "PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": self.command,
                 "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                 "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                 "GIT_PROTOCOL": self.headers.get("Git-Protocol", "")})
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        self._reply(body, dict(line.split(": ", 1) for line in head.decode().splitlines()))

    def _websocket(self):
        key = self.headers["Sec-WebSocket-Key"].encode()
        accepted = base64.b64encode(hashlib.sha1(key + KEY_OF_WEBSOCKETS).digest()).decode()
        self.send_response(101)
        for name, value in (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accepted)):
            self.send_header(name, value)
        self.end_headers()
        kind, size = self.rfile.read(2)
        mask = self.rfile.read(4)
        said = bytes(octet ^ mask[i % 4] for i, octet in enumerate(self.rfile.read(size & 0x7f)))
        self.wfile.write(bytes([kind, len(said)]) + said)
        self.close_connection = True

    def log_message(self, *_):
        pass


class Services:
    """At one address of a namespace. `names` has what clients said in TLS, `hosts` is theirs in HTTP."""

    def __init__(self, namespace, address):
        self.hosts = []
        self.root = Path(tempfile.mkdtemp(prefix="nxgate-test-"))
        (self.root / "page").write_text(PROOF)
        for make in (make_git, make_wheel, make_deb, make_npm):
            make(self.root)
        self.web = WebServers(namespace, address, Handler, root=self.root, hosts=self.hosts)
        self.names = self.web.names

    def close(self):
        self.web.close()
        shutil.rmtree(self.root)
