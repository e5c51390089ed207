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
from harness import netlink as netlink_messages
from harness.intruder import Intruder, attempts, threads
from harness.netlink import delete_table
from harness.nxgate import SANITIZED, addresses, rcode, run
from harness.timing import wait_for
from harness.upstream import answer

pytestmark = [
    pytest.mark.skipif(SANITIZED, reason="a sanitizer needs the system calls that are given up"),
    pytest.mark.skipif(not intruder.SUPPORTED, reason="the intruder knows x86_64 alone"),
]

NOTHING = "0" * 16
DAC_OVERRIDE, NET_ADMIN, NET_RAW, SYS_PTRACE, SYS_ADMIN = 1 << 1, 1 << 12, 1 << 13, 1 << 19, 1 << 21
SYS_RESOURCE = 1 << 24
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
check-names = []
""")
    return server, inside


@pytest.fixture
def opened_again():
    """What is closed on this host doesn't stay so after a test."""
    yield
    run("detach", "--netns", "/proc/self/ns/net")


@pytest.fixture
def fencing(opened_again, nxgate, upstream):
    """A server with a firewall for clients whose packets this host forwards."""
    up = upstream({"*": answer("@ 60 A 192.0.2.1")})
    return nxgate(config=f"""
[server]
listen = ["127.0.0.1:PORT"]
[upstreams.default]
servers = ["{up.endpoint}"]
[policies.default]
[policies.firewalled]
allow = ["allowed.test"]
[policies.firewalled.egress]
check-names = []
[[clients]]
from = ["127.0.0.9"]
policy = "firewalled"
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
    ours = int(status(os.getpid(), os.getpid())["CapPrm"], 16)
    assert_held(fencing, NET_ADMIN | SYS_RESOURCE & ours)


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
    assert len(found) == 3, "of the gate, and the two of the firewall"
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


REQUEST_HEAD = 56  # of helper/helper_protocol.h, up to `netns`
LISTENER, UPSTREAM, NAMESPACE, NETLINK, SEND, ATTACH = 1, 2, 5, 6, 7, 9
ROUTE, NETFILTER = 0, 12


def ask_helper(taken, channel, task, behind=b"", number=0, netns=0, protocol=0, more=()):
    """What the helper answers to a request (helper/helper_protocol.h) that a thread makes by itself; `number`
    is that of a socket, `more` are pieces that follow in messages of their own."""
    left = sum(len(piece) for piece in more)
    head = bytes([task, 0, 0, 0, protocol]).ljust(REQUEST_HEAD, b"\0")
    head += struct.pack("=QQI4x", netns, number, left)
    for data in (head + behind, *(b"\0" + piece for piece in more)):
        assert len(data) <= 4096
        at = taken.put(data, slot=8)
        parts = taken.put(struct.pack("=QQ", at, len(data)), slot=2)
        header = taken.put(struct.pack("=QQQQQQQ", 0, 0, parts, 1, 0, 0, 0), slot=3)
        assert taken.call("sendmsg", channel, header, 0) == len(data)
    room = taken.put(b"\0" * 512, slot=4)
    parts = taken.put(struct.pack("=QQ", room, 512), slot=2)
    header = taken.put(struct.pack("=QQQQQQQ", 0, 0, parts, 1, 0, 0, 0), slot=3)
    assert taken.call("recvmsg", channel, header, 0) >= 16
    error, = struct.unpack("=i", taken.get(room, 4))
    return os.strerror(error)


REFUSED = "Operation not permitted"


def channels_of(server):
    found = open_sockets(server.pid, Path("/proc/net/unix").read_text(), (4, "0005", 6))
    assert len(found) == 2
    return found


def numbers_of(server):
    """By which the helper knows the sockets of gate and firewall."""
    taken_from = threads(server.pid)[1]
    with Intruder(server.pid, taken_from) as taken:
        return [number for number in range(1, 100) if ask_helper(
            taken, channels_of(server)[0], SEND, netlink_messages.LIST_TABLES, number=number) == "Success"]


def put_to_helper(server, *arguments, thread=1, **options):
    """The same by a worker over each of the two channels; the answers, which are alike."""
    answers = set()
    for channel in channels_of(server):
        with Intruder(server.pid, threads(server.pid)[thread]) as taken:
            answers.add(ask_helper(taken, channel, *arguments, **options))
    answer, = answers
    return answer


def test_the_helper_changes_only_tables_of_nxgates_for_an_intruder(attaching):
    server, inside = attaching
    inside.run("nft", "add table inet victim; add table inet nxgate_victim", check=True)
    netlink = numbers_of(server)[0]
    for name in ("victim", "nxgate_victim"):
        assert put_to_helper(server, SEND, delete_table(name), number=netlink) == REFUSED
        assert has_table(inside, name)
    assert has_table(inside, "nxgate")
    channel = channels_of(server)[0]
    with Intruder(server.pid, threads(server.pid)[1]) as taken:
        done = ask_helper(taken, channel, SEND, delete_table("nxgate"), number=netlink)
    assert done == "Success", "so it is asked rightly"
    server.wait_for_log("nxgate's rules were removed by another program; they have been restored")


@pytest.mark.parametrize("chain, hook, priority", [
    ("guard", 3, -500), ("victim", 3, 0), ("guard", 1, 0)], ids=["first of all", "foreign", "input"])
def test_the_helper_hooks_in_no_chain_but_ours_for_an_intruder(attaching, chain, hook, priority):
    server, inside = attaching
    before = inside.run("nft", "list", "ruleset").stdout
    netlink = numbers_of(server)[0]
    batch = netlink_messages.add_chain("nxgate", chain, "filter", hook, priority)
    assert put_to_helper(server, SEND, batch, number=netlink) == REFUSED
    assert inside.run("nft", "list", "ruleset").stdout == before
    root = inside.call(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETFILTER))
    with root:
        root.send(netlink_messages.add_chain("victim", "anything", "filter", hook, priority, table_too=True))
    assert f"priority" in inside.run("nft", "list", "table", "inet", "victim").stdout, "it is no wrong batch"


def test_the_helper_adds_no_rules_without_end_for_an_intruder(attaching):
    server, inside = attaching
    netlink = numbers_of(server)[0]
    rule = netlink_messages.add_rule("nxgate", "guard")
    assert put_to_helper(server, SEND, netlink_messages.batch(rule), number=netlink) == REFUSED, \
        "more and more of them"
    many = netlink_messages.batch(netlink_messages.delete_rules("nxgate", "guard") + rule * 100_000)
    pieces = [many[at:at + 4000] for at in range(0, len(many), 4000)]
    channel = channels_of(server)[1]
    with Intruder(server.pid, threads(server.pid)[1]) as taken:
        done = ask_helper(taken, channel, SEND, pieces[0], number=netlink, more=pieces[1:])
    assert done == REFUSED
    few = netlink_messages.batch(netlink_messages.delete_rules("nxgate", "guard") + rule * 3)
    with Intruder(server.pid, threads(server.pid)[1]) as taken:
        assert ask_helper(taken, channel, SEND, few, number=netlink) == "Success", "so it is no wrong batch"


def test_the_helper_reaches_no_other_namespace_for_an_intruder(attaching, namespace):
    server, _ = attaching
    victim = namespace("victim")
    host = "/proc/1/ns/net"
    for name in (victim.path, host, ""):
        for protocol in (ROUTE, NETFILTER):
            assert put_to_helper(server, NETLINK, name.encode(), protocol=protocol) == REFUSED
        for task in (LISTENER, UPSTREAM, NAMESPACE, ATTACH):
            assert put_to_helper(server, task, name.encode()) == REFUSED, (name, task)


def test_the_helper_attaches_no_other_namespace_for_an_intruder(attaching, namespace):
    """By its identity, which is for everybody to see."""
    server, inside = attaching
    victim = namespace("victim")
    answers = {}
    for name in (victim.path, inside.path, f"/proc/{server.pid}/ns/net"):
        found = os.stat(name)
        identity = found.st_ino ^ (found.st_dev << 48) & (1 << 64) - 1
        with Intruder(server.pid, threads(server.pid)[0]) as taken:
            channel = channels_of(server)[1]
            answers[name] = [
                ask_helper(taken, channel, task, b"x", netns=identity, protocol=NETFILTER)
                for task in (ATTACH, NETLINK)]
    assert answers.pop(inside.path) == ["Success", "Success"], "so it is asked rightly"
    assert set(map(tuple, answers.values())) == {(REFUSED, REFUSED)}


def test_the_helper_leaves_the_host_alone_where_it_has_a_firewall_there(fencing):
    channel = channels_of(fencing)[1]
    netlink = numbers_of(fencing)[0]
    with Intruder(fencing.pid, threads(fencing.pid)[1]) as taken:
        for name in ("nxgate", "filter", "victim"):
            assert ask_helper(taken, channel, SEND, delete_table(name), number=netlink) == REFUSED


def test_what_a_terminal_sends_to_both_leaves_nothing_behind(nxgate, namespace):
    inside = namespace("app")
    server = nxgate("--netns", inside.path, command="attach", listen=[])
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


def as_user(number, *command):
    return subprocess.run(["setpriv", f"--reuid={number}", f"--regid={number}", "--clear-groups", *command],
                          capture_output=True, text=True, check=False)


def test_as_nobody_it_says_that_others_are_nobody_too(nxgate):
    server = nxgate("--allow", "a.test", "--user", "nobody")
    assert len([line for line in server.log if "warn" in line and "runs as nobody (65534)" in line]) == 1
    assert "nobody: other programs of that user can signal it" in server.operate("status").stdout
    assert as_user(65534, "kill", "-0", str(server.pid)).returncode == 0


def test_with_a_user_of_its_own_nobody_else_can_signal_it(nxgate, namespace, directory):
    """The user nxgate, if there is one, is the default."""
    passwd = directory / "passwd"
    passwd.write_text(Path("/etc/passwd").read_text() + "nxgate:x:60953:60953::/nonexistent:/usr/sbin/nologin\n")
    passwd.chmod(0o644)
    server = nxgate("--allow", "a.test", "--upstream", f"192.0.2.1@{namespace('there').name}", wrapper=[
        "unshare", "--mount", "sh", "-c", f'mount --bind {passwd} /etc/passwd && exec "$@"', "sh"])
    for pid in (server.pid, server.helper):
        assert status(pid, pid)["Uid"].split() == ["60953"] * 4
        assert "not permitted" in as_user(65534, "kill", "-0", str(pid)).stderr
        assert as_user(60953, "kill", "-0", str(pid)).returncode == 0
    assert "runs as" not in server.log_text()
    assert "nobody" not in server.operate("status").stdout


def test_its_memory_is_closed_to_its_own_user(nxgate, entering):
    """Also where it was started as that user, and so changed nothing by which the kernel closes it."""
    ordinary = nxgate("--allow", "a.test", wrapper=["setpriv", "--reuid=65534", "--regid=65534",
                                                    "--clear-groups"])
    server, helper = entering
    for pid in (ordinary.pid, server.pid, helper):
        for what in ("environ", "maps", "fd/0"):
            assert as_user(65534, "cat", f"/proc/{pid}/{what}").returncode != 0, what
    with subprocess.Popen(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sleep", "60"]) as other:
        try:
            wait_for(lambda: as_user(65534, "cat", f"/proc/{other.pid}/environ").returncode == 0)
        finally:
            other.kill()


def test_what_somebody_else_was_given_is_given_up(nxgate):
    """As by systemd's AmbientCapabilities."""
    server = nxgate("--allow", "a.test", wrapper=[
        "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=+net_bind_service",
        "--ambient-caps=+net_bind_service"])
    for tid in threads(server.pid):
        held = status(server.pid, tid)
        assert {held[kind] for kind in ("CapPrm", "CapEff", "CapAmb")} == {NOTHING}
        assert held["NoNewPrivs"] == "1" and held["Seccomp"] == "2"
