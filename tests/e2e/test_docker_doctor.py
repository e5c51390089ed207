"""`nxgate doctor`: names the step that eats the time, and changes nothing."""
import os
import re
import subprocess

import pytest

from harness.nxgate import SANITIZED, run


def ip(namespace, *arguments):
    subprocess.run(["ip", "-n", namespace.name, *arguments], check=True)


@pytest.fixture
def examine(engine):
    """examine("web"): what doctor prints about a container, one line a section."""
    def start(target):
        done = run("doctor", target, "--engine", engine.socket)
        assert done.returncode == 0, done.stderr
        assert all(len(line) <= 80 for line in done.stdout.splitlines())
        return re.sub(r"\n {13}", " ", done.stdout)

    return start


@pytest.fixture
def web(engine):
    return engine.run("web", network=engine.network("app_net"))


@pytest.mark.skipif(SANITIZED, reason="ten seconds of waiting, the same in every build")
def test_silent_outside_and_nothing_is_changed(engine, examine, web):
    rules = lambda: re.sub(r"packets \d+ bytes \d+", "", web.rules())
    before = rules()
    text = examine("web")
    assert rules() == before
    assert "lookup       no answer in 10.0 s" in text
    assert ("127.0.0.11 asks 8.8.8.8 (its fallback) from inside this namespace: no answer in 4.0 s."
            in text)
    assert "the program asks again: 2 times 5.0 s each" in text
    assert "cure         nxgate attach web --allow NAME --upstream ADDRESS" in text


@pytest.mark.skipif(SANITIZED, reason="ten seconds of waiting, the same in every build")
def test_port_unreachable(engine, examine, web):
    for address in ("8.8.8.8/32", "8.8.4.4/32"):
        engine.outside.add_address(address)
    try:
        text = examine("web")
    finally:
        for address in ("8.8.8.8/32", "8.8.4.4/32"):
            ip(engine.outside, "addr", "del", address, "dev", "lo")
    assert "8.8.8.8 (its fallback) from inside this namespace: port unreachable" in text
    assert "cure" in text


def test_no_route(engine, examine):
    engine.run("lonely", "--network", "none")
    text = examine("lonely")
    assert "no route there" in text
    assert "This namespace has no default route at all." in text
    assert "cure         nxgate attach lonely" in text


def test_healthy(engine, examine, web, nxgate):
    nxgate("web", "--engine", engine.socket, command="attach", listen=[])
    text = examine("web")
    assert re.search(r"verdict +Lookups are healthy: NXDOMAIN in \d+ ms, answered by nxgate", text)
    assert "cure" not in text


def test_a_server_of_ones_own_in_a_namespace(namespace, upstream):
    app = namespace("app")
    app.resolv_conf("nameserver 127.0.0.1\n")
    upstream({}, namespace=app, port=53)
    text = run("doctor", app.path).stdout
    assert re.search(r"verdict +Lookups are healthy: NXDOMAIN", text)
    assert "127.0.0.1: NXDOMAIN" in text


def test_the_host_is_told_of_as_such(engine, examine):
    engine.run("hosted", "--network", "host")
    engine.outside.add_address("192.0.2.53/32")
    text = examine("hosted")
    assert "It uses the host's own network: mend /etc/resolv.conf of the host." in text
    assert "cure" not in text


def test_who_is_not_there_is_said():
    done = run("doctor", "web", env={**os.environ, "DOCKER_HOST": "unix:///nowhere.sock"})
    assert done.returncode == 1
    assert "there is no Docker engine at" in done.stderr
