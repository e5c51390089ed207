"""Without a foot in any container: nxgate as the server that containers are told of by --dns."""
import pytest

from harness import image
from harness.nxgate import BINARY, SANITIZED
from harness.timing import wait_for
from harness.upstream import answer

ALLOWED, ADDRESS = "allowed.test", "203.0.113.7"
GATEWAY = "172.30.53.1"
SUBNET = ["--subnet", "172.30.53.0/24", "--gateway", GATEWAY]


@pytest.fixture
def on_gateway(engine, nxgate, upstream):
    """nxgate on an address of the engine's host that isn't there yet."""
    server = upstream({ALLOWED: answer(f"@ 60 A {ADDRESS}")}, namespace=engine.outside,
                      address="10.99.0.1")
    return nxgate("--freebind", "--allow", ALLOWED, "--upstream",
                  f"10.99.0.1:{server.port}@{engine.outside.path}",
                  listen=[f"{GATEWAY}:53@{engine.host.path}"])


def assert_gated(container):
    """As libc asks, and without waiting."""
    assert container.run("getent", "ahostsv4", ALLOWED).stdout.split()[0] == ADDRESS
    assert "status: NXDOMAIN" in container.run("dig", "+tries=1", "tired.com").stdout


@pytest.mark.parametrize("options", [[], ["--internal"]], ids=["network", "internal"])
def test_on_the_gateways_address(engine, on_gateway, options):
    engine.network("served", *SUBNET, *options)
    web = engine.run("web", "--dns", GATEWAY, network="served")
    assert_gated(web)
    db = engine.run("db", "--dns", GATEWAY, network="served")
    assert db.address("served") in web.run("getent", "ahostsv4", "db").stdout


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's runtime isn't in the container's image")
def test_as_a_container_of_its_own(engine):
    with image.build_with(BINARY) as tar:
        engine.docker("import", "-c", 'CMD ["nxgate"]', tar, "nxgate-server:1")
    engine.network("served", *SUBNET)
    dns = engine.run("dns", "--ip", "172.30.53.53", network="served", image="nxgate-server:1", command=[
        "nxgate", "serve", "--user", "65534", "--listen", "172.30.53.53:53", "--allow", ALLOWED,
        "--record", f"{ALLOWED} A {ADDRESS}"])
    wait_for(lambda: "ready:" in dns.logs())
    assert_gated(engine.run("web", "--dns", "172.30.53.53", network="served"))
