"""`nxgate run`: ports that lead from a sandbox to the host's loopback and back, and `nxgate shell`."""
import socket
import subprocess

import pytest

from harness.fenced import CONNECT, Fence, as_user, environment, needs_sandbox
from harness.nxgate import BINARY
from harness.sites import Sites
from harness.timing import Stopwatch, wait_for, within

pytestmark = needs_sandbox

#: Says what it sends, ends that, and says how many octets came back in all.
EXCHANGE = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=20) as c:
    c.sendall(b"x" * int(sys.argv[3]))
    c.shutdown(socket.SHUT_WR)
    print(sum(len(part) for part in iter(lambda: c.recv(65536), b"")))
"""
#: Echoes what a connection sends, to its end.
ECHO = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
listener = socket.create_server((sys.argv[1], int(sys.argv[2])), family=family)
while True:
    connection, _ = listener.accept()
    with connection:
        while data := connection.recv(65536):
            connection.sendall(data)
"""


@pytest.fixture
def fence(namespace, upstream):
    return Fence(namespace, upstream, {})


@pytest.fixture
def sites(fence):
    made = Sites(fence.host, [7001, 7002])
    yield made
    made.close()


def python(text, *arguments):
    return ["/usr/bin/python3", "-c", text, *map(str, arguments)]


def on_the_host(fence, *command):
    done = subprocess.run(["ip", "netns", "exec", fence.host.name, *command], capture_output=True, text=True,
                          timeout=60, check=False)
    return done.stdout.strip()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_port_of_the_host_is_seen_inside(fence, sites, address):
    greeted = fence.run("--deny-all", "--host-port", "7001:8080", "--", *python(CONNECT, address, 8080))
    assert (greeted.stdout, greeted.stderr) == ("hello\n", "")


def test_no_other_port_of_the_host_is(fence, sites):
    for port in (7001, 7002, 8080):
        done = fence.run("--deny-all", "--host-port", "7001:9000", "--", *python(CONNECT, "127.0.0.1", port))
        assert done.stdout == "ConnectionRefusedError\n"


def test_where_nobody_listens_a_connection_ends_at_once(fence):
    with Stopwatch() as watch:
        done = fence.run("--deny-all", "--host-port", "7009", "--", *python(CONNECT, "127.0.0.1", 7009))
    assert done.stdout == "ConnectionResetError\n" and watch.seconds < within(10)


def test_an_end_passes_on_and_nothing_is_lost(fence, sites):
    done = fence.run("--deny-all", "--host-port", "7001", "--", *python(EXCHANGE, "127.0.0.1", 7001, 3_000_000))
    assert done.stdout == f"{len('hello') + 3_000_000}\n"


RESET = """
import socket, struct, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
connection, _ = listener.accept()
connection.recv(1)
connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
"""
#: Sends an octet, and says how the connection ended.
PROVOKE = """
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=20) as c:
    c.sendall(b"x")
    try:
        print(c.recv(1))
    except OSError as end:
        print(type(end).__name__)
"""


def test_a_reset_passes_on(fence):
    server = subprocess.Popen(["ip", "netns", "exec", fence.host.name, *python(RESET, 7008)])
    wait_for(lambda: "7008" in on_the_host(fence, "ss", "-ltn"), 20)
    done = fence.run("--deny-all", "--host-port", "7008", "--", *python(PROVOKE, 7008))
    server.wait(timeout=20)
    assert done.stdout == "ConnectionResetError\n"


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_port_inside_is_reached_from_the_host(fence, address):
    running = fence.begin("--deny-all", "--publish", "7005:8000", "--", *python(ECHO, address, 8000))
    wait_for(lambda: on_the_host(fence, *python(EXCHANGE, "127.0.0.1", 7005, 100_000)) == "100000", 20)
    assert on_the_host(fence, *python(EXCHANGE, "::1", 7005, 10)) == "10"
    running.terminate()
    running.communicate(timeout=30)
    assert on_the_host(fence, *python(CONNECT, "127.0.0.1", 7005)) == "ConnectionRefusedError"


def test_a_port_that_is_taken_is_said(fence, sites):
    done = fence.run("--deny-all", "--publish", "7001", "--", "echo", "it ran")
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr == "nxgate: --publish 7001: cannot listen on 127.0.0.1 at port 7001: Address already in use\n"


def test_a_port_that_somebody_has_by_ipv6_alone_is_said(fence):
    def take():
        taken = socket.socket(socket.AF_INET6)
        taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        taken.bind(("::1", 7003))
        taken.listen()
        return taken

    with fence.host.call(take):
        done = fence.run("--deny-all", "--publish", "7003", "--", "echo", "it ran")
    assert (done.returncode, done.stdout) == (125, "") and "cannot listen on ::1 at port 7003" in done.stderr


@pytest.mark.parametrize("text", ["0", "x", "70000", "1:", ":1", "1:2:3"])
def test_what_is_no_port_is_refused(text):
    done = subprocess.run([BINARY, "run", "--deny-all", "--host-port", text, "--", "true"], capture_output=True,
                          text=True, timeout=30, check=False)
    assert done.returncode == 125 and "expected a port, or HOST:INSIDE" in done.stderr


def test_a_preset_is_enough_to_run(fence):
    done = fence.run("--preset", "npm,github", "--", "echo", "it ran")
    assert (done.returncode, done.stdout, done.stderr) == (0, "it ran\n", "")


def test_a_shell():
    done = subprocess.run([*as_user(), BINARY, "shell", "--deny-all"], input="echo $PS1 $debian_chroot; exit 3\n",
                          env=environment(SHELL="/bin/sh", PS1="old"), capture_output=True, text=True, timeout=30,
                          check=False, cwd="/")
    assert (done.returncode, done.stdout) == (3, "(nxgate) $ nxgate\n"), done.stderr
