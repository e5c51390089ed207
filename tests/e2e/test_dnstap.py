"""dnstap: what Debian's readers read of it, and that no reader delays an answer."""
import json
import os
import re
import socket
import time

import pytest
from harness.control import Control
from harness.dnstap import Capture, StalledReader, field
from harness.nxgate import addresses, free_port, make_query, run
from harness.timing import Stopwatch, wait_for, within
from harness.upstream import answer

CONFIG = """
[server]
listen = ["127.0.0.1:PORT", "[::1]:PORT"]
[upstreams.default]
servers = ["{upstream}"]
[policies.default]
allow = ["good.test"]
[query-log]
{log}
[query-log.dnstap]
to = "{to}"
identity = "here"
{more}
"""


@pytest.fixture
def reader(directory):
    """reader(path=...) or reader(port=...): Debian's."""
    os.chmod(directory, 0o777)
    started = []

    def start(**options):
        started.append(Capture(directory, **options))
        return started[-1]
    yield start
    for each in started:
        each.stop()


@pytest.fixture
def tapped(nxgate, upstream):
    """tapped(to): a server that sends there."""
    def start(to, more="", log=""):
        up = upstream({"*": answer("@ 60 A 192.0.2.1")})
        return nxgate(config=CONFIG.format(upstream=up.endpoint, to=to, more=more, log=log))
    return start


@pytest.fixture
def path(directory):
    os.chmod(directory, 0o777)
    return directory / "dnstap.sock"


@pytest.fixture
def stalled(path):
    """A reader that reads nothing."""
    made = []

    def make(**options):
        made.append(StalledReader(path, **options))
        return made[-1]
    yield make
    for each in made:
        each.stop()


def state(server):
    with Control(server.control) as control:
        return json.loads(control.ask("GET", "/v1/status").body)["dnstap"]


def wait_until_connected(server):
    wait_for(lambda: state(server)["connected"], timeout=20, what="the connection to the reader")


