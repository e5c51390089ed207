"""Files that are no lists: what is said of them is short, and reading them takes little and ends."""
import os
import resource
import subprocess
import time

import pytest
from harness.nxgate import BINARY, SANITIZED, addresses, rcode
from harness.timing import within
from harness.upstream import answer

CONFIG = """[server]
listen = ["127.0.0.1:PORT"]
[upstreams.default]
servers = ["192.0.2.1"]
[policies.default]
"""
pytestmark = pytest.mark.skipif(SANITIZED, reason="time and memory are the release binary's")


class Checked:
    def __init__(self, path, seconds):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begin = time.monotonic()
        # Two seconds more than it may take by itself: the machine is shared.
        done = subprocess.run(["/usr/bin/env", BINARY, "check", path], capture_output=True,
                              timeout=4 * seconds + 20, check=False)
        self.wall = time.monotonic() - begin
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        self.status, self.told = done.returncode, done.stderr.decode(errors="replace")


@pytest.fixture
def check(directory):
    """check(policy keys, seconds of CPU that it may take)"""
    path = directory / "nxgate.toml"

    def put(text, seconds):
        path.write_text(CONFIG.replace("PORT", "5399") + text)
        done = Checked(path, seconds)
        assert done.cpu < within(seconds), f"{done.cpu} s"
        assert len(done.told) < 60_000
        assert all(len(line) < 1000 for line in done.told.splitlines())
        return done

    return put


CONTENT = {
    "zeros": lambda: b"\0" * (40 << 20),
    "no line end": lambda: b"x" * (60 << 20),
    "faults": lambda: b"a..b\n" * 1_000_000,
    "long lines": lambda: (b"x" * 5000 + b"\n") * 10_000,
    "binary": lambda: os.urandom(20 << 20),
}


@pytest.mark.parametrize("key", ["allow-files", "hosts-files"])
@pytest.mark.parametrize("content", CONTENT)
def test_what_is_no_list_is_told_in_few_words(check, directory, content, key):
    path = directory / "odd"
    path.write_bytes(CONTENT[content]())
    done = check(f'{key} = ["{path}"]\n', 2.5)
    lines = done.told.splitlines()
    assert done.status == 1 and 0 < len(lines) <= 101
    assert str(path) in lines[0]
    if content == "faults":
        assert "stopped after 100 errors" in lines[-1] and len(lines) == 101
    if content == "long lines":
        assert "…` (5000 octets)" in done.told


@pytest.mark.parametrize("key", ["allow-files", "hosts-files"])
@pytest.mark.parametrize("kind", ["pipe", "directory", "sparse", "device"])
def test_what_is_no_file_is_an_error_at_once(check, directory, kind, key):
    path = directory / "odd"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.touch()
        os.truncate(path, 1 << 42)
    done = check(f'{key} = ["{path}"]\n', 3)
    assert done.status == 1 and str(path) in done.told
    assert done.wall < 20


@pytest.mark.parametrize("text, words", [
    ("x" * 4_000_000 + " = 1\n", "octets)"),
    ('deny = "' + "x" * 4_000_000 + '"\n', "octets)"),
    ("deny = [" + '"x", ' * 500_000 + "]\n", "a list"),
    ("allow = [" + '"a..b", ' * 300_000 + "]\n", "stopped after 100 errors"),
    ('records = ["a.test A ' + "9" * 2_000_000 + '"]\n', "octets)"),
    ("\0" * 4_000_000, "nxgate.toml"),
    ("allow = " + "[" * 4_000_000, "nxgate.toml"),
], ids=["key", "value", "list", "rules", "record", "zeros", "depth"])
def test_a_configuration_that_is_none_is_told_in_few_words(check, text, words):
    done = check(text, 3)
    assert done.status == 1 and words in done.told


def addresses_of(count):
    return [f"10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}" for i in range(count)]


