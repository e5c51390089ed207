"""What each thread of a server holds, and what is left to somebody who takes one over."""
import os
import re
import signal
import socket
import struct
import subprocess
import time
from pathlib import Path

import pytest
from harness import intruder
from harness.intruder import Intruder, attempts, threads
from harness.netlink import delete_table
from harness.nxgate import SANITIZED, addresses, rcode
from harness.timing import wait_for
from harness.upstream import answer

pytestmark = [
    pytest.mark.skipif(SANITIZED, reason="a sanitizer needs the system calls that are given up"),
    pytest.mark.skipif(not intruder.SUPPORTED, reason="the intruder knows x86_64 alone"),
]

NOTHING = "0" * 16
DAC_OVERRIDE, NET_ADMIN, NET_RAW, SYS_PTRACE, SYS_ADMIN = 1 << 1, 1 << 12, 1 << 13, 1 << 19, 1 << 21
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
    assert held["CapPrm"] == held["CapEff"] == f"{SYS_ADMIN:016x}"
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
    assert len(opened) == 2 and all(each.startswith("socket:") for each in opened.values())


def test_an_intruder_in_the_helper_enters_and_reads_and_no_more(entering):
    _, helper = entering
    with Intruder(helper, helper) as taken:
        done = attempts(taken)
    assert {each for each, result in done.items() if result != "EPERM"} == {"open a file",
                                                                            "enter a namespace"}


@pytest.fixture
def attaching(nxgate, namespace, upstream):
    """A server with gate and firewall in a namespace, and that namespace."""
    inside = namespace("app")
    up = upstream({"*": answer("@ 60 A 192.0.2.1")})
    server = nxgate("--netns", inside.path, command="attach", config=f"""
[upstreams.default]
servers = ["{up.endpoint}"]
[policies.default]
allow = ["allowed.test"]
[policies.default.egress]
""")
    return server, inside


@pytest.fixture
def fencing(nxgate, upstream):
    """A server with a firewall for clients whose packets this host forwards."""
    up = upstream({"*": answer("@ 60 A 192.0.2.1")})
    return nxgate(config=f"""
[server]
listen = ["127.0.0.1:PORT"]
[upstreams.default]
servers = ["{up.endpoint}"]
[policies.default]
[policies.fenced]
allow = ["allowed.test"]
[policies.fenced.egress]
[[clients]]
from = ["127.0.0.9"]
policy = "fenced"
""")


def assert_held(server, by_helper):
    for tid in threads(server.pid):
        held = status(server.pid, tid)
        assert {held[kind] for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {NOTHING}
        assert held["NoNewPrivs"] == "1" and held["Seccomp"] == "2"
    assert len(threads(server.helper)) == 2
    for tid in threads(server.helper):
        held = status(server.helper, tid)
        assert held["CapPrm"] == held["CapEff"] == f"{by_helper:016x}"
        assert held["CapBnd"] == held["CapAmb"] == held["CapInh"] == NOTHING
        assert held["Uid"].split() == ["65534"] * 4 and held["Groups"] == ""
        assert held["NoNewPrivs"] == "1" and held["Seccomp"] == "2"


def test_a_server_that_attaches_holds_nothing(attaching):
    server, _ = attaching
    assert_held(server, DAC_OVERRIDE | NET_ADMIN | NET_RAW | SYS_PTRACE | SYS_ADMIN)


def test_a_server_with_a_firewall_for_clients_holds_nothing(fencing):
    assert_held(fencing, NET_ADMIN)


def test_an_intruder_where_it_attaches_gets_no_further(attaching, fencing):
    for server in (attaching[0], fencing):
        main, *workers = threads(server.pid)
        for thread in workers:
            with Intruder(server.pid, thread) as taken:
                assert set(attempts(taken).values()) == {"EPERM"}
        with Intruder(server.pid, main) as taken:
            done = attempts(taken)
        assert {each for each, result in done.items() if result != "EPERM"} <= MAIN_THREAD


def open_sockets(pid, table, keep):
    """The descriptors of the process whose sockets stand in a table of /proc/net, the lowest first."""
    lines = [line.split() for line in table.splitlines()[1:]]
    inodes = {f"socket:[{words[keep[2]]}]" for words in lines if words[keep[0]] == keep[1]}
    links = {int(fd.name): os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir()}
    return sorted(fd for fd, link in links.items() if link in inodes)


def firewall_sockets(server, inside):
    """Its sockets of NETLINK_NETFILTER in there."""
    table = inside.run("cat", "/proc/net/netlink").stdout
    return open_sockets(server.pid, table, (1, "12", 9))


def has_table(inside, name):
    return f"table inet {name}" in inside.run("nft", "list", "tables").stdout


def test_an_intruder_changes_no_firewall_by_the_sockets_that_are_open(attaching):
    server, inside = attaching
    inside.run("nft", "add table inet victim", check=True)
    found = firewall_sockets(server, inside)
    assert len(found) == 2, "of the gate and of the firewall"
    batch = delete_table("victim")
    for thread in threads(server.pid)[:2]:
        with Intruder(server.pid, thread) as taken:
            for fd in found:
                taken.call("sendto", fd, taken.put(batch), len(batch), 0, 0, 0)
    assert has_table(inside, "victim")
    root = inside.call(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12))
    with root:
        root.send(batch)
    assert not has_table(inside, "victim"), "it is not the batch that was wrong"


