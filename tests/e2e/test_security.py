"""What each thread of a server holds, and what is left to somebody who takes one over."""
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from harness import intruder
from harness.intruder import Intruder, attempts, threads
from harness.nxgate import SANITIZED, addresses, rcode
from harness.timing import wait_for
from harness.upstream import answer

pytestmark = [
    pytest.mark.skipif(SANITIZED, reason="a sanitizer needs the system calls that are given up"),
    pytest.mark.skipif(not intruder.SUPPORTED, reason="the intruder knows x86_64 alone"),
]

NOTHING = "0" * 16
CAP_SYS_ADMIN = 21
#: What the main thread goes on doing: reading its configuration, being asked for the state of things.
MAIN_THREAD = {"open a file", "open it by the old call", "reach a unix socket", "change the firewall",
               "have code in fresh memory", "start a process", "start a thread"}


def status(pid, thread):
    text = Path(f"/proc/{pid}/task/{thread}/status").read_text()
    return dict(re.findall(r"^(\w+):[ \t]*(.*?) *$", text, re.M))


@pytest.fixture
def server(nxgate, upstream):
    up = upstream({"*": answer("@ 60 A 192.0.2.1")})
    return nxgate("--allow", "allowed.test", "--upstream", up.endpoint, "--workers", "2")


def test_no_thread_holds_anything(server):
    held = {tid: status(server.pid, tid) for tid in threads(server.pid)}
    assert len(held) >= 3, "the main thread and two workers"
    for each in held.values():
        assert each["Uid"].split() == ["65534"] * 4 and each["Gid"].split() == ["65534"] * 4
        assert each["Groups"] == ""
        for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert each[kind] == NOTHING, kind
        assert each["NoNewPrivs"] == "1" and each["Seccomp"] == "2"


def test_an_intruder_in_an_ordinary_process_does_as_he_likes():
    """That the attempts below are refused is nxgate's doing, and not that of the one who tries."""
    with subprocess.Popen(["sleep", "60"]) as victim:
        try:
            time.sleep(0.1)
            with Intruder(victim.pid, victim.pid) as taken:
                done = attempts(taken)
        finally:
            victim.kill()
    opened = ["open a file", "open it by the old call", "change the firewall", "reach a unix socket",
              "see all packets"]
    assert all(2 < done[each] < 20 for each in opened), done
    assert isinstance(done["have code in fresh memory"], int)
    assert done["make a namespace"] == 0 and done["enter a namespace"] == "EINVAL"
    assert done["start a process"] == "EINVAL" and done["start a thread"] == "EINVAL"
    assert done["run a program"] == "ENOENT" and "EPERM" not in done.values()


def test_an_intruder_in_a_worker_can_do_nothing_but_answer(server):
    for thread in threads(server.pid)[1:]:
        with Intruder(server.pid, thread) as taken:
            assert taken.call("getpid") == server.pid
            assert set(attempts(taken).values()) == {"EPERM"}
            assert isinstance(taken.call("socket", 2, 2, 0), int), "IP is what it answers by"
    assert rcode(server.query("denied.test")) == "NXDOMAIN"
    assert addresses(server.query("allowed.test")) == ["192.0.2.1"]
    assert addresses(server.query("again.allowed.test", tcp=True)) == ["192.0.2.1"]


def test_an_intruder_in_the_main_thread_gets_nowhere_else(server):
    with Intruder(server.pid, threads(server.pid)[0]) as taken:
        done = attempts(taken)
    assert {each for each, result in done.items() if result != "EPERM"} <= MAIN_THREAD
    assert rcode(server.query("denied.test")) == "NXDOMAIN"


@pytest.fixture
def entering(nxgate, namespace):
    """A server that forwards into a namespace, and the process that opens its sockets in there."""
    server = nxgate("--upstream", f"192.0.2.1@{namespace('there').name}", "--allow", "allowed.test")
    return server, server.helper


def test_the_right_to_enter_a_namespace_is_the_helpers_alone(entering):
    server, helper = entering
    held = status(helper, helper)
    assert held["Name"] == "nxgate-helper"
    assert held["CapPrm"] == held["CapEff"] == f"{1 << CAP_SYS_ADMIN:016x}"
    assert held["CapBnd"] == held["CapAmb"] == NOTHING
    assert held["Uid"].split() == ["65534"] * 4 and held["Groups"] == ""
    assert held["NoNewPrivs"] == "1" and held["Seccomp"] == "2"
    for tid in threads(server.pid):
        assert status(server.pid, tid)["CapPrm"] == NOTHING
    for tid in threads(server.pid)[1:]:
        with Intruder(server.pid, tid) as taken:
            assert set(attempts(taken).values()) == {"EPERM"}


def test_the_helper_has_open_what_leads_to_the_server_and_no_more(entering):
    _, helper = entering
    opened = {fd.name: os.readlink(fd) for fd in Path(f"/proc/{helper}/fd").iterdir()}
    assert opened.pop("2")
    channel, = opened.values()
    assert channel.startswith("socket:")


def test_an_intruder_in_the_helper_enters_and_reads_and_no_more(entering):
    _, helper = entering
    with Intruder(helper, helper) as taken:
        done = attempts(taken)
    assert {each for each, result in done.items() if result != "EPERM"} == {"open a file",
                                                                            "enter a namespace"}


def test_the_helper_ends_with_the_server(entering):
    server, helper = entering
    os.kill(server.pid, signal.SIGKILL)
    wait_for(lambda: not Path(f"/proc/{helper}").exists())


def test_a_server_that_needs_no_helper_has_none(server):
    assert server.helper is None


def test_what_somebody_else_was_given_is_given_up(nxgate):
    """As by systemd's AmbientCapabilities."""
    server = nxgate("--allow", "a.test", wrapper=[
        "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=+net_bind_service",
        "--ambient-caps=+net_bind_service"])
    for tid in threads(server.pid):
        held = status(server.pid, tid)
        assert {held[kind] for kind in ("CapPrm", "CapEff", "CapAmb")} == {NOTHING}
        assert held["NoNewPrivs"] == "1" and held["Seccomp"] == "2"
