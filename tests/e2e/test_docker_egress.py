"""The firewall in containers of a real engine."""
import pytest

from harness.engine import ENGINE_CONFIG
from harness.nxgate import run
from harness.sites import Sites
from harness.upstream import answer

#: Of AMT (RFC 7450), which IANA calls globally reachable, as those for documentation are not.
ALLOWED, ADDRESS = "allowed.test", "192.52.193.7"
OTHER = "192.52.193.8"
REFUSED = 7  # of curl(1): failed to connect

CONFIG = ENGINE_CONFIG + """
[policies.default]
allow = ["{allowed}"]

[policies.default.egress]
check-names = []
never = ["metadata", "private"]
{egress}
"""


@pytest.fixture
def sites(engine):
    """Web sites outside, at an allowed address and at another one."""
    for address in (ADDRESS, OTHER):
        engine.outside.run("ip", "address", "replace", f"{address}/32", "dev", "lo", check=True)
    made = Sites(engine.outside, (8080,), page=b"hello")
    yield made
    made.close()


@pytest.fixture
def attach(nxgate, upstream, engine, sites):
    server = upstream({ALLOWED: answer(f"@ 60 A {ADDRESS}")}, namespace=engine.outside,
                      address="10.99.0.1")

    def start(*arguments, egress=""):
        return nxgate(*arguments, command="attach", config=CONFIG.format(
            port=server.port, netns=engine.outside.path, socket=engine.socket, allowed=ALLOWED,
            egress=egress))

    return start


def fetch(container, host):
    """The page, or curl's exit status."""
    done = container.run("curl", "-s", "-m", "5", f"http://{host}:8080/")
    return done.stdout if done.returncode == 0 else done.returncode


def serve(container):
    """A web server in a container."""
    container.engine.docker("exec", container.name, "sh", "-c", "echo neighbour >/tmp/index.html; "
                            "busybox httpd -p 8080 -h /tmp")


@pytest.mark.parametrize("network", ["app_net", None], ids=["own", "bridge"])
def test_only_allowed_names_lead_anywhere(engine, attach, network):
    web = engine.run("web", network=network and engine.network(network))
    attach("web")
    assert fetch(web, OTHER) == REFUSED
    assert fetch(web, ADDRESS) == REFUSED, "nobody asked for the name yet"
    assert fetch(web, ALLOWED) == "hello"
    assert fetch(web, ADDRESS) == "hello"
    assert fetch(web, OTHER) == REFUSED


def test_other_containers_are_open_by_name(engine, attach):
    network = engine.network("app_net")
    web, db = engine.run("web", network=network), engine.run("db", network=network)
    serve(db)
    attach("web")
    assert fetch(web, db.address(network)) == REFUSED
    assert fetch(web, "db") == "neighbour\n", "though private ranges are never open"
    assert fetch(web, db.address(network)) == "neighbour\n"


def test_whole_networks_are_open_by_option(engine, attach):
    network = engine.network("app_net")
    web, db = engine.run("web", network=network), engine.run("db", network=network)
    serve(db)
    attach("web", egress="networks = true")
    assert fetch(web, db.address(network)) == "neighbour\n"


def test_a_network_joined_later_is_covered_too(engine, attach):
    web = engine.run("web", network=engine.network("app_net"))
    attach("web")
    engine.docker("network", "connect", engine.network("more_net"), "web")
    assert fetch(web, OTHER) == REFUSED
    assert fetch(web, ALLOWED) == "hello"


def test_a_published_port_is_reached(engine, attach):
    web = engine.run("web", "-p", "8081:8080", network=engine.network("app_net"))
    serve(web)
    attach("web")
    done = engine.outside.run("curl", "-s", "-m", "5", "http://10.99.0.2:8081/")
    assert done.stdout == "neighbour\n"
    assert fetch(web, OTHER) == REFUSED


def test_a_container_on_several_networks(engine, attach):
    web = engine.run("web", network=engine.network("app_net"))
    second = engine.network("more_net")
    db = engine.run("db", network=second)
    serve(db)
    serve(web)
    engine.docker("network", "connect", second, "web")
    attach("web")
    assert fetch(web, "db") == "neighbour\n"
    assert fetch(db, web.address(second)) == "neighbour\n"
    assert fetch(web, ALLOWED) == "hello"
    assert fetch(web, OTHER) == REFUSED


def test_a_container_with_macvlan(engine, attach):
    network = engine.network("lan", "-d", "macvlan", "-o", "parent=eth0", "--subnet", "10.99.0.0/24",
                             "--gateway", "10.99.0.1", "--ip-range", "10.99.0.64/26")
    web = engine.run("web", network=network)
    serve(web)
    attach("web")
    assert fetch(web, ALLOWED) == "hello"
    assert fetch(web, OTHER) == REFUSED
    done = engine.outside.run("curl", "-s", "-m", "5", f"http://{web.address(network)}:8080/")
    assert done.stdout == "neighbour\n"


def test_one_that_can_undo_it_is_named(engine, attach):
    engine.run("web", "--cap-add", "NET_ADMIN")
    server = attach("web")
    server.wait_for_log("web: .*NET_ADMIN")


def test_a_stop_leaves_it_closed_until_it_is_detached(engine, attach):
    web = engine.run("web", network=engine.network("app_net"))
    before = web.rules()
    server = attach("web")
    assert "nxgate_egress" in web.rules()
    server.stop()
    assert "web stays closed" in server.log_text()
    assert fetch(web, OTHER) == REFUSED
    assert "web: detached" in run("detach", "web", "--engine", engine.socket).stdout
    assert web.rules() == before
    assert fetch(web, OTHER) == "hello"
    assert "was not attached" in run("detach", "web", "--engine", engine.socket).stdout
