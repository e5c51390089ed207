"""What runs and isn't attached is named, with the reason: log, `status`, `health`, `attachments`, metric."""
import os
import re
import subprocess
import time

import pytest

from harness.control import Control
from harness.timing import wait_for
from harness.told import health, unattached
from test_control import valid

CONFIG = """
[policies.default]
[policies.ci]
allow = ["a.test"]
[docker]
socket = "ENGINE"
label-policies = ["ci"]
[control]
socket = "CONTROL"
"""


@pytest.fixture
def watch(nxgate, engine, directory):
    """watch(more configuration): `nxgate docker` with a control socket."""

    def start(more="", command="docker", *arguments):
        text = CONFIG.replace("[control]", more + "\n[control]")
        text = text.replace("ENGINE", engine.socket).replace("CONTROL", f"{directory}/control.sock")
        if command == "docker":
            arguments += ("--hook-socket", str(directory / "hook.sock"))
        server = nxgate(*arguments, config=text, command=command)
        server.control = directory / "control.sock"
        return server

    return start


def metric(server, why, wanted):
    text = server.operate("metrics").stdout
    word = "true" if wanted else "false"
    return int(re.search(rf'^nxgate_unattached{{reason="{why}",wanted="{word}"}} (\d+)', text, re.M)[1])


def test_who_is_left_alone_is_named_and_no_failure(engine, watch):
    engine.run("alone")
    engine.run("meant", "--label", "nxgate.policy=ci")
    engine.run("hosted", "--network", "host")
    server = watch()
    assert unattached(server) == {"alone": ("unmatched", False), "hosted": ("host-network", False)}
    assert metric(server, "unmatched", False) == 1 and metric(server, "host-network", False) == 1
    assert metric(server, "unmatched", True) == 0
    assert health(server) == (0, "ok\n")
    assert server.log_text().count("alone is not attached: no rule or label selects it") == 1
    assert "hosted is not attached: it uses the host's network" in server.log_text()
    text = server.operate("status").stdout
    assert re.search(r"^unattached  alone: \(no rule or label", text, re.M)
    assert all(len(line) <= 80 for line in text.splitlines())
    engine.docker("rm", "-f", "alone")
    wait_for(lambda: "alone" not in unattached(server))


@pytest.mark.parametrize("more", ["", 'attach = "all"', '[[docker.containers]]\nname = "hosted"\npolicy = "ci"'],
                         ids=["label", "label and all", "rule"])
def test_who_should_be_attached_and_shares_the_hosts_network_fails_health(engine, watch, more):
    options = ["--label", "nxgate.policy=ci"] if "rule" not in more and "containers" not in more else []
    engine.run("hosted", *options, "--network", "host")
    server = watch(more)
    assert unattached(server) == {"hosted": ("host-network", True)}
    assert metric(server, "host-network", True) == 1
    server.wait_for_log("warning hosted is not attached: it uses the host's network")
    code, text = health(server)
    assert code == 1 and "0 of 1 attached; hosted: it uses the host's network" in text
    with Control(server.control) as control:
        body = valid(control.ask("GET", "/v1/health"), "GET", "/v1/health", 503)
        assert body["unattached"][0]["name"] == "hosted"
        for path in ("/v1/status", "/v1/attachments"):
            told = valid(control.ask("GET", path), "GET", path)
            assert told["unattached"] == body["unattached"]


def test_under_all_who_shares_the_hosts_network_is_told_of_and_no_failure(engine, watch):
    hosted = engine.run("hosted", "--network", "host")
    engine.run("guest", "--network", "container:hosted")
    engine.run("web")
    server = watch('attach = "all"')
    assert unattached(server) == {name: ("host-network", False) for name in ("hosted", "guest")}
    assert health(server) == (0, "ok\n")
    assert "cannot attach" not in server.log_text()
    assert "nxgate" not in hosted.rules()


def test_what_cannot_be_attached_fails_health_until_it_can(engine, nxgate, watch):
    """Another nxgate holds it."""
    engine.run("web", "--label", "nxgate.policy=ci")
    other = nxgate("web", "--engine", engine.socket, command="attach", listen=[])
    server = watch()
    assert unattached(server) == {"web": ("failed", True)}
    code, text = health(server)
    assert code == 1 and "0 of 1 attached; web: " in text and "is already attached" in text
    assert metric(server, "failed", True) == 1
    other.stop()
    wait_for(lambda: not unattached(server))
    assert health(server) == (0, "ok\n")


