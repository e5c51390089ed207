"""`nxgate doctor`: names the step that eats the time, and changes nothing."""
import os
import re
import shutil
import subprocess

import pytest

from harness.nxgate import SANITIZED, run
from harness.timing import Stopwatch, wait_for, within


def ip(namespace, *arguments):
    subprocess.run(["ip", "-n", namespace.name, *arguments], check=True)


@pytest.fixture
def examine(engine):
    """examine("web"): what doctor prints about a container, one line a section."""
    def start(target):
        done = run("doctor", target, "--engine", engine.socket)
        assert done.returncode == 0, done.stderr
        assert all(len(line) <= 80 for line in done.stdout.splitlines())
        return re.sub(r"\n {13}", " ", done.stdout)

    return start


@pytest.fixture
def web(engine):
    return engine.run("web", network=engine.network("app_net"))


@pytest.mark.skipif(SANITIZED, reason="ten seconds of waiting, the same in every build")
def test_silent_outside_and_nothing_is_changed(engine, examine, web):
    rules = lambda: re.sub(r"packets \d+ bytes \d+", "", web.rules())
    before = rules()
    text = examine("web")
    assert rules() == before
    assert re.search(r"lookup +no answer in 10\.\d s", text)
    assert ("127.0.0.11 forwards to 8.8.8.8 (its fallback) from inside this namespace: no answer in 4.0 s."
            in text)
    assert "the program tries again: 2 times 5.0 s each" in text
    assert "fix          nxgate attach web --allow NAME --upstream ADDRESS" in text


@pytest.mark.skipif(SANITIZED, reason="ten seconds of waiting, the same in every build")
def test_port_unreachable(engine, examine, web):
    for address in ("8.8.8.8/32", "8.8.4.4/32"):
        engine.outside.add_address(address)
    try:
        text = examine("web")
    finally:
        for address in ("8.8.8.8/32", "8.8.4.4/32"):
            ip(engine.outside, "addr", "del", address, "dev", "lo")
    assert "8.8.8.8 (its fallback) from inside this namespace: port unreachable" in text
    assert "fix  " in text


def test_no_route(engine, examine):
    engine.run("lonely", "--network", "none")
    text = examine("lonely")
    assert "no route to it" in text
    assert "This namespace has no default route." in text
    assert "fix          nxgate attach lonely" in text


def test_healthy(engine, examine, web, nxgate):
    nxgate("web", "--engine", engine.socket, command="attach", listen=[])
    text = examine("web")
    assert re.search(r"diagnosis +Lookups are healthy: NXDOMAIN in \d+ ms, answered by nxgate", text)
    assert "fix  " not in text


def test_a_server_of_ones_own_in_a_namespace(namespace, upstream):
    app = namespace("app")
    app.resolv_conf("nameserver 127.0.0.1\n")
    upstream({}, namespace=app, port=53)
    text = run("doctor", app.path).stdout
    assert re.search(r"diagnosis +Lookups are healthy: NXDOMAIN", text)
    assert "127.0.0.1: NXDOMAIN" in text


@pytest.fixture
def hostile(namespace, tmp_path):
    """hostile(prepare): the pid of a process whose /etc/resolv.conf is what `prepare` made of it."""
    started = []
    app = namespace("app")

    def start(prepare):
        root = tmp_path / "root"
        (root / "etc").mkdir(parents=True)
        prepare(root / "etc/resolv.conf")
        shutil.copy(shutil.which("busybox"), root)
        process = app.popen("chroot", root, "/busybox", "sleep", "1000")
        started.append(process)
        wait_for(lambda: os.readlink(f"/proc/{process.pid}/root") == str(root))
        return process.pid

    yield start
    for process in started:
        process.kill()
        process.wait()


def examined(target):
    with Stopwatch() as watch:
        done = run("doctor", target, timeout=30)
    assert done.returncode == 0, done.stderr
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    return done.stdout, watch.seconds


@pytest.mark.parametrize("prepare", [
    lambda path: os.mkfifo(path),
    lambda path: path.symlink_to("/dev/zero"),
    lambda path: path.symlink_to("/../../../../../../../../etc/hostname"),
    lambda path: path.write_text("# " + "x" * 100_000),
    lambda path: path.mkdir(),
], ids=["pipe", "device", "link out", "too long", "directory"])
def test_a_container_cannot_lead_it_astray(hostile, prepare):
    text, seconds = examined(hostile(prepare))
    assert "nameserver 127.0.0.1;" in text, "what libc takes when there is none"
    assert seconds < within(3)


def test_a_link_means_the_containers_own_file(hostile):
    def prepare(path):
        (path.parent / "real").write_text("nameserver 192.0.2.7\n")
        path.symlink_to("/etc/real")

    assert "nameserver 192.0.2.7;" in examined(hostile(prepare))[0]


def test_a_container_cannot_steer_the_terminal(hostile):
    text, _ = examined(hostile(lambda path: path.write_text(
        "nameserver 127.0.0.1\nsearch a\x1b[31mb c\u009b31m " + "l" * 200 + "\n")))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)
    assert "a\\x1b[31mb" in text


def test_silent_servers_are_asked_all_at_once(hostile):
    text, seconds = examined(hostile(lambda path: path.write_text(
        "nameserver 127.0.0.11\noptions timeout:1 attempts:0\n"
        "# ExtServers: [127.0.0.21 127.0.0.22 127.0.0.23]\n")))
    assert text.count("upstream     ") == 3
    assert seconds < within(6)


def test_a_pid_may_be_written_either_way(hostile):
    pid = hostile(lambda path: path.write_text("nameserver 192.0.2.7\n"))
    assert "nameserver 192.0.2.7;" in examined(f"pid:{pid}")[0]
    assert "nameserver 192.0.2.7;" in examined(pid)[0]


def test_a_pid_that_is_not_there_is_no_container():
    done = run("doctor", "pid:4194305")
    assert done.returncode == 1 and done.stderr.startswith("nxgate: pid:4194305: no such process here")


def test_the_hosts_own_namespace_gets_no_cure():
    text, _ = examined("/proc/self/ns/net")
    assert "fix  " not in text


def test_the_host_is_told_of_as_such(engine, examine):
    engine.run("hosted", "--network", "host")
    engine.outside.add_address("192.0.2.53/32")
    text = examine("hosted")
    assert "It uses the host's network: fix /etc/resolv.conf on the host." in text
    assert "fix  " not in text


def test_who_is_not_there_is_said():
    done = run("doctor", "web", env={**os.environ, "DOCKER_HOST": "unix:///nowhere.sock"})
    assert done.returncode == 1
    assert "there is no Docker engine at" in done.stderr