MANY = {
    "addresses of one name": (
        "hosts-files", lambda n: "".join(f"{a} a.test\n" for a in addresses_of(n))),
    "names of one address": (
        "hosts-files", lambda n: "10.0.0.1 " + " ".join(f"n{i}.test" for i in range(n)) + "\n"),
    "lines of one name and address": ("hosts-files", lambda n: "10.0.0.1 a.test\n" * n),
    "rules with ports": ("allow-files", lambda n: "".join(f"n{i}.test:22\n" for i in range(n))),
    "one rule": ("allow-files", lambda n: "*.a.test\n" * n),
    "deep names": ("allow-files",
                   lambda n: "".join(f"{'a.' * 100}n{i}.test\n" for i in range(n // 10))),
}


@pytest.mark.parametrize("what", MANY)
def test_twice_as_many_lines_take_twice_the_time(check, directory, what):
    key, make = MANY[what]
    path = directory / "list"
    took = []
    for count in (100_000, 200_000):
        path.write_text(make(count))
        took.append(check(f'{key} = ["{path}"]\n', 5).cpu)
    assert took[1] < 3 * took[0] + 0.3, took


INLINE = {
    "records of one owner": lambda n: "records = [" + ", ".join(
        f'"a.test A {a}"' for a in addresses_of(n)) + "]\n",
    "wildcards": lambda n: "records = [" + ", ".join(
        f'"*.w{i}.test A 10.0.0.1"' for i in range(n)) + "]\n",
    "ranges of clients": lambda n: "[[clients]]\npolicy = \"default\"\nfrom = [" + ", ".join(
        f'"{a}"' for a in addresses_of(n)) + "]\n",
    "routes": lambda n: "[[policies.default.routes]]\nupstream = \"default\"\nnames = [" + ", ".join(
        f'"r{i}.test"' for i in range(n // 2)) + "]\n",
    "policies with clients": lambda n: "".join(
        f'[policies.p{i}]\nallow = ["a{i}.test"]\n[[clients]]\nfrom = ["{a}"]\npolicy = "p{i}"\n'
        for i, a in enumerate(addresses_of(n // 4))),
    "upstreams": lambda n: "".join(
        f'[upstreams.u{i}]\nservers = ["192.0.2.1"]\n[[policies.default.routes]]\n'
        f'names = ["r{i}.test"]\nupstream = "u{i}"\n' for i in range(n // 4)),
}


@pytest.mark.parametrize("what", INLINE)
def test_twice_as_many_entries_take_twice_the_time(check, what):
    took = [check(INLINE[what](count), 6).cpu for count in (50_000, 100_000)]
    assert took[1] < 3 * took[0] + 0.3, took


def test_twice_as_many_listeners_take_twice_the_time(directory):
    took = []
    path = directory / "nxgate.toml"
    for count in (15_000, 30_000):
        listen = ", ".join(f'"127.{i >> 16}.{i >> 8 & 255}.{i & 255}:5399"' for i in range(1, count))
        path.write_text(CONFIG.replace('"127.0.0.1:PORT"', listen))
        done = Checked(path, 5)
        assert done.status == 0, done.told
        took.append(done.cpu)
    assert took[1] < 3 * took[0] + 0.3, took


def test_a_reload_that_reads_junk_keeps_nobody_waiting(nxgate, upstream, directory):
    up = upstream({"*": answer("@ 60 A 192.0.2.1")})
    path = directory / "list"
    path.write_text("good.test\n")
    text = CONFIG.replace("192.0.2.1", up.endpoint) + f'allow-files = ["{path}"]\n'
    server = nxgate(config=text)
    path.write_bytes(b"\0" * (40 << 20))
    server.wait_for_log("reload rejected")
    begin = time.monotonic()
    assert "fault" in server.operate("health").stdout
    assert time.monotonic() - begin < within(1)
    assert max(map(len, server.log)) < 9000
    assert addresses(server.query("good.test")) == ["192.0.2.1"]
    assert rcode(server.query("bad.test")) == "NXDOMAIN"


def test_requests_are_quoted_shortly(nxgate):
    server = nxgate()
    for command in (("allow", "x" * 3000 + ".test"), ("explain", "x" * 3000),
                    ("allow", "x.test", "--policy", "p" * 3000)):
        done = server.operate(*command, check=False)
        assert done.returncode != 0 and 0 < len(done.stderr) < 400
        assert "octets)" in done.stderr
