"""What is about to start is attached first, whatever the engine does; who runs stays so at a reload."""
import socket
import subprocess
import time

import dns.message
import dns.rcode
import pytest

from harness.scripted_engine import scripted  # noqa: F401
from harness.timing import wait_for, within
from harness.told import unattached

CONFIG = """
[policies.default]
[policies.ci]
[docker]
socket = "ENGINE"
[control]
socket = "CONTROL"
"""
ALL = ("[docker]", '[docker]\nattach = "all"')
BY_TIER = '\n[[docker.containers]]\nlabel = "tier=ci"\npolicy = "ci"\n'
BY_TEAM = '\n[[docker.containers]]\nlabel = "team=blue"\npolicy = "ci"\n'


@pytest.fixture
def watch(nxgate, scripted, directory):
    """watch(more configuration): `nxgate docker` with that engine."""

    def start(more="", change=("", "")):
        text = CONFIG.replace("ENGINE", scripted.path).replace("CONTROL", f"{directory}/control.sock")
        server = nxgate("--hook-socket", str(directory / "hook.sock"),
                        config=text.replace(*change) + more, command="docker")
        server.control = directory / "control.sock"
        return server

    return start


def gated(namespace):
    return "nxgate" in namespace.run("nft", "list", "ruleset").stdout


def test_a_reload_by_a_new_label_opens_nobody_while_the_engine_hangs(scripted, namespace, watch):
    web = scripted.add("a", "web", namespace("web"), labels={"tier": "ci", "team": "blue"})
    late = scripted.add("b", "late", namespace("late"), labels={"team": "blue"})
    alone = scripted.add("c", "alone", namespace("alone"), labels={"tier": "none"})
    server = watch(BY_TIER)
    server.wait_for_log("attached web")
    assert unattached(server) == {"late": ("unmatched", False), "alone": ("unmatched", False)}
    for each in scripted.containers:
        scripted.inspect[each.id] = "hang"
    scripted.list = "hang"
    server.write_config(server.config.read_text().replace(BY_TIER, BY_TEAM))
    server.wait_for_log("generation 2")
    for _ in range(int(within(2.5) / 0.1)):
        assert gated(web.namespace), "it was attached, and is by the new rules"
        time.sleep(0.1)
    told = unattached(server)
    assert told == {"late": ("pending", True), "alone": ("pending", True)}
    scripted.list = None
    scripted.inspect.clear()
    scripted.tell("nonsense\n")  # so that it lists anew
    server.wait_for_log("attached late", timeout=30)
    wait_for(lambda: unattached(server) == {"alone": ("unmatched", False)}, 30)
    assert gated(web.namespace) and gated(late.namespace) and not gated(alone.namespace)
    assert "detached" not in server.log_text()


def test_a_reload_by_a_new_label_lets_go_once_the_engine_tells(scripted, namespace, watch):
    web = scripted.add("a", "web", namespace("web"), labels={"tier": "ci"})
    server = watch(BY_TIER)
    server.wait_for_log("attached web")
    server.write_config(server.config.read_text().replace(BY_TIER, BY_TEAM))
    server.wait_for_log("detached web")
    assert not gated(web.namespace)
    assert unattached(server) == {"web": ("unmatched", False)}


@pytest.fixture
def run_again(scripted):
    """run_again(container, namespace): the engine's file of another namespace, and a process in it."""
    files = []

    def run(container, namespace):
        files.append(scripted.directory / ("1" * 12))
        files[-1].touch()
        subprocess.run(["mount", "--bind", namespace.path, files[-1]], check=True)
        process = namespace.popen("sleep", "1000")
        (container.cgroup / "cgroup.procs").write_text(str(process.pid))
        return process

    yield run
    for file in files:
        subprocess.run(["umount", "-l", file], check=True)
        file.unlink()


def test_who_starts_again_is_not_given_up_for_its_last_run(scripted, namespace, watch, run_again):
    """The engine tells of the old process until the new one runs."""
    web = scripted.add("a", "web", namespace("web"))
    server = watch('\n[[docker.containers]]\nname = "web"\npolicy = "ci"\n')
    server.wait_for_log("attached web")
    old, new = web.process, namespace("again")
    since = len(server.log)
    fresh = run_again(web, new)
    old.kill()
    old.wait()
    server.wait_for_log("attached web", since=since)
    for _ in range(int(within(2.5) / 0.1)):  # it looks again each second
        assert gated(new)
        time.sleep(0.1)
    web.process = fresh
    asked = len(scripted.requests)
    scripted.event(web)
    wait_for(lambda: any(web.id in each for each in scripted.requests[asked:]))
    time.sleep(1.2)
    assert gated(new)
    assert server.log_text().count("attached web (") == 2


def test_under_all_nobody_waits_for_the_engine(scripted, namespace, watch):
    """Nor for the second's look, which would find who is new as well."""
    server = watch(change=ALL)
    scripted.list = "hang"
    waits = []
    for digit in "abcde":
        web = namespace(digit)
        before = time.monotonic()
        scripted.add(digit, digit, web)
        wait_for(lambda: gated(web), 5)
        waits.append(time.monotonic() - before)
        time.sleep(0.17)
    assert max(waits) < within(0.6)
    assert "attached a" not in server.log_text(), "it isn't known which policy it has"


def test_what_asked_before_its_gate_was_up_is_caught_with_its_next_question(scripted, namespace, watch):
    """As a container does on a machine with much to do: it goes on by the flow of its first question."""
    web = namespace("web")
    resolver = web.call(socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
    resolver.bind(("127.0.0.11", 0))
    web.run("nft", "add table ip docker; add chain ip docker out { type nat hook output priority -100; }; "
            "add rule ip docker out ip daddr 127.0.0.11 udp dport 53 "
            f"dnat to 127.0.0.11:{resolver.getsockname()[1]}", check=True)
    asker = web.call(socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
    asker.connect(("127.0.0.11", 53))
    asker.settimeout(0.3)
    query = dns.message.make_query("tired.test", "A")
    watch(change=ALL)
    asker.send(query.to_wire())
    assert resolver.recv(512), "it has got out"
    scripted.add("a", "web", web)
    wait_for(lambda: gated(web), 5)

    def answered():
        try:
            asker.send(query.to_wire())
            return dns.message.from_wire(asker.recv(512))
        except OSError:
            return None

    assert wait_for(answered, 5).rcode() == dns.rcode.NXDOMAIN
    resolver.settimeout(0.1)
    with pytest.raises(TimeoutError):
        resolver.recv(512)
    asker.close()
    resolver.close()
