"""HTTP/2, and what is said inside of TLS, which nxgate doesn't see (docs/threat-model.md, "Not stopped")."""
import shutil

import pytest

from harness.http2 import Http2Site
from test_names import SHARED, app, attach, outside  # noqa: F401 (fixtures)

pytestmark = pytest.mark.skipif(not shutil.which("node"), reason="node isn't installed")

#: Asks for the hosts in turn, on one connection to the first.
CLIENT = """
const [first, ...others] = process.argv.slice(1);
const session = require("http2").connect(`https://${first}`, {rejectUnauthorized: false});
const ask = (hosts) => {
  if (hosts.length === 0) return session.close();
  const stream = session.request({":path": "/", ":authority": hosts[0]});
  stream.on("data", (data) => console.log(String(data))).on("end", () => ask(hosts.slice(1)));
  stream.on("error", () => {});
};
session.on("error", (error) => console.log(error.message));
ask([first, ...others]);
"""


@pytest.fixture
def inside(app, outside, attach):  # noqa: F811
    """A namespace whose programs resolve by nxgate; `bad.test` is at the address of `also.test`."""
    server = Http2Site(outside, SHARED)
    attach(app)
    app.resolv_conf("nameserver 198.51.100.53\n")
    (app.etc / "hosts").write_text(f"{SHARED} bad.test\n")
    yield app
    server.close()


def curl(inside, *arguments):
    done = inside.run("curl", "-ksS", *arguments)
    return done.stdout + done.stderr


def test_http2_passes_by_an_allowed_name(inside):
    assert curl(inside, "--http2", "https://also.test/") == "also.test by 2.0"
    assert inside.run("node", "-e", CLIENT, "also.test").stdout == "also.test by 2.0\n"
    assert "unrecognized name" in curl(inside, "--http2", "https://bad.test/")
    assert "unrecognized name" in inside.run("node", "-e", CLIENT, "bad.test").stdout


def test_another_host_inside_an_allowed_name_is_not_stopped(inside):
    """Domain fronting: whether it gets anywhere is up to the server."""
    assert curl(inside, "--http1.1", "-H", "Host: bad.test", "https://also.test/") == "bad.test by 1.1"


def test_another_host_on_an_allowed_http2_connection_is_not_stopped(inside):
    """Coalescing (RFC 9113 section 9.1.1): one handshake, whatever hosts the server's certificate has."""
    done = inside.run("node", "-e", CLIENT, "also.test", "bad.test")
    assert done.stdout == "also.test by 2.0\nbad.test by 2.0\n"
