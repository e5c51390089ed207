"""nxgate as a service: what it tells systemd, and what the journal gets."""
import json
import os
import re
import signal
import socket
import shutil
import subprocess
import time

import pytest
from harness.manager import Manager
from harness.nxgate import BINARY, ROOT, addresses, free_port, make_query
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


@pytest.mark.parametrize("abstract", [False, True])
def test_it_is_ready_once_it_answers(nxgate, manager, abstract):
    listening = manager(abstract=abstract)
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
    assert "rejected" in ready["STATUS"] and "generation 1" in ready["STATUS"]
    server.write_config(CONFIG)
    _, ready = told(listening, "RELOADING", "READY")
    assert ready["STATUS"] == "generation 2"


def test_attaching_is_ready_once_it_is_attached(nxgate, manager, namespace):
    listening, inside = manager(), namespace("app")
    server = nxgate("--netns", inside.path, "--record", "db.test A 10.0.0.5", command="attach", listen=[],
                    wait=False, environment=listening.environment)
    told(listening, "READY")
    assert "db.test" in inside.run("dig", "+noall", "+answer", "@192.0.2.53", "db.test").stdout
    server.process.send_signal(signal.SIGHUP)
    told(listening, "RELOADING", "READY")
    server.stop()
    told(listening, "STOPPING")


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
    server.wait_for_log("cannot notify the service manager")
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
    assert all(re.match(r"\d{4}-\d\d-\d\dT\S+ (info|warning) ", line) for line in lines), lines


@pytest.mark.parametrize("no_color, coloured", [("", True), ("1", False)])
def test_no_color_is_honoured_on_a_terminal(no_color, coloured):
    ours, theirs = os.openpty()
    subprocess.run([BINARY, "serve", "--listen", "192.0.2.1:53"], stderr=theirs, check=False,
                   env={**os.environ, "NO_COLOR": no_color, "TERM": "xterm"})
    os.close(theirs)
    written = os.read(ours, 4096).decode()
    os.close(ours)
    assert "192.0.2.1:53" in written and ("\x1b[" in written) == coloured


#: Binds what it is told, then becomes an unprivileged nxgate with the sockets from descriptor 3 on.
LAUNCHER = """
import ctypes, fcntl, json, os, socket, sys
told, command = json.loads(sys.argv[1]), sys.argv[2:]
sockets = []
home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
if told["inside"]:
    assert ctypes.CDLL(None).setns(os.open(told["inside"], os.O_RDONLY | os.O_CLOEXEC), 0) == 0
for kind, address, port, reuse in told["sockets"]:
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET,
                         socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
    if reuse:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if told["interface"]:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, told["interface"].encode())
    made.bind((address, port))
    sockets.append(made)
assert ctypes.CDLL(None).setns(home, 0) == 0
kept = [fcntl.fcntl(each.fileno(), fcntl.F_DUPFD, 100) for each in sockets]
for number, descriptor in enumerate(kept, 3):
    os.dup2(descriptor, number)
    os.close(descriptor)
if told["user"]:
    os.setgroups([])
    os.setgid(told["user"])
    os.setuid(told["user"])
os.environ.update(LISTEN_FDS=str(len(kept)), LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES=told["names"])
os.execv(command[0], command)
"""
NOBODY = 65534
BOTH = (("udp", "127.0.0.1", 53), ("tcp", "127.0.0.1", 53))


def launcher(sockets, user=NOBODY, names="dns.socket", interface="", reuse=False, inside=None):
    """The command in front of nxgate's that hands these over."""
    told = {"sockets": [(*each, reuse) for each in sockets], "user": user, "names": names,
            "interface": interface, "inside": inside}
    return ["/usr/bin/python3", "-c", LAUNCHER, json.dumps(told)]


@pytest.fixture
def activated(nxgate, namespace):
    """Starts nxgate in a namespace of its own, with sockets that were bound for it."""
    def start(sockets=BOTH, listen=("127.0.0.1:53",), arguments=(), **options):
        return nxgate("--record", "db.test A 10.0.0.5", *arguments, namespace=namespace("activated"),
                      port=53, listen=list(listen), wrapper=launcher(sockets, **options))

    return start


def ask_inside(server, qname="db.test", address="127.0.0.1", **options):
    return server.namespace.call(
        lambda: addresses(server.ask(make_query(qname), address=address, timeout=within(5), **options)))


def sockets_of(server):
    """(protocol, local address) of every UDP and listening TCP socket in its namespace."""
    lines = server.namespace.run("ss", "-Hlntu").stdout.splitlines()
    return sorted((line.split()[0], line.split()[4]) for line in lines)


