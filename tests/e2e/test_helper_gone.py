"""The helper process ends or hangs: nxgate ends with an error, and what is closed stays closed."""
import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import dns.exception
import pytest

from harness.manager import Manager
from harness.routed import DENIED, WEB, app, ask, connects, outside  # noqa: F401
from harness.timing import Stopwatch, wait_for, within
from harness.upstream import answer

NAMES = "web.test", "new.web.test", "newer.web.test"
CONFIG = """
[upstreams.default]
servers = ["127.0.0.1:{port}"]
netns = "{netns}"
[policies.default]
allow = ["web.test", "*.web.test"]
"""
HOLD = """
import ctypes, os, sys
SEIZE, INTERRUPT, WALL = 0x4206, 0x4207, 0x40000000
libc = ctypes.CDLL(None)
thread = ctypes.c_long(int(sys.argv[1]))
done = libc.ptrace(SEIZE, thread, None, None) or libc.ptrace(INTERRUPT, thread, None, None)
done or os.waitpid(thread.value, WALL)
print(done, flush=True)
sys.stdin.read()
"""
EGRESS = "[policies.default.egress]\ncheck-names = []\n"
#: What the kernel ends with us: tables with an owner.
OWNED = '[docker]\nfail = "open"\n'
#: How long a request may go unanswered: for what a client waits for, and for all else.
FAST, SLOW = 4, 10
#: How often it is asked whether it lives.
PING = 3


@pytest.fixture
def attach(nxgate, upstream, app, outside):
    server = upstream({name: answer(f"@ 60 A {WEB}") for name in NAMES}, namespace=outside)

    def start(*tables, **options):
        return nxgate("--netns", app.path, command="attach", config=CONFIG.format(
            port=server.port, netns=outside.path) + "".join(tables), **options)

    return start


def ends_for_want_of_its_helper(server, seconds, how):
    """Asserts that it ends by itself within that time, with an error that says how and what to do."""
    server.good_ends.add(1)
    assert server.process.wait(within(seconds)) == 1
    server._reader.join(5)
    line = server.log[-1]
    assert f"the helper process {how}" in line, server.log_text()
    assert "leaves everything in place; restart it" in line


@contextlib.contextmanager
def hanging(server):
    helper = server.helper
    os.kill(helper, signal.SIGSTOP)
    yield helper
    with contextlib.suppress(ProcessLookupError):
        os.kill(helper, signal.SIGCONT)


@contextlib.contextmanager
def held(thread):
    """One thread alone stands still. By a process of its own, which ptrace goes by."""
    tracer = subprocess.Popen([sys.executable, "-c", HOLD, str(thread)], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)
    assert tracer.stdout.readline() == "0\n"
    yield
    tracer.communicate()


@pytest.mark.parametrize("tables", [(EGRESS,), (EGRESS, 'fail = "open"\n')], ids=["closed", "open"])
def test_when_the_helper_ends_so_does_nxgate_and_all_stays_closed(attach, app, tables):
    server = attach(*tables)
    ask(app)
    assert connects(app, WEB) and not connects(app, DENIED)
    os.kill(server.helper, signal.SIGKILL)
    ends_for_want_of_its_helper(server, 1, "was ended by signal 9 (Killed)")
    assert not connects(app, DENIED)
    assert connects(app, WEB), "what was open stays open for its time"
    attach(*tables)
    assert not connects(app, DENIED)
    assert connects(app, WEB), "and is taken over"


def test_what_the_kernel_opens_with_us_opens_as_it_was_asked_for(attach, app):
    server = attach(EGRESS, OWNED)
    assert not connects(app, DENIED)
    os.kill(server.helper, signal.SIGKILL)
    ends_for_want_of_its_helper(server, 1, "was ended by signal 9 (Killed)")
    wait_for(lambda: connects(app, DENIED))


def test_a_gate_alone_stays_too(attach, app):
    server = attach()
    os.kill(server.helper, signal.SIGKILL)
    ends_for_want_of_its_helper(server, 1, "was ended by signal 9 (Killed)")
    assert "table ip nxgate" in app.run("nft", "list", "ruleset").stdout.replace("inet", "ip")


