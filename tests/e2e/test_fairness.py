"""One client can't take what others need: places, waiting queries, memory, cache, descriptors, workers.

A client is an attached container, an IPv4 address, or an IPv6 /64. Whatever a greedy one takes, another
is answered as if it were alone.
"""
import http.client
import re
import signal
import socket
import time
from pathlib import Path

import dns.message
import dns.query
import pytest
from harness.client import framed
from harness.nxgate import ROOT, SANITIZED, addresses, free_port, make_query, rcode
from harness.timing import wait_for, within
from harness.upstream import after, answer, silent

GOOD = answer("@ 60 A 192.0.2.1")
#: Redirected to nxgate in an attached namespace.
RESOLVER = "127.0.0.11"
CONFIG = """
[server]
{listen}
workers = 2
{server}
[control]
socket = "{directory}/control.sock"
metrics = "127.0.0.1:{metrics}"
[cache]
size = "{cache}"
[upstreams.default]
servers = ["{upstream}"]
timeout = "5s"
[policies.default]
allow = ["x.test"]
"""


def good_or_silent(received):
    """Nothing for names below silent.x.test, an address for all others."""
    if ".silent." not in received.qname.lower():
        GOOD(received)


@pytest.fixture
def serve(nxgate, upstream, directory):
    """serve(*arguments, script=...): nxgate with metrics at `.metrics` and an upstream at `.upstream`."""

    def start(*arguments, script=None, listen=(), server="", cache="32MiB", protocol="", **options):
        directory.chmod(0o777)
        up = upstream(script or {"*": good_or_silent}, namespace=options.get("namespace"))
        metrics = free_port()
        text = CONFIG.format(listen=f"listen = {list(listen)}" if listen else "", server=server, directory=directory, cache=cache,
                             metrics=metrics, upstream=protocol + up.endpoint)
        started = nxgate(*arguments, config=text.replace("'", '"'), **options)
        started.upstream, started.metrics = up, metrics
        started.control = directory / "control.sock"
        return started

    return start


@pytest.fixture
def attached(serve, namespace):
    """attached(...): nxgate attached to `.greedy` and `.other`."""

    def start(**options):
        inside = [namespace("greedy"), namespace("other")]
        server = serve(*(word for each in inside for word in ("--netns", each.path)), command="attach",
                       **options)
        server.greedy, server.other = inside
        return server

    return start


def ask(inside, qname, tcp=False, timeout=8):
    send = dns.query.tcp if tcp else dns.query.udp
    return inside.call(lambda: send(make_query(qname), RESOLVER, timeout=within(timeout)))


def ask_many(inside, qnames, window=50):
    """The rcode of each by UDP, some at a time."""
    def exchange():
        found = {}
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.connect((RESOLVER, 53))
            client.settimeout(within(8))
            for start in range(0, len(qnames), window):
                part = qnames[start:start + window]
                for qname in part:
                    client.send(make_query(qname).to_wire())
                for _ in part:
                    response = dns.message.from_wire(client.recv(4096))
                    found[response.question[0].name.to_text(omit_final_dot=True)] = rcode(response)
        return [found[qname] for qname in qnames]

    return inside.call(exchange)


def limit(server, name):
    """How often a limit was reached, by the metrics."""
    text = server.operate("metrics").stdout
    return int(re.search(rf'nxgate_limits_reached_total{{limit="{name}"}} (\d+)', text)[1])


def connect_all(addresses_of, to, count, message):
    """`count` TCP connections from each address, each with the message sent."""
    made = []
    for source in addresses_of:
        for _ in range(count):
            each = socket.socket(socket.AF_INET6 if ":" in to[0] else socket.AF_INET)
            each.settimeout(within(5))
            each.bind((source, 0))
            try:
                each.connect(to)
                each.sendall(message)
            except OSError:
                each.close()
                continue
            made.append(each)
    return made


def test_unanswered_tcp_questions_of_one_container_block_no_other(attached):
    server = attached()
    unanswered = [framed(make_query(f"n{i}.silent.x.test")) for i in range(40)]
    held = server.greedy.call(
        lambda: [made for each in unanswered for made in connect_all(["127.0.0.1"], (RESOLVER, 53), 1, each)])
    wait_for(lambda: server.upstream.count() >= 30, what="questions at the upstream")
    assert rcode(ask(server.other, "good.x.test", tcp=True)) == "NOERROR"
    assert limit(server, "tcp-per-client") >= 8
    for each in held:
        each.close()