def ask_helper_to_send(taken, channel, netlink, messages):
    """What the helper answers to a request (sys/helper_protocol.h) that a thread makes by itself."""
    send, scm_rights, size = 7, 1, 56
    request = taken.put(bytes([send]).ljust(size, b"\0") + messages, slot=0)
    control = taken.put(struct.pack("=QiiiI", 20, socket.SOL_SOCKET, scm_rights, netlink, 0), slot=1)
    parts = taken.put(struct.pack("=QQ", request, size + len(messages)), slot=2)
    header = taken.put(struct.pack("=QQQQQQQ", 0, 0, parts, 1, control, 24, 0), slot=3)
    assert taken.call("sendmsg", channel, header, 0) == size + len(messages)
    room = taken.put(b"\0" * 512, slot=4)
    parts = taken.put(struct.pack("=QQ", room, 512), slot=2)
    header = taken.put(struct.pack("=QQQQQQQ", 0, 0, parts, 1, 0, 0, 0), slot=3)
    assert taken.call("recvmsg", channel, header, 0) == 16
    error, = struct.unpack("=i", taken.get(room, 4))
    return os.strerror(error)


def test_the_helper_changes_only_tables_of_nxgates_for_an_intruder(attaching):
    server, inside = attaching
    inside.run("nft", "add table inet victim; add table inet nxgate_victim", check=True)
    netlink = firewall_sockets(server, inside)[0]
    channels = open_sockets(server.pid, Path("/proc/net/unix").read_text(), (4, "0005", 6))
    assert len(channels) == 2
    for channel in channels:
        with Intruder(server.pid, threads(server.pid)[1]) as taken:
            refused = ask_helper_to_send(taken, channel, netlink, delete_table("victim"))
        assert refused == "Operation not permitted"
    assert has_table(inside, "victim")
    with Intruder(server.pid, threads(server.pid)[1]) as taken:
        done = ask_helper_to_send(taken, channels[0], netlink, delete_table("nxgate_victim"))
    assert done == "Success" and not has_table(inside, "nxgate_victim"), "so it is asked rightly"


def test_what_a_terminal_sends_to_both_leaves_nothing_behind(attaching):
    server, inside = attaching
    assert has_table(inside, "nxgate")
    for pid in (server.helper, server.pid):
        os.kill(pid, signal.SIGINT)
    server.process.wait(10)
    assert inside.run("nft", "list", "ruleset").stdout == ""


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
