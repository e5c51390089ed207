"""Links that come after a namespace was attached carry nothing that the rules don't let pass.

A program with NET_RAW floods every link that it sees by packet sockets and by AF_XDP while links are
made, renamed, moved and joined by the engine. What gets out is counted at the other end.
"""
import os
import re
import socket
import subprocess
import time

import pytest

from harness import frames
from harness.timing import wait_for
from harness.upstream import answer

CONFIG = """
[upstreams.default]
servers = ["127.0.0.1:{port}"]
netns = "{netns}"
[policies.default]
allow = ["web.test"]
[policies.default.egress]
check-names = []
networks = {networks}
"""


def link(*arguments):
    subprocess.run(["ip", *map(str, arguments)], check=True)


@pytest.fixture
def outside(namespace):
    return namespace("outside")


@pytest.fixture
def app(namespace, outside):
    inside = namespace("app")
    inside.join(outside, "10.77.0.2/24", "10.77.0.1/24")
    return inside


@pytest.fixture
def attach(nxgate, upstream, outside):
    server = upstream({"web.test": answer("@ 60 A 203.0.113.7")}, namespace=outside)

    def start(inside, networks="false"):
        return nxgate("--netns", inside.path, command="attach", config=CONFIG.format(
            port=server.port, netns=outside.path, networks=networks))

    return start


@pytest.fixture(scope="session")
def sender(tmp_path_factory):
    return frames.build(tmp_path_factory.mktemp("frames"))


def add_link(app, outside, name, up=True):
    """A veth pair of which both ends are up at once; the far end is called as the near one."""
    link("-n", outside.name, "link", "add", name, "type", "veth", "peer", "name", name, "netns",
         app.name)
    link("-n", outside.name, "link", "set", name, "up")
    if up:
        link("-n", app.name, "link", "set", name, "up")


@pytest.fixture
def flood(app, outside, sender):
    """flood(kind): a program of `app` that sends on each link that is there, as fast as it can."""
    running = []

    def start(kind):
        counter = frames.Counter(outside)
        process = app.popen(sender, "flood", kind)
        running.append((process, counter))
        return counter

    yield start
    for process, counter in running:
        process.kill()
        process.wait()
        counter.close()


def settled(counter):
    """Frames so far, once none has come for a moment."""
    while counter.count(0.3):
        pass


@pytest.mark.parametrize("kind", frames.KINDS)
def test_a_flood_gets_out_without_nxgate(app, outside, flood, kind):
    counter = flood(kind)
    assert counter.count(1)
    add_link(app, outside, "late0")
    assert counter.count(1, "late0")


def assert_closed(counter, server, kind, name):
    """Nothing comes out any more; or, since who asks first for a queue of a new link has it, nxgate
    says who has one."""
    if kind == "xdp" and counter.count(0.5, name):
        server.wait_for_log(f"a program has an AF_XDP socket on {name}")
    else:
        assert counter.count(0.5, name) == 0, "it stays open"


@pytest.mark.parametrize("kind", frames.KINDS)
def test_a_link_that_comes_later_is_closed_before_it_is_up(attach, app, outside, flood, kind):
    server = attach(app)
    counter = flood(kind)
    add_link(app, outside, "late0", up=False)
    time.sleep(0.2)  # an engine takes some ms from making a link until it is up
    link("-n", app.name, "link", "set", "late0", "up")
    assert_closed(counter, server, kind, "late0")
    assert counter.count(0.1, "eth0") == 0


@pytest.mark.parametrize("kind", frames.KINDS)
def test_one_that_is_up_at_once_is_closed_within_milliseconds(attach, app, outside, flood, kind):
    server = attach(app)
    counter = flood(kind)
    out = []
    for number in range(5):
        add_link(app, outside, f"late{number}")
        out.append(counter.spread(0.3, f"late{number}"))
        assert_closed(counter, server, kind, f"late{number}")
    print("frames and seconds until it was closed:", out)
    assert kind == "xdp" or max(seconds for _, seconds in out) < 0.25


@pytest.mark.parametrize("kind", frames.KINDS)
def test_renamed_moved_and_made_anew_it_stays_closed(attach, app, outside, namespace, flood, kind):
    server = attach(app)
    elsewhere = namespace("elsewhere")
    counter = flood(kind)
    link("-n", app.name, "link", "set", "eth0", "down")
    link("-n", app.name, "link", "set", "eth0", "name", "other0")
    link("-n", app.name, "link", "set", "other0", "up")
    counter.count(0.3)
    assert counter.count(0.5) == 0, "renamed"
    link("-n", app.name, "link", "set", "other0", "netns", elsewhere.name)
    link("-n", elsewhere.name, "link", "set", "other0", "netns", app.name)
    link("-n", app.name, "link", "set", "other0", "up")
    counter.count(0.3)
    if kind == "xdp" and counter.count(0.5):
        server.wait_for_log("a program has an AF_XDP socket on other0")
    else:
        assert counter.count(0.5) == 0, "moved out and in again"
    link("-n", app.name, "link", "del", "other0")
    add_link(app, outside, "other0")
    counter.count(0.3)
    assert_closed(counter, server, kind, "other0")


def kernel():
    """From 6.16 on links are covered by name before they are there."""
    return tuple(map(int, re.match(r"(\d+)\.(\d+)", os.uname().release).groups()))


ENGINE_CONFIG = """
[docker]
socket = "{socket}"
[policies.default]
allow = ["web.test"]
[policies.default.egress]
check-names = []
"""


