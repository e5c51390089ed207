"""`dial = "host"`: a container on an internal network reaches allowed names, by the host."""
import pytest

from harness.engine import ENGINE_CONFIG
from harness.tls import HttpsSite
from harness.upstream import answer

ADDRESS = "192.52.193.7"
CONFIG = ENGINE_CONFIG + """
[policies.default]
allow = ["good.test", "inside.test"]

[policies.default.egress]
dial = "{dial}"
"""


@pytest.fixture
def site(engine):
    engine.outside.run("ip", "address", "replace", f"{ADDRESS}/32", "dev", "lo", check=True)
    made = HttpsSite(engine.outside, ADDRESS)
    yield made
    made.close()


@pytest.mark.parametrize("dial", ["namespace", "host"])
def test_a_container_without_a_way_out(engine, nxgate, upstream, site, dial):
    """`inside.test` is the host itself, which stays out of reach."""
    server = upstream({"good.test": answer(f"@ 60 A {ADDRESS}"), "inside.test": answer("@ 60 A 10.99.0.2")},
                      namespace=engine.outside, address="10.99.0.1")
    web = engine.run("web", "--add-host", f"bad.test:{ADDRESS}", network=engine.network("inner_net", "--internal"))
    nxgate("web", command="attach", namespace=engine.host, config=CONFIG.format(
        port=server.port, netns=engine.outside.path, socket=engine.socket, dial=dial))

    def fetch(url):
        done = web.run("curl", "-4", "-ksS", "-m", "2" if dial == "namespace" else "10", url)
        return done.stdout + done.stderr

    if dial == "namespace":
        assert "timed out" in fetch("https://good.test/")
        return
    assert fetch("https://good.test/") == fetch("http://good.test/") == site.PAGE.decode()
    assert "unrecognized name" in fetch("https://bad.test/")
    assert "access denied" in fetch("https://inside.test/")