def test_who_can_undo_the_gate_is_a_fault_that_stands(engine, watch):
    engine.run("web", "--label", "nxgate.policy=ci", "--cap-add", "NET_ADMIN")
    server = watch()
    assert unattached(server) == {}
    code, text = health(server)
    assert code == 0 and re.search(r"^fault .*web: it .*can undo the gate", text, re.M), text


@pytest.fixture
def unknown(engine):
    """The pid of a process in a namespace of the engine of which neither it nor a cgroup tells."""
    process = subprocess.Popen(["unshare", "-n", "sleep", "inf"])
    file = f"{engine.directory}/exec/netns/0123456789ab"
    inside = ["nsenter", "-t", str(engine.process.pid), "-m", "sh", "-c"]
    wait_for(lambda: os.readlink(f"/proc/{process.pid}/ns/net") != os.readlink("/proc/self/ns/net"))
    subprocess.run([*inside, f"mkdir -p $(dirname {file}) && touch {file} && "
                             f"mount --bind /proc/{process.pid}/ns/net {file}"], check=True)
    yield process.pid
    subprocess.run([*inside, f"umount -l {file} && rm {file}"], check=True)
    process.kill()
    process.wait()


def rules(pid):
    return subprocess.run(["nsenter", "-t", str(pid), "-n", "nft", "list", "ruleset"],
                          capture_output=True, text=True, check=True).stdout


#: Takes the only port that a program without a choice of its own can get.
NO_PORT_LEFT = """import socket, time
for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
    globals()[kind.name] = socket.socket(socket.AF_INET, kind)
    globals()[kind.name].bind(("127.0.0.1", 60000))
time.sleep(60)"""


def test_a_failure_is_logged_once_and_tried_again(engine, watch):
    web = engine.run("web", "--label", "nxgate.policy=ci")
    inside = ["nsenter", f"--net=/proc/{web.pid}/ns/net"]
    subprocess.run([*inside, "sysctl", "-qw", "net.ipv4.ip_local_port_range=60000 60000"], check=True)
    taken = subprocess.Popen([*inside, "python3", "-c", NO_PORT_LEFT])
    try:
        time.sleep(1)
        server = watch()
        connections = [Control(server.control) for _ in range(4)]
        for each in connections:  # so that its descriptors have other numbers at each attempt
            each.connect()
            time.sleep(1.1)
        assert server.log_text().count("cannot attach web") == 1, server.log_text()
        assert "/proc/self/fd" not in server.log_text()
        assert unattached(server)["web"] == ("failed", True)
    finally:
        taken.kill()
    server.wait_for_log("attached web")


@pytest.mark.parametrize("more", ["", 'attach = "all"'], ids=["matched", "all"])
def test_a_namespace_of_the_engine_that_is_of_nobody_is_told_of(engine, watch, unknown, more):
    server = watch(more)
    name, (why, wanted) = wait_for(lambda: list(unattached(server).items()), 15)[0]
    assert name.endswith("/exec/netns/0123456789ab"), server.log_text()
    assert (why, wanted) == ("undescribed", bool(more))
    assert metric(server, "undescribed", bool(more)) == 1
    code, text = health(server)
    assert code == (1 if more else 0)
    assert ("nxgate" in rules(unknown)) == ("nothing resolves in it" in text) == bool(more)


def test_what_a_killed_nxgate_left_stays_until_it_is_known_whose_it_is(engine, watch, unknown):
    engine.run("alone")
    server = watch('attach = "all"')
    time.sleep(2)
    assert "nxgate" in rules(unknown), server.log_text()
    server.process.kill()
    server.process.wait()
    again = watch()
    again.wait_for_log("removed what the nxgate with pid .* left in .*")
    time.sleep(2)
    assert "nxgate" in rules(unknown), "a step of a build may be in there"
    assert again.log_text().count("removed what the nxgate") == 1


def test_guests_of_an_attached_namespace_are_not_among_them(engine, watch):
    engine.run("owner", "--label", "nxgate.policy=ci")
    engine.run("guest", "--network", "container:owner")
    assert unattached(watch()) == {}


def test_others_than_those_named_are_told_of(engine, watch):
    engine.run("web")
    engine.run("other")
    server = watch("", "attach", "web")
    assert unattached(server) == {"other": ("not-named", False)}
    assert health(server) == (0, "ok\n")
