"""A namespace whose connections to port 443 go through a relay, or directly, to a server behind a veth link."""
import json
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from links import address, star
from peers import UPSTREAM
from relays import NAME, OTHER, PORT, USER, Direct, RelayPlace, client_hello
from server import OURS, THEIRS, Server, enter, free_port, on, query

ADDRESSES = "198.18.0.0/15"  # of the server; `floor` gives them to names
SERVER = "198.18.0.1"        # of relays that are told where to connect
RESOLVER = "127.0.0.11"
TUNED = ("net.ipv4.ip_local_port_range=1024 65535", "net.netfilter.nf_conntrack_tcp_timeout_close=1",
         "net.netfilter.nf_conntrack_tcp_timeout_time_wait=1")


class TcpServer(Server):
    """Ready once it takes connections."""

    def _wait_for_answer(self, begin):
        while time.monotonic() - begin < self.patience and self.process.poll() is None:
            if self._is_open():
                self.started = time.monotonic() - begin
                return
            time.sleep(0.005)
        raise RuntimeError(f"takes no connections: {' '.join(map(str, self.command))}")

    def _is_open(self):
        with self.namespace.call(socket.socket) as client:
            return client.connect_ex((self.address, self.port)) == 0


class Nobody:
    """In the place of a relay."""

    def cpu_seconds(self):
        return 0.0


class Checked:
    """What `checked` yields."""

    def __init__(self, bench, inside, far, relay, at):
        self.bench, self.inside, self.far, self.relay, self.at = bench, inside, far, relay, at
        self.hello = bench.directory / "hello"
        self.hello.write_bytes(client_hello(NAME))

    def start(self, *how):
        """`hello_client`, which prints its result."""
        return subprocess.Popen(
            [*enter(self.inside), self.bench.tools.directory / "hello_client", self.at, str(PORT),
             self.hello, *map(str, how)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            preexec_fn=on(THEIRS))

    def run(self, *how):
        """Its result, with the CPU seconds of the relay (`relay`) and of all that took part (`all`)."""
        before = self._spent()
        running = self.start(*how)
        printed, _ = running.communicate()
        if running.returncode != 0:
            raise RuntimeError(f"hello_client {' '.join(map(str, how))}: {printed or 'no answer'}")
        result = json.loads(printed)
        result["relay"], others = (after - so_far for after, so_far in zip(self._spent(), before))
        result["all"] = result["relay"] + others + result.get("cpu", 0)
        return result

    @contextmanager
    def kept_open(self, count):
        """As many connections, for as long as its block runs."""
        running = self.start("open", count)
        try:
            if not running.stdout.readline():
                raise RuntimeError(f"hello_client could not open {count} connections")
            yield
        finally:
            running.communicate()

    def _spent(self):
        """The relay; the server and the kernel's threads."""
        kernel = sum(int(each.read_text().split()[0]) for each in KSOFTIRQD) / 1e9
        return self.relay.cpu_seconds(), self.far.cpu_seconds() + kernel

    def check(self, relayed):
        """That the only name gets through, and no other if there is a relay."""
        for name, expected in ((NAME, True), (OTHER, not relayed)):
            if self.inside.call(_is_answered, self.at, client_hello(name)) != expected:
                raise RuntimeError(f"{name} {'did not get' if expected else 'got'} through")


def _is_answered(at, hello):
    with socket.create_connection((at, PORT), 10) as client:
        client.sendall(hello)
        try:
            return client.recv(1024)[:1] == b"\x16"
        except ConnectionResetError:
            return False


def _ksoftirqd():
    """The kernel's threads that handle packets when there are too many for whoever runs; none is seen from a
    pid namespace."""
    for comm in Path("/proc").glob("[0-9]*/comm"):
        try:
            if comm.read_text().startswith("ksoftirqd/"):
                yield comm.with_name("schedstat")
        except (FileNotFoundError, ProcessLookupError):
            continue


KSOFTIRQD = list(_ksoftirqd())


def _redirect(inside, port):
    """Of all but the relay's own."""
    inside.run("nft", "add table ip relay; "
               "add chain ip relay output { type nat hook output priority -100; }; "
               f"add rule ip relay output meta skuid != {USER} tcp dport {PORT} redirect to :{port}",
               check=True)


def _told(inside):
    """The address that the resolver of the namespace gives for the only name."""
    with inside.call(socket.socket, socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.sendto(query(NAME), (RESOLVER, 53))
        return socket.inet_ntoa(client.recv(4096)[-4:])


@contextmanager
def _relay(bench, peer, inside, outside):
    """Yields what runs, if anything does, and the address at which the server is to be reached."""
    if isinstance(peer, Direct):
        yield Nobody(), SERVER
    elif peer is bench.nxgate:
        with (bench.upstream(outside, UPSTREAM) as upstream,
              bench.start(peer, "attach", 53, address=RESOLVER, namespace=inside, outside=outside,
                          upstream=upstream, firewall=True) as relay):
            yield relay, _told(inside)
    else:
        place = RelayPlace(bench.directory, free_port(), namespace=inside, server=SERVER)
        _redirect(inside, place.port)
        with TcpServer(peer.run(place), place.port, namespace=inside, processors=OURS) as relay:
            yield relay, SERVER


@contextmanager
def checked(bench, peer):
    """Yields a `Checked`, of which is known that it lets through what it should."""
    with star(1) as (outside, (inside,)):
        outside.run("ip", "route", "add", "local", ADDRESSES, "dev", "lo", check=True)
        inside.run("ip", "route", "add", "default", "via", address(0), check=True)
        inside.run("sysctl", "-qw", *TUNED, check=True)
        server = [*enter(outside), str(bench.tools.directory / "hello_server"), "0.0.0.0", str(PORT)]
        with (TcpServer(server, PORT, address=address(0), namespace=inside, processors=THEIRS) as far,
              _relay(bench, peer, inside, outside) as (relay, at)):
            found = Checked(bench, inside, far, relay, at)
            found.check(relayed=not isinstance(peer, Direct))
            yield found