@pytest.mark.parametrize("kind", frames.KINDS)
def test_a_network_that_an_engine_connects_is_closed(nxgate, engine, sender, kind):
    web = engine.run("web", network=engine.network("app_net"))
    engine.docker("cp", sender, f"{web.name}:/tmp/frames")
    flooding = subprocess.Popen(["nsenter", "-t", str(web.pid), "-n", sender, "flood", kind])
    counter = frames.Counter(engine.host)
    try:
        assert counter.count(0.5), "it shows nothing if it doesn't work without nxgate"
        flooding.kill()
        flooding.wait()
        server = nxgate("web", command="attach", config=ENGINE_CONFIG.format(socket=engine.socket))
        # In the container itself, as its root with the capabilities that the engine gives.
        engine.docker("exec", "-d", web.name, "/tmp/frames", "flood", kind)
        counter.count(0.5)
        assert counter.count(0.3) == 0
        out = []
        for number in range(3):
            engine.docker("network", "connect", engine.network(f"late{number}_net"), web.name)
            out.append(counter.count(0.3))
        print("frames that came out by three new networks:", out)
        if kind == "xdp" and counter.count(0.5):
            server.wait_for_log("a program has an AF_XDP socket on eth")
        else:
            assert counter.count(0.5) == 0
            assert kind == "xdp" or sum(out) == 0 or kernel() < (6, 16)
    finally:
        flooding.kill()
        flooding.wait()
        counter.close()


def test_vsock_opens_in_a_container_whatever_nxgate_does(nxgate, engine, sender):
    """Named in docs/threat-model.md: the engine's seccomp profile decides, and no rule sees it. Nobody is
    called here, since what answers is outside of this machine."""
    web = engine.run("web", "--cap-drop", "ALL", "--user", "65534",
                     network=engine.network("app_net"))
    engine.docker("cp", sender, f"{web.name}:/tmp/frames")
    nxgate("web", command="attach", config=ENGINE_CONFIG.format(socket=engine.socket))
    asked = engine._docker("exec", web.name, "/tmp/frames", "open", socket.AF_VSOCK).stdout.strip()
    expected = {"opened"} if engine.version().startswith("20.") else {
        "opened", "Operation not permitted", "Address family not supported by protocol"}
    assert asked in expected


def test_a_network_joined_later_is_known_at_once(attach, app, outside):
    attach(app, networks="true")
    app.join(outside, "10.78.0.2/24", "10.78.0.1/24", device="late0")
    began = time.monotonic()
    wait_for(lambda: "10.78.0.0/24" in app.run("nft", "list", "table", "inet",
                                               "nxgate_egress").stdout, 5, "its network")
    assert time.monotonic() - began < 0.8


def test_who_has_af_xdp_already_is_told(attach, app, sender):
    held = subprocess.Popen(["ip", "netns", "exec", app.name, sender, "hold", "eth0"],
                            stdout=subprocess.PIPE, text=True)
    assert held.stdout.readline() == "held\n"
    server = attach(app)
    server.wait_for_log("a program has an AF_XDP socket on eth0")
    for command in ("status", "health"):
        assert "a program has an AF_XDP socket on eth0" in " ".join(server.operate(command).stdout.split())
    assert 'nxgate_faults{source="attachment"} 1' in server.operate("metrics").stdout
    held.kill()
    held.wait()
    wait_for(lambda: 'nxgate_faults{source="attachment"} 0' in server.operate("metrics").stdout, 5,
             "nothing to be wrong any more")
    wait_for(lambda: app.run(sender, "hold", "eth0", "0").stdout.startswith("bind: "), 5,
             "the queue to be nxgate's")


def test_other_traffic_passes_as_before(attach, app, outside):
    """The sockets that hold the queues take nothing of what comes in."""
    server = attach(app, networks="true")
    assert app.run("busybox", "ping", "-c", "3", "10.77.0.1").returncode == 0
    assert outside.run("busybox", "ping", "-c", "3", "10.77.0.2").returncode == 0
    assert "AF_XDP" not in server.log_text()


def test_a_link_may_go_while_its_queues_are_held(attach, app):
    attach(app)
    began = time.monotonic()
    link("-n", app.name, "link", "del", "eth0")
    assert time.monotonic() - began < 1


def test_a_namespace_whose_lo_is_down_is_attached(attach, app):
    link("-n", app.name, "link", "set", "lo", "down")
    server = attach(app)
    server.wait_for_log("lo was down")
    assert "LOOPBACK,UP" in app.run("ip", "link", "show", "lo").stdout
    assert "NXDOMAIN" in app.run("dig", "+time=2", "+tries=1", "@127.0.0.11", "tired.test").stdout


def test_one_of_unshare_is_attached(nxgate):
    """lo is down in a namespace that nobody has set up."""
    fresh = subprocess.Popen(["unshare", "-n", "sleep", "1000"])
    try:
        wait_for(lambda: not _same_namespace(fresh.pid), 5, "its namespace")
        nxgate("--pid", fresh.pid, "--allow", "web.test", command="attach", listen=[])
        done = subprocess.run(["nsenter", "-t", str(fresh.pid), "-n", "dig", "+time=2", "+tries=1",
                               "@192.0.2.1", "tired.test"], capture_output=True, text=True)
        assert "NXDOMAIN" in done.stdout
    finally:
        fresh.kill()
        fresh.wait()


def _same_namespace(pid):
    read = lambda which: subprocess.run(["readlink", f"/proc/{which}/ns/net"],  # noqa: E731
                                        capture_output=True, text=True).stdout
    return read(pid) == read("self")
