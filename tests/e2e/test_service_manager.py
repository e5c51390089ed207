"""nxgate as a service: what it tells systemd, and what the journal gets."""
import os
import re
import signal
import socket
import subprocess
import time

import pytest
from harness.manager import Manager
from harness.nxgate import BINARY, addresses, free_port, make_query, rcode
from harness.timing import wait_for, within

CONFIG = """[server]
listen = ["127.0.0.1:PORT"]
[policies.default]
records = ["db.test A 10.0.0.5"]
"""


@pytest.fixture
def manager():
    """Starts managers: manager(watchdog=2.0); see Manager."""
    started = []

    def start(**options):
        started.append(Manager(**options))
        return started[-1]

    yield start
    for each in started:
        each.close()


def told(manager, *messages):
    """Asserts that these are the next ones, by their first fields; gives them whole."""
    heard = [manager.hear() for _ in messages]
    assert [next(iter(each)) for each in heard] == list(messages), heard
    return heard


def test_it_is_ready_once_it_answers(nxgate, manager):
    listening = manager()
    server = nxgate(config=CONFIG, wait=False, environment=listening.environment)
    (message,) = told(listening, "READY")
    assert addresses(server.ask(make_query("db.test"), timeout=within(1))) == ["10.0.0.5"]
    assert re.fullmatch(r"\d+ workers? on 127.0.0.1:\d+ \(udp, tcp\), policy .*", message["STATUS"])
    server.stop()
    told(listening, "STOPPING")


def test_a_reload_is_told_from_its_beginning_to_its_end(nxgate, manager):
    listening = manager()
    server = nxgate(config=CONFIG, environment=listening.environment)
    told(listening, "READY")
    before = time.monotonic() * 1e6
    server.reload()
    reloading, ready = told(listening, "RELOADING", "READY")
    assert before <= int(reloading["MONOTONIC_USEC"]) <= time.monotonic() * 1e6
    assert ready["STATUS"] == "generation 2"


def test_a_refused_reload_ends_too_and_says_so(nxgate, manager):
    listening = manager()
    server = nxgate(config=CONFIG, environment=listening.environment)
    told(listening, "READY")
    server.write_config("[nonsense")
    server.reload()
    _, ready = told(listening, "RELOADING", "READY")
    assert "refused" in ready["STATUS"] and "generation 1" in ready["STATUS"]
    server.write_config(CONFIG)
    _, ready = told(listening, "RELOADING", "READY")
    assert ready["STATUS"] == "generation 2"


def test_a_start_that_fails_is_never_ready(nxgate, manager):
    listening = manager()
    done = subprocess.run([BINARY, "serve", "--listen", "192.0.2.1:53"], capture_output=True, text=True,
                          check=False, env={**os.environ, **listening.environment})
    assert done.returncode == 1 and listening.hear(0.1) is None