def test_waiting_questions_of_one_container_fail_no_other(attached):
    server = attached()

    def flood():
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.connect((RESOLVER, 53))
        for i in range(1500):
            client.send(make_query(f"n{i % 250}.silent.x.test", "A AAAA TXT MX SRV PTR".split()[i // 250]).to_wire())
            if i % 50 == 0:
                time.sleep(0.005)
        return client

    with server.greedy.call(flood):
        wait_for(lambda: server.upstream.count() >= 900, what="questions at the upstream")
        results = ask_many(server.other, [f"n{i}.good.x.test" for i in range(60)])
        assert results.count("NOERROR") == 60, results.count("SERVFAIL")
    assert limit(server, "waiting queries") >= 400


def test_one_container_pushes_no_answers_of_another_out_of_the_cache(attached):
    server = attached(cache="256KiB")
    mine = [f"mine{i}.x.test" for i in range(30)]
    assert ask_many(server.other, mine).count("NOERROR") == 30
    assert ask_many(server.greedy, [f"n{i}.x.test" for i in range(2500)]).count("NOERROR") == 2500
    asked = server.upstream.count()
    assert ask_many(server.other, mine).count("NOERROR") == 30
    assert server.upstream.count() - asked <= 5, "one in 32 is expected"


def test_a_container_has_one_rate_limit_whatever_its_addresses(attached):
    server = attached(server="rate-limit = { queries-per-second = 1, burst = 5, truncate = 0 }")

    def answers():
        count = 0
        for i in range(30):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.bind((f"127.0.1.{i + 1}", 0))
                client.connect((RESOLVER, 53))
                client.settimeout(0.05)
                client.send(make_query("denied.test").to_wire())
                try:
                    count += client.recv(512)[3] & 15 == 3
                except TimeoutError:
                    pass
        return count

    assert 5 <= server.greedy.call(answers) <= 8 * within(1)


def test_attached_containers_are_spread_over_workers(attached):
    server = attached()

    def busy():
        spent = {}
        for task in Path(f"/proc/{server.pid}/task").iterdir():
            spent[task.name] = int((task / "schedstat").read_text().split()[0])
        return spent

    before = busy()
    for inside in (server.greedy, server.other):
        assert ask_many(inside, [f"n{i}.denied.test" for i in range(5000)]).count("NXDOMAIN") == 5000
    spent = sorted(now - before.get(task, 0) for task, now in busy().items())
    assert spent[-2] > spent[-1] / 4, "two workers, each with a container"


@pytest.fixture
def network(namespace):
    """A namespace of clients on a network with the server's."""
    clients, home = namespace("clients"), namespace("home")
    clients.join(home, "10.77.0.2/24", "10.77.0.1/24")
    for end, last in ((clients, 2), (home, 1)):
        end.add_address(f"2001:db8:77::{last}/64", "eth0")
    return clients, home


def test_an_ipv6_host_is_one_client_whatever_its_addresses(serve, network):
    clients, home = network
    for i in range(40):
        clients.add_address(f"2001:db8:77::1:{i:x}/64", "eth0")
    server = serve(listen=["[2001:db8:77::1]:PORT", "10.77.0.1:PORT"], server="tcp-clients = 64",
                   script={"*": silent(), "good.x.test": GOOD}, namespace=home)
    message = framed(make_query("n.silent.x.test"))
    sources = [f"2001:db8:77::1:{i:x}" for i in range(40)]
    held = clients.call(lambda: connect_all(sources, ("2001:db8:77::1", server.port), 2, message))
    time.sleep(0.3)
    response = clients.call(lambda: dns.query.tcp(make_query("good.x.test"), "10.77.0.1", port=server.port,
                                                  timeout=within(4)))
    assert addresses(response) == ["192.0.2.1"]
    assert limit(server, "tcp-per-client") >= 40
    for each in held:
        each.close()


def held_kib(server, home):
    """What it holds itself, and what the kernel does to be sent."""
    sockets = home.run("ss", "-tmnH", "sport", "=", server.port, check=True).stdout
    return server.rss_kib() + sum(int(size) for size in re.findall(r"skmem:\(.*?,w(\d+)", sockets)) // 1024


@pytest.mark.skipif(SANITIZED, reason="memory is measured")
def test_clients_that_read_no_large_answers_cost_bounded_memory(serve, network):
    clients, home = network
    for i in range(8):
        clients.add_address(f"10.77.0.{10 + i}/24", "eth0")
    large = answer(*[f'@ 60 TXT "{i:04d}{"x" * 240}"' for i in range(230)])
    server = serve(listen=["10.77.0.1:PORT"], script={"large.x.test": after(1.5, large), "*": GOOD},
                   protocol="tcp://", namespace=home)
    before = held_kib(server, home)
    message = framed(make_query("large.x.test", "TXT")) * 64
    sources = [f"10.77.0.{10 + i}" for i in range(8)]
    held = clients.call(lambda: connect_all(sources, ("10.77.0.1", server.port), 32, message))
    assert len(held) == 256
    most = 0
    for _ in range(30):
        most = max(most, held_kib(server, home) - before)
        time.sleep(0.1)
    print(f"{most // 1024} MiB for {256 * len(message) / 1e6:.1f} MB sent")
    assert most < 150 * 1024, "64 MiB that all share, 80 KiB and 160 KiB in the kernel for each of 256"
    response = clients.call(lambda: dns.query.tcp(make_query("good.x.test"), "10.77.0.1", port=server.port,
                                                  timeout=within(4)))
    assert addresses(response) == ["192.0.2.1"]
    for each in held:
        each.close()


def scrape(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.metrics, timeout=within(5))
    connection.request("GET", "/metrics")
    return connection.getresponse().read().decode()


def test_idle_metrics_connections_are_bounded(serve, many_descriptors):
    many_descriptors(4096)
    server = serve(listen=["127.0.0.1:PORT"])
    before = server.descriptors()
    held = [socket.create_connection(("127.0.0.1", server.metrics)) for _ in range(1500)]
    for each in held[::2]:
        try:
            each.sendall(b"GET /metrics HTTP/1.1\r\nX-Slow: ")
        except OSError:
            pass  # closed already
    time.sleep(0.5)
    assert server.descriptors() - before <= 66
    assert "nxgate_build_info" in scrape(server)
    assert limit(server, "metrics connections") >= 1400
    for each in held:
        each.close()


def test_idle_control_connections_are_bounded(serve, many_descriptors):
    many_descriptors(4096)
    server = serve(listen=["127.0.0.1:PORT"])
    before = server.descriptors()
    held = []
    for _ in range(500):
        held.append(socket.socket(socket.AF_UNIX))
        held[-1].connect(str(server.control))
    time.sleep(0.5)
    assert server.descriptors() - before <= 66
    assert "default" in server.operate("status").stdout
    for each in held:
        each.close()


def test_tcp_clients_leave_descriptors_for_upstreams(serve, many_descriptors):
    many_descriptors(2048)
    server = serve(listen=["127.0.0.1:PORT"], server="tcp-per-client = 1000",
                   wrapper=["prlimit", "--nofile=256:256"])
    server.process.send_signal(signal.SIGSTOP)  # so that all come at once
    held = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(400)]
    server.process.send_signal(signal.SIGCONT)
    time.sleep(0.5)
    assert server.descriptors() < 200
    assert addresses(server.query("good.x.test")) == ["192.0.2.1"]
    assert "server.tcp-clients = 1024" in server.log_text()
    assert "cannot accept" not in server.log_text(), "first those are closed that make room"
    for each in held:
        each.close()


def test_the_units_memory_follows_from_the_bounds():
    """As docs/operating.md adds it up, by the defaults of docs/configuration.md."""
    reference = (ROOT / "docs/configuration.md").read_text()
    mebibytes = {key: int(number) for key, number in re.findall(
        r"^\| `(tcp-clients|tcp-memory|size)` \|[^|]*\| `\"?(\d+)(?:MiB)?\"?`", reference, re.M)}
    most = (25 + mebibytes["tcp-clients"] * 400 / 1024 + 2 * mebibytes["tcp-memory"] + 64 +
            1.5 * mebibytes["size"] + 100 + 16384 * 21 / 1024 + 64)
    unit = dict(re.findall(r"^(Memory\w+)=(\d+)[MG]$", (ROOT / "examples/nxgate.service").read_text(), re.M))
    assert most <= int(unit["MemoryHigh"]) < 1024 * int(unit["MemoryMax"])