def test_handed_sockets_are_served_by_a_user_who_could_not_bind_them(activated):
    server = activated(arguments=["--workers", "2"])
    assert ask_inside(server) == ask_inside(server, tcp=True) == ["10.0.0.5"]
    assert sockets_of(server) == [("tcp", "127.0.0.1:53"), ("udp", "127.0.0.1:53")]
    (line,) = [line for line in server.log if "one worker" in line]
    assert "127.0.0.1:53" in line
    for _ in range(50):
        assert ask_inside(server) == ["10.0.0.5"]


def test_what_was_not_handed_over_is_opened_as_always(activated):
    server = activated(sockets=BOTH[:1], user=None, listen=["127.0.0.1:53", "127.0.0.2:53"],
                       arguments=["--workers", "1"])
    for address in ("127.0.0.1", "127.0.0.2"):
        assert ask_inside(server, address=address) == ["10.0.0.5"]
        assert ask_inside(server, address=address, tcp=True) == ["10.0.0.5"]
    assert len(sockets_of(server)) == 4


def test_a_wildcard_that_was_handed_over_answers_from_the_address_asked(activated):
    server = activated(sockets=[("udp", "0.0.0.0", 53), ("tcp", "0.0.0.0", 53)], listen=["0.0.0.0:53"])
    for address in ("127.0.0.1", "127.0.0.9"):
        assert ask_inside(server, address=address) == ["10.0.0.5"]


def test_an_interface_is_matched_by_its_name(activated):
    server = activated(sockets=[("udp", "0.0.0.0", 53), ("tcp", "0.0.0.0", 53)], user=None, listen=["lo:53"], interface="lo")
    assert ask_inside(server) == ask_inside(server, tcp=True) == ["10.0.0.5"]


def test_shared_sockets_are_joined_by_those_of_the_other_workers(activated):
    server = activated(reuse=True, user=None, arguments=["--workers", "3", "--user", "root"])
    assert sockets_of(server) == [("tcp", "127.0.0.1:53")] * 3 + [("udp", "127.0.0.1:53")] * 3
    assert "one worker" not in server.log_text()
    for _ in range(50):
        assert ask_inside(server) == ["10.0.0.5"]


def test_a_shared_socket_of_another_user_has_one_worker(activated):
    server = activated(reuse=True, arguments=["--workers", "3"])
    assert len(sockets_of(server)) == 2 and "one worker" in server.log_text()
    assert ask_inside(server) == ["10.0.0.5"]


def test_a_socket_inside_another_namespace_is_served_there_and_nowhere_else(activated, namespace):
    box = namespace("box")
    server = activated(inside=box.path, reuse=True, user=None, arguments=["--workers", "2"])
    assert sockets_of(server) == []
    server.namespace = box
    assert sockets_of(server) == [("tcp", "127.0.0.1:53"), ("udp", "127.0.0.1:53")]
    assert ask_inside(server) == ask_inside(server, tcp=True) == ["10.0.0.5"]


@pytest.mark.parametrize("sockets, words", [
    ([*BOTH, ("udp", "127.0.0.1", 54)], ["socket 5 (c), 127.0.0.1:54/udp", "127.0.0.1:53"]),
    ([("udp", "0.0.0.0", 53)], ["socket 3 (a), 0.0.0.0:53/udp", "matches no listener"]),
    ([("udp", "::", 53)], ["socket 3 (a), [::]:53/udp", "BindIPv6Only=ipv6-only"]),
    ([("tcp", "127.0.0.1", 54)], ["socket 3 (a), 127.0.0.1:54/tcp", "matches no listener"])])
def test_a_socket_for_no_listener_is_refused_by_name(namespace, sockets, words):
    done = namespace("activated").run(*launcher(sockets, names="a:b:c"), BINARY, "serve", "--listen",
                                      "127.0.0.1:53")
    assert done.returncode == 1
    assert all(each in done.stderr for each in words), done.stderr
    assert "handed over by the service manager" in done.stderr


def test_sockets_for_another_process_are_left_alone(nxgate):
    environment = {"LISTEN_FDS": "2", "LISTEN_PID": "1"}
    assert addresses(nxgate(config=CONFIG, environment=environment).query("db.test")) == ["10.0.0.5"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")
@pytest.mark.parametrize("unit", ["nxgate.service", "nxgate.socket"])
def test_the_example_units_hold(directory, unit):
    """As installed, but for the place of the program."""
    for each in ("nxgate.service", "nxgate.socket"):
        text = (ROOT / "examples" / each).read_text()
        (directory / each).write_text(text.replace("/usr/local/bin/nxgate", BINARY))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", directory / unit],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    ours = [line for line in done.stderr.splitlines() if "nxgate" in line]
    assert not ours, done.stderr
