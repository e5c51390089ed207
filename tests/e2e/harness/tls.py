"""TLS servers and clients of tests."""
import contextlib
import http.server
import socket
import ssl
import subprocess
import tempfile
import threading
from pathlib import Path

_MADE = {}


def certificate():
    """A certificate for anything, with its key, made once a run."""
    if not _MADE:
        directory = tempfile.TemporaryDirectory(prefix="nxgate-test-")
        _MADE["directory"] = directory
        for name in ("cert", "key"):
            _MADE[name] = Path(directory.name) / f"{name}.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-subj", "/CN=test", "-keyout", _MADE["key"], "-out", _MADE["cert"]],
                       check=True, capture_output=True)
    return _MADE["cert"], _MADE["key"]


class TlsServer:
    """At one address of a namespace: sends the name it was asked for, then echoes. `names` has all
    that clients said."""

    def __init__(self, namespace, address, port=443):
        self.names = []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*certificate())
        self.context.sni_callback = self._note
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.listener = namespace.call(self._listen, family, address, port)
        threading.Thread(target=self._accept, daemon=True).start()

    @staticmethod
    def _listen(family, address, port):
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(512)
        return listener

    def _note(self, connection, name, _context):
        connection.said = name or ""
        self.names.append(name or "")

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with contextlib.suppress(OSError), connection:
            with self.context.wrap_socket(connection, server_side=True) as inside:
                inside.sendall(f"you asked for {getattr(inside, 'said', '')}\n".encode())
                while data := inside.recv(65536):
                    inside.sendall(data)

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def tls_client(**settings):
    """A context that believes every certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for name, value in settings.items():
        setattr(context, name, value)
    return context


class WebServers:
    """HTTP and HTTPS at ports 80 and 443 of an address, by one handler, of whose `server` these are attributes.
    `names` has all that clients said in TLS."""

    def __init__(self, namespace, address, handler, **attributes):
        self.names = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate())
        context.sni_callback = lambda _connection, name, _context: self.names.append(name)
        self.servers = []
        for port in (80, 443):
            listener = namespace.call(TlsServer._listen, socket.AF_INET, address, port)
            server = http.server.ThreadingHTTPServer((address, port), handler, bind_and_activate=False)
            server.socket.close()
            server.daemon_threads = True
            vars(server).update(attributes)
            server.socket = listener if port == 80 else context.wrap_socket(
                listener, server_side=True, do_handshake_on_connect=False)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            self.servers.append(server)

    def close(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()


class HttpsSite:
    """Pages by HTTPS and HTTP at one address of a namespace: PAGE for every path."""

    PAGE = b"the page\n"

    def __init__(self, namespace, address):
        self.hosts = []
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                site.hosts.append(self.headers["Host"])
                self.send_response(200)
                self.send_header("Content-Length", str(len(site.PAGE)))
                self.end_headers()
                self.wfile.write(site.PAGE)

            def log_message(self, *_):
                pass

        self.web = WebServers(namespace, address, Handler)

    def close(self):
        self.web.close()
