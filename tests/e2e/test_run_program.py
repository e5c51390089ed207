"""`nxgate run`: the program, its terminal and its end."""
import json
import os
import pty
import signal
import socket
import subprocess
import time

import pytest

from harness.fenced import Fence, as_user, needs_sandbox
from harness.nxgate import BINARY
from harness.terminal import Terminal
from harness.timing import wait_for

pytestmark = needs_sandbox


@pytest.fixture
def fence(namespace, upstream):
    return Fence(namespace, upstream, {})


def quick(*arguments, **options):
    """Without a world around."""
    return subprocess.run([*as_user(), BINARY, "run", *arguments], capture_output=True, text=True, timeout=60,
                          check=False, cwd="/", **options)


@pytest.mark.parametrize(("script", "status"), [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143)])
def test_the_status_is_the_programs(script, status):
    assert quick("--deny-all", "--", "sh", "-c", script).returncode == status


def test_what_cannot_run():
    done = quick("--deny-all", "--", "no-such-program")
    assert done.returncode == 127 and done.stderr == "nxgate: no-such-program: not found\n"
    assert quick("--deny-all", "--", "/etc/passwd").returncode == 126


@pytest.mark.parametrize("arguments", [
    ["--deny-all"], ["--", "true"], ["--nonsense", "--", "true"], ["--config", "/nowhere", "--", "true"],
    ["--deny-all", "--keep-fd", "77", "--", "true"], ["--deny-all", "--report", "/nowhere/r", "--", "true"],
    ["--deny-all", "--allow", "a.test", "--", "true"]])
def test_without_a_sandbox_the_status_is_125(arguments):
    done = quick(*arguments)
    assert done.returncode == 125 and done.stderr


def test_options_of_the_program_are_its_own():
    done = quick("--deny-all", "--", "echo", "--help", "-v", "--", "--allow")
    assert done.stdout == "--help -v -- --allow\n"


def test_streams_and_directory():
    done = subprocess.run([*as_user(), BINARY, "run", "--deny-all", "--", "sh", "-c", "cat; pwd; echo e >&2"],
                          input="in\n", capture_output=True, text=True, timeout=60, check=True, cwd="/usr")
    assert (done.stdout, done.stderr) == ("in\n/usr\n", "e\n")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed(directory, closed):
    """No other file of nxgate's comes to stand there."""
    directory.chmod(0o777)
    report = directory / "report"
    done = subprocess.run(["sh", "-c", f'exec "$@" {closed}', "sh", *as_user(), BINARY, "run", "--deny-all", "--report",
                           report, "--", "sh", "-c", "exit 7"], capture_output=True, timeout=60, check=False, cwd="/")
    assert done.returncode == 7 and json.loads(report.read_text())["status"] == 7


@pytest.mark.parametrize("broken", ["2>/dev/full", "2> >(exec true)"])
def test_a_stream_for_denials_that_is_broken(broken):
    done = subprocess.run(["bash", "-c", f'exec "$@" {broken}', "bash", *as_user(), BINARY, "run", "--deny-all", "--",
                           "sh", "-c", "sleep 0.5; getent hosts a.test; getent hosts b.test; exit 7"],
                          timeout=60, check=False, cwd="/")
    assert done.returncode == 7


STOP_OUTPUT = """
import socket, termios
termios.tcflow(2, termios.TCOOFF)
try:
    socket.gethostbyname("bad.test")
except OSError:
    pass
"""


def test_a_terminal_that_the_program_stops():
    ours, theirs = pty.openpty()
    try:
        with subprocess.Popen([*as_user(), BINARY, "run", "--deny-all", "--fail-on-denied", "--", "/usr/bin/python3",
                               "-c", STOP_OUTPUT], stdin=theirs, stdout=theirs, stderr=theirs, cwd="/",
                              start_new_session=True) as running:
            assert running.wait(timeout=60) == 3
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_closed_output_is_closed():
    """Nobody but the program holds it open."""
    with subprocess.Popen([*as_user(), BINARY, "run", "--deny-all", "--", "sh", "-c", "echo x; exec >&-; sleep 30"],
                          stdout=subprocess.PIPE, cwd="/") as running:
        started = time.monotonic()
        assert running.stdout.read() == b"x\n"
        assert time.monotonic() - started < 20
        running.terminate()
        assert running.wait(timeout=20) == 143


def test_descriptors():
    with open("/dev/null") as kept, open("/dev/null") as other:
        done = quick("--deny-all", "--keep-fd", str(kept.fileno()), "--", "sh", "-c", "ls /proc/$$/fd",
                     pass_fds=(kept.fileno(), other.fileno()))
        assert str(kept.fileno()) in done.stdout.split()
        assert str(other.fileno()) not in done.stdout.split()