@pytest.mark.parametrize("name", ["/nowhere/notify", "@nxgate-nobody", "nonsense"])
def test_a_manager_out_of_reach_is_no_reason_not_to_serve(nxgate, name):
    server = nxgate(config=CONFIG, environment={"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "1000000"})
    assert f"NOTIFY_SOCKET {name}" in server.log_text()
    assert addresses(server.query("db.test")) == ["10.0.0.5"]


def test_a_manager_that_hears_nothing_holds_nothing_up(nxgate, manager):
    deaf = manager(watchdog=0.002)
    server = nxgate(config=CONFIG, environment=deaf.environment)
    server.wait_for_log("the service manager can't be told anything")
    for _ in range(3):
        server.reload()
    assert addresses(server.query("db.test")) == ["10.0.0.5"]


def test_the_watchdog_is_fed_in_time(nxgate, manager):
    listening = manager(watchdog=within(1))
    nxgate(config=CONFIG, environment=listening.environment)
    told(listening, "READY")
    for _ in range(5):
        assert listening.hear(within(1)) == {"WATCHDOG": "1"}


@pytest.mark.parametrize("pid, fed", [("1", False), ("", True)])
def test_the_watchdog_of_another_process_is_not_ours(nxgate, manager, pid, fed):
    listening = manager(watchdog=0.2)
    nxgate(config=CONFIG, environment={**listening.environment, "WATCHDOG_PID": pid})
    told(listening, "READY")
    assert (listening.hear(1) is not None) == fed


def test_a_worker_that_is_stuck_ends_the_feeding(manager):
    """It is stuck in writing its log, which nobody reads; the main thread goes on."""
    listening = manager(watchdog=within(0.4))
    port = free_port()
    server = subprocess.Popen(
        [BINARY, "serve", "-v", "--workers", "2", "--listen", f"127.0.0.1:{port}"],
        stderr=subprocess.PIPE, env={**os.environ, **listening.environment})
    try:
        told(listening, "READY")
        assert listening.hear(within(1)) == {"WATCHDOG": "1"}
        query = make_query("x" * 60 + ".test").to_wire()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.connect(("127.0.0.1", port))
            client.settimeout(within(0.3))
            with pytest.raises(TimeoutError):
                while True:
                    client.send(query)
                    client.recv(4096)
        time.sleep(within(0.4))
        listening.forget()
        assert listening.hear(within(1.5)) is None
        os.set_blocking(server.stderr.fileno(), False)
        wait_for(lambda: server.stderr.read() is None, what="the end of the log")
        listening.hear_of("WATCHDOG")
        server.send_signal(signal.SIGTERM)
        listening.hear_of("STOPPING")
    finally:
        server.kill()
        server.communicate()


def journal_stream(pipe):
    status = os.fstat(pipe)
    return f"{status.st_dev}:{status.st_ino}"


@pytest.fixture
def journalled():
    """Runs nxgate with the journal as its standard error until it is told to end; gives the lines."""
    def run(arguments, until, ask=lambda: None, stream=journal_stream):
        reading, writing = os.pipe()
        with os.fdopen(reading, errors="replace") as lines:
            server = subprocess.Popen([BINARY, *arguments], stderr=writing, stdout=subprocess.DEVNULL,
                                      env={**os.environ, "JOURNAL_STREAM": stream(writing)})
            os.close(writing)
            seen = []
            for line in lines:
                seen.append(line.rstrip("\n"))
                if re.search(until, line):
                    ask()
                    server.send_signal(signal.SIGTERM)
            server.wait()
        return seen

    return run


def test_the_journal_gets_priorities_and_no_time_of_ours(journalled, directory):
    port = free_port()
    config = directory / "nxgate.toml"
    config.write_text(f"""[server]
listen = ["127.0.0.1:{port}"]
[upstreams.default]
servers = ["127.0.0.1:1"]
[policies.default]
allow = ["x.test"]
""")

    def ask():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(within(5))
            for name in ("denied.test", "x.test"):
                client.sendto(make_query(name).to_wire(), ("127.0.0.1", port))
                client.recv(4096)

    lines = journalled(["serve", "-vv", "--config", config], "ready:", ask)
    assert all(re.match(r"<[3467]>\S", line) for line in lines), lines
    assert any(re.match("<6>ready: ", line) for line in lines)
    assert any(re.match("<7>.*denied.test", line) for line in lines)
    assert any(re.match("<6>stopped by SIGTERM", line) for line in lines)


def test_the_journal_gets_faults_as_errors(journalled, directory):
    config = directory / "nxgate.toml"
    config.write_text("[nonsense")
    (line,) = journalled(["serve", "--config", config], "never")
    assert line.startswith(f"<3>{config}:1:10: ")
    (line,) = journalled(["serve", "--listen", "192.0.2.1:53"], "never")
    assert line.startswith("<3>192.0.2.1:53/udp: ")


def test_what_is_no_journal_gets_the_time(journalled):
    lines = journalled(["serve", "--listen", f"127.0.0.1:{free_port()}"], "ready:", stream=lambda _: "1:2")
    assert all(re.match(r"\d{4}-\d\d-\d\dT\S+ info ", line) for line in lines), lines


@pytest.mark.parametrize("no_color, coloured", [("", True), ("1", False)])
def test_no_color_is_honoured_on_a_terminal(no_color, coloured):
    ours, theirs = os.openpty()
    subprocess.run([BINARY, "serve", "--listen", "192.0.2.1:53"], stderr=theirs, check=False,
                   env={**os.environ, "NO_COLOR": no_color, "TERM": "xterm"})
    os.close(theirs)
    written = os.read(ours, 4096).decode()
    os.close(ours)
    assert "192.0.2.1:53" in written and ("\x1b[" in written) == coloured
