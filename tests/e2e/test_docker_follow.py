"""`nxgate attach NAME` stays with the name when the container is made anew."""
import os
import re
import signal
import subprocess

import pytest

from harness.engine import COMPOSE, IMAGE, ROOT
from harness.timing import wait_for
from harness.told import health
from harness.upstream import answer

ALLOWED, ADDRESS = "allowed.test", "203.0.113.7"
#: The first thing that the container does: a denied name and an allowed one.
FIRST = ["sh", "-c", f"nslookup tired.com; nslookup {ALLOWED}; sleep 1000"]
PROJECT = """
version: "2.4"
services:
  web:
    image: IMAGE
    command: ["sh", "-c", "nslookup tired.com; nslookup ALLOWED; sleep 1000"]
    stop_grace_period: 0s
"""


@pytest.fixture
def attach(nxgate, upstream, engine, directory):
    """attach(container, ...): nxgate with a control socket, attached to it."""
    server = upstream({"*": answer(f"@ 60 A {ADDRESS}")}, namespace=engine.outside, address="10.99.0.1")

    def start(*arguments):
        control = directory / "control.sock"
        started = nxgate(*arguments, "--engine", engine.socket, "--allow", ALLOWED, "--upstream",
                         f"10.99.0.1:{server.port}@{engine.outside.path}", "--control", control,
                         command="attach", listen=[])
        started.control = control
        return started

    return start


def assert_held_from_the_first(container):
    """What its first program was told: nothing resolves but what is allowed."""
    logs = wait_for(lambda: (text := container.logs()).count("Server:") >= 2 and ADDRESS in text and text, 20)
    denied = re.split(r"(?=Server:)", logs)[1]
    assert "NXDOMAIN" in denied and ADDRESS not in denied, logs


def assert_lost(server, label="web"):
    server.wait_for_log(f"warning {label}: it isn't running; nxgate waits for it")
    assert health(server)[0] == 1
    assert f"0 of 1 attached; {label}: it isn't running" in health(server)[1]
    assert f"unattached  {label}: it isn't running" in server.operate("status").stdout


def test_removed_and_run_again(engine, attach):
    network = engine.network("app_net")
    engine.run("web", network=network)
    server = attach("web")
    assert health(server) == (0, "ok\n")
    engine.docker("rm", "-f", "web")
    assert_lost(server)
    since = len(server.log)
    web = engine.run("web", network=network, command=FIRST)
    server.wait_for_log("attached web", since=since)
    assert_held_from_the_first(web)
    assert wait_for(lambda: health(server) == (0, "ok\n"))
    other = engine.run("other", network=network)
    assert "nxgate" not in other.rules()


def test_the_first_stays_it_when_another_takes_its_name_and_it_restarts(engine, attach):
    """Its program ends, and for a moment it doesn't run."""
    old = engine.run("web", "--restart", "always", command=[
        "sh", "-c", f"if [ -e /again ]; then nslookup tired.com; nslookup {ALLOWED}; fi; : >/again; sleep 1000"])
    server = attach("web")
    engine.docker("rename", "web", "old")
    old.name = "old"
    since = len(server.log)
    engine.docker("run", "-d", "--name", "web", IMAGE)
    server.wait_for_log("attached web ", since=since)
    since, said = len(server.log), len(engine.docker("logs", "old"))
    os.kill(old.pid, signal.SIGKILL)
    server.wait_for_log("attached old ", since=since)
    logs = wait_for(lambda: (text := engine.docker("logs", "old")[said:]).count("Server:") >= 2 and text, 20)
    assert "NXDOMAIN" in re.split(r"(?=Server:)", logs)[1], logs
    assert health(server) == (0, "ok\n")


def test_through_a_restart_of_the_engine(engine, attach):
    network = engine.network("app_net")
    engine.run("web", network=network)
    server = attach("web")
    engine.kill()
    server.wait_for_log("attached containers stay attached")
    assert health(server)[0] == 1 and "the engine: " in health(server)[1]
    engine.start()
    server.wait_for_log("the Docker engine is back")
    wait_for(lambda: health(server) == (0, "ok\n"))
    engine.docker("rm", "-f", "web")
    assert_lost(server)
    assert_held_from_the_first(engine.run("web", network=network, command=FIRST))


def test_its_end_opens_nothing_for_who_shares_its_network(engine, attach):
    network = engine.network("app_net")
    engine.run("web", network=network)
    guest = engine.run("guest", network="container:web")
    server = attach("web")
    assert "nxgate" in guest.rules()
    engine.docker("kill", "web")
    server.wait_for_log("detached web, which has ended")
    assert "table inet nxgate" in guest.rules()
    looked_up = guest.run("nslookup", "a.test")
    assert ADDRESS not in looked_up.stdout


def test_one_given_by_its_id_is_followed_by_its_id(engine, attach):
    web = engine.run("web")
    server = attach(web.id[:12])
    engine.docker("rename", "web", "shop")
    engine.docker("restart", "-t", "0", "shop")
    wait_for(lambda: health(server) == (0, "ok\n"))
    web.name = "shop"
    wait_for(lambda: "nxgate" in web.rules())
    other = engine.run("web")
    engine.docker("rm", "-f", "shop")
    server.wait_for_log("it isn't running; nxgate waits for it")
    assert "0 of 1 attached" in health(server)[1]
    assert "nxgate" not in other.rules()


def test_a_renamed_one_stays_attached_while_it_runs_and_so_is_who_takes_its_name(engine, attach):
    old = engine.run("web")
    server = attach("web")
    engine.docker("rename", "web", "old")
    old.name = "old"
    since = len(server.log)
    web = engine.run("web", command=FIRST)
    server.wait_for_log("attached web", since=since)
    assert_held_from_the_first(web)
    assert "nxgate" in old.rules()


@pytest.fixture
def compose(engine, directory):
    """compose("up", "-d"): docker-compose with a project `shop` of one service, web."""
    file = directory / "compose.yml"
    file.write_text(PROJECT.replace("IMAGE", IMAGE).replace("ALLOWED", ALLOWED))

    def run(*arguments):
        environment = {**os.environ, "DOCKER_HOST": f"unix://{engine.socket}"}
        return subprocess.run([COMPOSE, "-p", "shop", "-f", file, *arguments], env=environment, check=True,
                              capture_output=True, text=True, timeout=60)

    yield run
    run("down", "-t", "0")


def containers_of(engine):
    names = engine.docker("ps", "--format", "{{.Names}}").split()
    return {name: engine.docker("inspect", "-f", "{{.Id}}", name).strip() for name in names}


@pytest.mark.skipif(bool(ROOT), reason="docker-compose 1.29 makes no container anew with Docker 25 and later")
def test_a_compose_service_made_anew_and_scaled(engine, attach, compose):
    from harness.engine import Container
    compose("up", "-d")
    (first, identity), = containers_of(engine).items()
    server = attach(first)
    for options in (["--force-recreate"], ["--scale", "web=3"]):
        since = len(server.log)
        compose("up", "-d", "-t", "0", *options)
        now = containers_of(engine)
        assert set(now.values()) != {identity}
        for name in now:
            container = Container(engine, name)
            wait_for(lambda: "nxgate" in container.rules())
            assert_held_from_the_first(container)
        wait_for(lambda: health(server) == (0, "ok\n"))
    compose("rm", "-sf")
    assert_lost(server, "service web of shop")
    compose("up", "-d")
    for name in containers_of(engine):
        assert_held_from_the_first(Container(engine, name))
