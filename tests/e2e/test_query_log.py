"""The query log: what is written, and that writing it delays nobody."""
import json
import os
import re
import signal
import socket
import time

import pytest
from harness.nxgate import addresses, make_query, run
from harness.timing import wait_for, within
from harness.upstream import answer

CONFIG = """
[server]
listen = ["127.0.0.1:PORT"]
[upstreams.default]
servers = ["{upstream}"]
[policies.default]
allow = ["good.test"]
[query-log]
path = "{path}"
{more}
"""


@pytest.fixture
def logging(nxgate, upstream, directory):
    """logging(keys): a server, and where its log is."""
    os.chmod(directory, 0o777)

    def start(more="", path=None):
        up = upstream({"*": answer("@ 60 A 192.0.2.1")})
        path = path or directory / "queries.log"
        return nxgate(config=CONFIG.format(upstream=up.endpoint, path=path, more=more)), path
    return start


def lines(path, count):
    """Once there are so many; and no more of them."""
    wait_for(lambda: path.exists() and path.read_text().count("\n") >= count, what=f"{count} lines")
    time.sleep(0.2)
    found = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(found) == count, found
    return found


def test_a_line_for_each_answer(logging):
    server, path = logging()
    server.query("good.test")
    server.query("good.test", tcp=True)
    server.query("bad.test", "AAAA")
    first, second, third = lines(path, 3)
    assert (first["name"], first["verdict"], first["transport"]) == ("good.test", "forwarded", "udp")
    assert (second["verdict"], second["transport"]) == ("cached", "tcp")
    assert (third["type"], third["verdict"], third["rcode"], third["rule"]) == (
        "AAAA", "denied", "NXDOMAIN", "default")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", first["time"])
    assert oct(path.stat().st_mode & 0o777) == "0o640" and path.stat().st_uid != 0


def test_only_denied(logging):
    server, path = logging('queries = "denied"')
    for name in ("good.test", "bad.test", "test"):
        server.query(name)
    assert [line["name"] for line in lines(path, 2)] == ["bad.test", "test"]


def test_only_first_seen(logging):
    server, path = logging('queries = "first-seen"')
    for name in ("a.test", "a.test", "b.test", "a.test"):
        server.query(name)
    server.ask(make_query("a.test"), source="127.0.0.9")
    assert [line["name"] for line in lines(path, 3)] == ["a.test", "b.test", "a.test"]


def test_one_in_so_many_and_some_left_out(logging):
    server, path = logging('sample = 3\nskip = ["noise.test"]')
    for i in range(9):
        server.query(f"n{i}.test")
        server.query(f"n{i}.noise.test")
    assert [line["name"] for line in lines(path, 3)] == ["n2.test", "n5.test", "n8.test"]


def test_clients_can_be_hashed(logging):
    server, path = logging("hash-clients = true")
    server.query("a.test")
    server.query("b.test")
    server.ask(make_query("c.test"), source="127.0.0.9")
    first, second, third = lines(path, 3)
    assert re.fullmatch(r"[0-9a-f]{16}", first["client"]) and "127.0.0" not in path.read_text()
    assert first["client"] == second["client"] != third["client"]


def test_a_signal_opens_it_anew(logging, directory):
    server, path = logging()
    server.query("a.test")
    lines(path, 1)
    os.rename(path, directory / "queries.log.1")
    server.process.send_signal(signal.SIGUSR1)
    wait_for(path.exists, what="the new file")
    server.query("b.test")
    assert [line["name"] for line in lines(path, 1)] == ["b.test"]
    assert (directory / "queries.log.1").read_text().count("\n") == 1


def test_what_is_answered_before_the_end_is_written(logging):
    server, path = logging()
    for i in range(50):
        server.query(f"n{i}.test")
    server.stop()
    assert path.read_text().count("\n") == 50


def test_a_full_disk_is_told_and_delays_nobody(logging):
    server, _ = logging(path="/dev/full")
    for i in range(20):
        server.query(f"n{i}.test")
    server.wait_for_log("/dev/full: No space left on device; query log lines are lost")
    assert addresses(server.query("good.test")) == ["192.0.2.1"]


def test_a_reader_that_stalls_delays_nobody(logging, directory):
    """The log is a pipe that nobody reads from."""
    path = directory / "pipe"
    os.mkfifo(path, 0o666)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        server, _ = logging(path=path)
        times = []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.connect(("127.0.0.1", server.port))
            client.settimeout(within(2))
            for i in range(2000):
                began = time.monotonic()
                client.send(make_query(f"n{i}.test").to_wire())
                client.recv(4096)
                times.append(time.monotonic() - began)
        assert sorted(times)[-20] < within(0.05)
        server.stop()  # the reader still stalls
    finally:
        os.close(reader)


@pytest.mark.parametrize("more, word", [
    ('queries = "some"', "first-seen"), ("sample = 0", "from 1 to"), ('skip = ["a..b"]', "a..b"),
    ('path2 = "/x"', "unknown key")])
def test_what_is_wrong_is_told_with_its_place(directory, more, word):
    config = directory / "n.toml"
    config.write_text(f'[query-log]\npath = "/tmp/x"\n{more}\n')
    done = run("check", config)
    assert done.returncode == 1 and f"{config}:3:" in done.stderr and word in done.stderr


def test_a_user_may_be_a_number(nxgate, directory):
    """As where there is no /etc/passwd."""
    os.chmod(directory, 0o777)
    server = nxgate(config=f'[server]\nlisten = ["127.0.0.1:PORT"]\nuser = "54321"\n[control]\n'
                           f'socket = "{directory}/control.sock"\nstate = "{directory}/state"\n'
                           f'[query-log]\npath = "{directory}/queries.log"\n')
    server.query("a.test")
    assert len(lines(directory / "queries.log", 1)) == 1
    assert {(directory / each).stat().st_uid for each in ("queries.log", "state")} == {54321}