def test_a_network_socket_as_a_stream_is_refused():
    with socket.socket() as stream:
        done = subprocess.run([*as_user(), BINARY, "run", "--deny-all", "--", "true"], stdin=stream,
                              capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 125 and "network socket" in done.stderr


def marks(text):
    """Processes whose command line has this."""
    found = subprocess.run(["pgrep", "-f", text], capture_output=True, text=True, check=False).stdout.split()
    return [int(each) for each in found]


def test_daemons_end_with_the_program():
    done = quick("--deny-all", "--", "sh", "-c", "setsid sh -c 'exec sleep 3456.1' >/dev/null 2>&1 & sleep 0.5; exit 4")
    assert done.returncode == 4
    wait_for(lambda: not marks("sleep 3456.1"), 10)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_are_passed_on(fence, number):
    name = {signal.SIGTERM: "TERM", signal.SIGHUP: "HUP"}[number]
    running = fence.begin("--deny-all", "--", "sh", "-c", f"trap 'echo got; exit 9' {name}; echo ready; "
                          "while :; do sleep 0.05; done")
    assert running.stdout.readline() == "ready\n"
    running.send_signal(number)
    assert running.stdout.readline() == "got\n"
    assert running.wait(timeout=30) == 9


def test_a_killed_nxgate_leaves_nothing(fence):
    running = fence.begin("--deny-all", "--", "sh", "-c", "echo ready; setsid sleep 3456.2 & sleep 3456.2")
    assert running.stdout.readline() == "ready\n"
    wait_for(lambda: len(marks("sleep 3456.2")) >= 2, 10)
    running.kill()
    running.wait(timeout=30)
    wait_for(lambda: not marks("sleep 3456.2"), 10)
    running.stdout.close()
    running.stderr.close()


def test_a_lost_helper_ends_the_program(fence):
    running = fence.begin("--deny-all", "--", "sh", "-c", "echo ready; exec sleep 3456.3")
    assert running.stdout.readline() == "ready\n"
    children = subprocess.run(["pgrep", "-P", str(running.pid), "nxgate-helper"], capture_output=True, text=True,
                              check=True).stdout.split()
    os.kill(int(children[0]), signal.SIGKILL)
    _, told = running.communicate(timeout=30)
    assert running.returncode == 125 and "helper process is gone" in told
    assert not marks("sleep 3456.3")


def fenced_shell(script):
    return [*as_user(), BINARY, "run", "--deny-all", "--", "bash", "--norc", "-c", script]


def type_fenced(terminal, script):
    terminal.press(" ".join(f"'{each}'" for each in fenced_shell(script)), "Enter")


def test_ctrl_c():
    with Terminal(*fenced_shell("echo ready; sleep 100")) as terminal:
        terminal.wait_for("ready")
        terminal.press("C-c")
        terminal.wait_for("ended 130")


def test_a_program_that_takes_ctrl_c_for_itself():
    with Terminal(*fenced_shell("trap 'echo mine' INT; echo ready; sleep 2; sleep 1; exit 5")) as terminal:
        terminal.wait_for("ready")
        terminal.press("C-c")
        terminal.wait_for("mine")
        terminal.wait_for("ended 5")


def test_ctrl_z_and_fg():
    with Terminal("bash", "--norc", "-i") as terminal:
        terminal.wait_for("#")
        type_fenced(terminal, "echo ready; read word; echo got:$word")
        terminal.wait_for("\nready")
        terminal.press("C-z")
        terminal.wait_for("Stopped")
        terminal.press("fg", "Enter")
        time.sleep(0.5)
        terminal.press("word", "Enter")
        terminal.wait_for("got:word")


def test_a_program_that_stops_itself():
    with Terminal("bash", "--norc", "-i") as terminal:
        terminal.wait_for("#")
        type_fenced(terminal, "kill -STOP $$; echo went on $((1+1))")
        terminal.wait_for("Stopped")
        terminal.press("fg", "Enter")
        terminal.wait_for("\nwent on 2")


def test_the_window_size():
    with Terminal(*fenced_shell("stty size"), columns=91, rows=23) as terminal:
        terminal.wait_for("23 91")


def test_an_interactive_shell():
    with Terminal(*as_user(), BINARY, "run", "--deny-all", "--", "bash", "--norc", "-i") as terminal:
        terminal.wait_for("$")
        terminal.press("echo a$((1+1))", "Enter")
        terminal.wait_for("a2")
        terminal.press("sleep 100", "Enter")
        terminal.wait_for("sleep 100\n")
        time.sleep(0.5)
        terminal.press("C-c")
        terminal.wait_for("^C")
        time.sleep(0.5)
        terminal.press("exit 6", "Enter")
        terminal.wait_for("ended 6")


def test_nothing_types_into_the_terminal():
    text = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSTI, b'x')"
    with Terminal(*as_user(), BINARY, "run", "--deny-all", "--", "/usr/bin/python3", "-c", text) as terminal:
        terminal.wait_for("PermissionError")