def worst_of(times):
    """But for the worst hundredth, which the machine may have had other reasons for."""
    return sorted(times)[-len(times) // 100 - 1]


def ask_many(server, count):
    """How long each took."""
    times = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", server.port))
        client.settimeout(within(2))
        for i in range(count):
            began = time.monotonic()
            client.send(make_query(f"n{i}.test").to_wire())
            client.recv(4096)
            times.append(time.monotonic() - began)
    return times


@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_debians_reader_reads_each_kind_of_answer(tapped, reader, path, kind):
    where = {"path": path} if kind == "unix" else {"port": free_port()}
    capture = reader(**where)
    server = tapped(path if kind == "unix" else f"127.0.0.1:{where['port']}")
    wait_until_connected(server)
    server.query("good.test")
    server.query("good.test", tcp=True)
    server.query("bad.test", "AAAA")
    server.ask(make_query("bad.test"), address="::1")
    server.stop()  # sends what is left, and waits until the reader has it
    lines = capture.lines()
    assert [re.sub(r" \d+b ", " ", line) for line in lines] == [
        f"{way} {said}" for said in ('127.0.0.1 UDP "good.test." IN A', '127.0.0.1 TCP "good.test." IN A',
                                     '127.0.0.1 UDP "bad.test." IN AAAA', '::1 UDP "bad.test." IN A')
        for way in ("CQ", "CR")]


def test_what_a_message_says(tapped, reader, path):
    capture = reader(path=path)
    server = tapped(path)
    wait_until_connected(server)
    began = time.time()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", server.port))
        client.settimeout(10)
        for name in ("good.test", "bad.test"):
            asked = make_query(name)
            client.send(asked.to_wire())
            client.recv(4096)
        port = str(client.getsockname()[1])
    server.stop()
    _, forwarded, query, denied = capture.messages()
    assert field(denied, "identity") == "here" and field(denied, "version").startswith("nxgate ")
    for text in (query, denied):
        assert field(text, "query_port") == port and f"id: {asked.id}\n" in text
    assert "response_message" not in query
    assert "rcode: NXDOMAIN" in denied and "nxgate.invalid." in denied
    assert "rcode: NOERROR" in forwarded and re.search(r"good\.test\.\s60\sIN\sA\s192\.0\.2\.1", forwarded)
    _, forwarded, query, denied = capture.decoded()
    assert (field(denied, "type"), field(denied, "rule"), field(denied, "action")) == (
        "CLIENT_RESPONSE", "policy=default rule=default", "NXDOMAIN")
    assert (field(forwarded, "rule"), field(forwarded, "action")) == (
        "policy=default rule=good.test", "PASS")

    def time_of(what):
        return int(field(forwarded, f"{what}_time_sec")) + int(field(forwarded, f"{what}_time_nsec")) / 1e9
    assert began <= time_of("query") < time_of("response") <= time.time()


def test_the_choices_of_the_log_hold_here_too(tapped, reader, path):
    capture = reader(path=path)
    server = tapped(path, log='queries = "denied"\nsample = 2\nskip = ["noise.test"]\nhash-clients = true',
                    more='messages = "responses"\nversion = "mine"')
    wait_until_connected(server)
    for name in ("a.test", "good.test", "b.noise.test", "c.test"):
        server.query(name)
    server.stop()
    (message,) = capture.messages()
    assert "c.test." in message and "type: CLIENT_RESPONSE" in message
    assert field(message, "version") == "mine" and "query_address" not in message


def test_a_reader_that_stalls_delays_nobody(tapped, stalled, path):
    reader = stalled()
    server = tapped(path)
    reader.accept()
    wait_until_connected(server)
    assert worst_of(ask_many(server, 3000)) < within(0.05)
    wait_for(lambda: state(server)["lost"] > 0, timeout=20, what="a loss that is told")
    server.wait_for_log("doesn't read fast enough")
    assert addresses(server.query("good.test")) == ["192.0.2.1"]
    with Control(server.control) as control:
        metrics = control.ask("GET", "/metrics").body
    assert float(re.search(r'nxgate_dnstap_answers_total\{result="lost"\} (\S+)', metrics)[1]) > 0
    with Stopwatch() as watch:
        server.stop()
    assert watch.seconds < within(4)


def test_stopping_does_not_wait_for_a_reader_that_stalls(tapped, stalled, path):
    reader = stalled()
    server = tapped(path)
    reader.accept()
    wait_until_connected(server)
    ask_many(server, 3000)  # more than a socket holds
    with Stopwatch() as watch:
        server.stop()
    assert watch.seconds < within(4)


def test_one_that_listens_and_says_nothing(tapped, stalled, path):
    reader = stalled(agrees=False)
    server = tapped(path)
    reader.accept()
    assert worst_of(ask_many(server, 200)) < within(0.05)
    server.wait_for_log("the program that listens there doesn't read dnstap", timeout=within(15))
    assert not state(server)["connected"]


def test_a_reader_that_goes_away_and_comes_back(tapped, reader, path):
    first = reader(path=path)
    server = tapped(path)
    wait_until_connected(server)
    server.query("a.test")
    wait_for(lambda: state(server)["sent"] == 1, what="the first message")
    first.stop()
    wait_for(lambda: not state(server)["connected"], what="its end")
    server.query("b.test")
    wait_for(lambda: state(server)["lost"] == 1, what="the loss")
    assert "not connected" in server.operate("status").stdout
    second = reader(path=path)
    wait_until_connected(server)
    server.query("c.test")
    server.stop()
    assert ['"a.test."' in line for line in first.lines()] == [True, True]
    assert ['"c.test."' in line for line in second.lines()] == [True, True]


def test_the_socket_must_be_the_users_to_write_to(tapped, reader, path):
    """We connect as the user that root became."""
    reader(path=path, mode=0o755)
    server = tapped(path)
    server.wait_for_log(f"{path}: Permission denied")
    os.chmod(path, 0o777)
    wait_until_connected(server)


def test_another_reader_needs_a_restart(tapped, path):
    server = tapped(path)
    server.write_config(server.config.read_text().replace("dnstap.sock", "other.sock"))
    assert "rejected" in server.reload()
    assert "query-log.dnstap" in server.log_text()


@pytest.mark.parametrize("line, word", [
    ('to = "d.sock"', "full path"), ('to = "127.0.0.1"', "address:port"), (f'to = "/{"x" * 200}"', "too long"),
    ('messages = "all"', "responses"), ('too = "/x"', "did you mean")])
def test_what_is_wrong_is_told_with_its_place(directory, line, word):
    config = directory / "n.toml"
    config.write_text(f"[query-log.dnstap]\n{line}\n")
    done = run("check", config)
    assert done.returncode == 1 and f"{config}:2:" in done.stderr and word in done.stderr
