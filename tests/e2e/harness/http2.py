"""A site by HTTP/2, which no Python of Debian's serves: Node's."""
import subprocess

from harness.tls import certificate

#: Says which host it was asked for, and by which version of HTTP.
SERVER = """
const fs = require("fs"), [cert, key, address] = process.argv.slice(1);
const settings = {cert: fs.readFileSync(cert), key: fs.readFileSync(key), allowHTTP1: true};
require("http2").createSecureServer(settings, (request, answer) =>
    answer.end(`${request.headers[":authority"] || request.headers.host} by ${request.httpVersion}`)
).listen(443, address, () => console.log("ready"));
"""


class Http2Site:
    """At port 443 of an address of a namespace."""

    def __init__(self, namespace, address):
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", namespace.name, "node", "-e", SERVER, *certificate(), address],
            stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def close(self):
        self.process.kill()
        self.process.wait()
