"""What a former nxgate left closed, and the next one doesn't ask for, is told of."""
import json
import signal
from pathlib import Path

import pytest

from harness.nxgate import run
from harness.timing import wait_for

CONFIG = """
[upstreams.default]
servers = ["192.0.2.1"]
[policies.default]
allow = ["web.test"]
"""
EGRESS = "[policies.default.egress]\ncheck-names = []\n"
CLIENTS = """
[server]
listen = ["127.0.0.1:PORT"]
[policies.ci]
allow = ["web.test"]
[policies.ci.egress]
check-names = []
[[clients]]
from = ["10.5.0.0/16"]
policy = "ci"
"""
SERVED = '[server]\nlisten = ["127.0.0.1:PORT"]\n' + CONFIG


def faults(server):
    """The texts in `status`; `health` and the metric must have as many."""
    def of(command):
        told = json.loads(server.operate(command, "--json").stdout).get("faults", [])
        return [each["text"] for each in told if each["source"] == "left closed"]

    texts = of("status")
    assert of("health") == texts
    assert f'nxgate_faults{{source="left closed"}} {len(texts)}' in server.operate("metrics").stdout
    for text in texts:
        assert any("warn" in line and text in line for line in server.log), server.log_text()
    return texts


def kill(server):
    server.process.kill()
    server.process.wait()


def comm(process):
    return Path(f"/proc/{process.pid}/comm").read_text().removesuffix("\n")


def about(place, server):
    return [text for text in faults(server) if place in text]


@pytest.fixture
def attach(nxgate):
    def start(*namespaces, config=CONFIG + EGRESS):
        where = [word for each in namespaces for word in ("--netns", each.path)]
        return nxgate(*where, command="attach", config=config)

    return start


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_namespace_that_is_no_longer_attached_is_told(attach, namespace, how):
    one, other = namespace("one"), namespace("other")
    former = attach(one, other)
    assert not about(one.path, former) and not about(other.path, former)
    former.process.send_signal(how)
    former.process.wait()
    server = attach(one)
    text, = about(other.path, server)
    assert not about(one.path, server), "which it took over"
    assert f"by the nxgate with pid {former.pid}" in text
    assert f"`nxgate detach --netns {other.path}`" in text
    assert "detached" in run("detach", "--netns", other.path).stdout
    server.stop()
    assert not about(other.path, attach(one))


def test_a_gate_alone_and_for_a_server_that_attaches_nothing(attach, nxgate, namespace):
    app = namespace("app")
    former = attach(app, config=CONFIG)
    assert not about(app.path, nxgate(config=SERVED)), "it lives"
    kill(former)
    server = nxgate(config=SERVED)
    assert about(app.path, server)
    assert "fault" in server.operate("health").stdout


def test_one_that_only_a_process_is_in_is_named_by_it(attach, nxgate, namespace):
    app = namespace("app")
    kill(attach(app))
    hidden = app.popen("sleep", "600")
    try:
        wait_for(lambda: comm(hidden) == "sleep")
        app.delete()
        text, = about(f"pid {hidden.pid} (sleep)", nxgate(config=SERVED))
        assert f"`nxgate detach --pid {hidden.pid}`" in text
        assert "detached" in run("detach", "--pid", hidden.pid).stdout
    finally:
        hidden.kill()
        hidden.wait()


def test_a_server_that_watches_an_engine_tells_of_it_too(attach, nxgate, engine, namespace, directory):
    app, web = namespace("app"), engine.run("web")
    container = f'[docker]\nsocket = "{engine.socket}"\n'
    kill(attach(app))
    of_web = nxgate("web", command="attach", config=CONFIG + container)
    of_web.wait_for_log("attached web")
    kill(of_web)
    server = nxgate("--hook-socket", directory / "hook.sock", command="docker", config=CONFIG + container)
    text, = faults(server)
    assert app.path in text
    server.wait_for_log("removed what the nxgate")  # of the container, that nobody asks for
    assert "nxgate" not in web.rules()


def test_a_firewall_on_the_host_is_told_once_no_clients_are_left(nxgate, namespace):
    host = namespace("host")
    former = nxgate(config=CLIENTS + CONFIG, namespace=host)
    assert not about("this host", former)
    former.stop()
    assert "nxgate_egress_ci" in host.run("nft", "list", "tables").stdout
    again = nxgate(config=CLIENTS + CONFIG, namespace=host)
    assert not about("this host", again)
    again.stop()
    server = nxgate(config=SERVED, namespace=host)
    text, = about("this host", server)
    assert "nxgate_egress_ci" in text and f"from the nxgate with pid {again.pid}" in text
    assert f"`nxgate detach --netns {host.path}`" in text
    assert "detached" in run("detach", "--netns", host.path).stdout
    server.stop()
    assert not about("this host", nxgate(config=SERVED, namespace=host))


def test_a_name_of_a_process_is_no_way_into_the_log(attach, nxgate, namespace, directory):
    app = namespace("app")
    kill(attach(app))
    sleep = directory / "a\x1b[31m\nb"
    sleep.symlink_to("/bin/sleep")
    hidden = app.popen(sleep, "600")
    try:
        wait_for(lambda: "\x1b" in comm(hidden))
        app.delete()
        text, = about(f"pid {hidden.pid} ", nxgate(config=SERVED))
        assert "\x1b" not in text and "\n" not in text
    finally:
        hidden.kill()
        hidden.wait()


def test_a_firewall_that_the_policy_no_longer_has_goes_when_the_namespace_is_taken_over(attach, namespace):
    app = namespace("app")
    former = attach(app)
    assert "nxgate_egress" in app.run("nft", "list", "tables").stdout
    former.process.send_signal(signal.SIGUSR2)
    former.process.wait()
    attach(app, config=CONFIG)
    tables = app.run("nft", "list", "tables").stdout
    assert "nxgate_egress" not in tables and "table inet nxgate" in tables