@pytest.fixture
def plain(nxgate, upstream, namespace):
    """Its helper opens sockets for one upstream, and nothing else."""
    other = namespace("other")
    return nxgate(config='[server]\nlisten = ["127.0.0.1:PORT"]\n' + CONFIG.format(
        port=upstream(namespace=other).port, netns=other.path))


def test_a_plain_server_with_a_helper_ends_too(plain):
    server = plain
    os.kill(server.helper, signal.SIGTERM)
    time.sleep(0.2)
    assert server.process.poll() is None, "the helper heeds no SIGTERM"
    os.kill(server.helper, signal.SIGKILL)
    ends_for_want_of_its_helper(server, 1, "was ended by signal 9 (Killed)")


def test_the_service_manager_is_told_of_the_end_and_no_longer_that_all_is_well(attach):
    manager = Manager(watchdog=1.0)
    try:
        server = attach(EGRESS, environment=manager.environment)
        os.kill(server.helper, signal.SIGKILL)
        ends_for_want_of_its_helper(server, 1, "was ended by signal 9 (Killed)")
        told = []
        while not told or "STOPPING" not in told[-1]:
            told.append(manager.hear())
    finally:
        manager.close()


def test_one_that_hangs_is_given_up(attach, app):
    server = attach(EGRESS)
    with hanging(server) as helper, Stopwatch() as watch:
        with contextlib.suppress(dns.exception.Timeout, OSError):
            ask(app, "new.web.test", timeout=1)
        ends_for_want_of_its_helper(server, FAST + 3, "did not answer in time")
    assert watch.seconds > FAST - 1
    assert not os.path.exists(f"/proc/{helper}"), "nor is it left behind"
    assert not connects(app, DENIED)
    attach(EGRESS)
    assert ask(app).answer


def test_one_that_hangs_is_given_up_though_nobody_asks_anything(attach, app):
    server = attach(EGRESS)
    with hanging(server):
        # The look at the firewalls each second may come first, which may take long.
        ends_for_want_of_its_helper(server, SLOW + 3, "did not answer in time")
    assert not connects(app, DENIED)


def test_so_it_is_by_a_server_without_a_firewall(plain):
    with hanging(plain):
        ends_for_want_of_its_helper(plain, PING + FAST + 3, "did not answer in time")


def test_one_of_which_one_thread_hangs_is_given_up_too(plain):
    """Which no signal can do: a debugger holds the one that nobody waits for."""
    slow = max(map(int, os.listdir(f"/proc/{plain.helper}/task")))
    assert slow != plain.helper
    with held(slow):
        ends_for_want_of_its_helper(plain, PING + SLOW + 3, "did not answer in time")


def test_a_server_that_asks_whether_it_lives_does_so_cheaply(plain):
    def switches():
        text = Path(f"/proc/{plain.helper}/status").read_text()
        return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", text, re.M)[1])

    before = switches()
    time.sleep(2 * PING + 1)
    assert 2 <= switches() - before <= 6


def test_one_that_hangs_keeps_nobody_from_stopping_the_server(attach):
    server = attach(EGRESS)
    with hanging(server):
        server.process.send_signal(signal.SIGTERM)
        server.good_ends.add(1)
        assert server.process.wait(within(SLOW + 3)) in (0, 1)


def test_one_that_hangs_keeps_status_waiting_for_no_longer_than_its_time(attach):
    server = attach(EGRESS)
    server.good_ends.add(1)
    with hanging(server):
        with Stopwatch() as watch:
            server.process.send_signal(signal.SIGHUP)  # which looks at the firewalls anew
            server.operate("status", check=False)
        assert watch.seconds < within(SLOW + 3)
        server.process.wait(within(PING + SLOW + 3))  # the answer may have come before it asked the helper


def test_a_pause_that_is_short_enough_is_no_end(attach, app):
    server = attach(EGRESS)
    with hanging(server):
        with contextlib.suppress(dns.exception.Timeout):
            ask(app, "new.web.test", timeout=1)
    wait_for(lambda: ask(app, "newer.web.test").answer)
    assert server.process.poll() is None
