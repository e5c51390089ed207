"""The control socket, asked without our own client."""
import http.client
import json
import re
import socket
from collections import namedtuple
from urllib.parse import urlencode

Reply = namedtuple("Reply", "status body")


class Control(http.client.HTTPConnection):
    """`with Control(path) as control: control.ask("GET", "/v1/status")`; one connection for all."""

    def __init__(self, path):
        super().__init__("nxgate")
        self._path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(self._path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def ask(self, method, target, body=None, accept="*/*"):
        self.request(method, target, body=None if body is None else json.dumps(body),
                     headers={"Accept": accept})
        response = self.getresponse()
        return Reply(response.status, response.read().decode())

    def explain(self, name, qtype, client):
        query = urlencode({"name": name, "type": qtype, "client": client})
        return json.loads(self.ask("GET", f"/v1/explain?{query}").body)

    def readers(self):
        """How many watch."""
        text = self.ask("GET", "/metrics").body
        found = re.search(r"^nxgate_watchers (\d+)", text, re.M)
        return int(found[1])
