"""`docker build`: RUN steps of BuildKit, which are no containers, and those of the classic builder."""
import os
import re
import subprocess
import threading

import pytest

from harness.engine import DOCKER, IMAGE
from harness.engine_upstream import ADDRESS, configured  # noqa: F401
from harness.timing import wait_for
from harness.upstream import answer

CONFIG = """
[policies.default]
[policies.ci]
allow = ["a.test"]
[docker]
socket = "ENGINE"
"""
STEPS = 20


@pytest.fixture
def watch(nxgate, configured, directory):  # noqa: F811
    """watch(more configuration): `nxgate docker`."""

    def start(more=""):
        return nxgate("--hook-socket", str(directory / "hook.sock"), config=configured(CONFIG + more),
                      command="docker")

    return start


@pytest.fixture
def leaks(upstream, engine):
    """Who is asked when a question gets out: the servers that a step's resolv.conf names."""
    for address in ("8.8.8.8", "8.8.4.4"):
        subprocess.run(["ip", "-n", engine.outside.name, "addr", "add", f"{address}/32", "dev", "lo"],
                       check=True)
    # Questions come from 172.17.0.2, masqueraded by the engine.
    server = upstream({"*": answer("@ 60 A 198.51.100.66")}, namespace=engine.outside,
                      address="8.8.8.8", port=53)
    yield server
    for address in ("8.8.8.8", "8.8.4.4"):
        subprocess.run(["ip", "-n", engine.outside.name, "addr", "del", f"{address}/32", "dev", "lo"],
                       check=True)


def build(engine, directory, steps, *options, buildkit=True):
    """What the steps of a build wrote."""
    folder = directory / "build"
    folder.mkdir(exist_ok=True)
    (folder / "Dockerfile").write_text(f"FROM {IMAGE}\n" + "".join(f"RUN {each}\n" for each in steps))
    done = subprocess.run(
        [DOCKER, "-H", f"unix://{engine.socket}", "build", "--no-cache", *options, str(folder)],
        env={**os.environ, "DOCKER_BUILDKIT": str(int(buildkit)), "BUILDKIT_PROGRESS": "plain"},
        capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def lookup(name, mark):
    """A step whose first instruction asks, and which says how that went and how long it took."""
    return (f"read s x </proc/uptime; r=$(getent ahostsv4 {name} | busybox head -n1); "
            f"read e x </proc/uptime; echo \"{mark}: [$r] $s $e\"")


def results(text, mark):
    """[(what was found, seconds)] of the steps of that mark."""
    found = re.findall(rf"{mark}: \[([^]$]*)\] ([0-9.]+) ([0-9.]+)", text)
    return [(what.split(" ")[0], float(after) - float(before)) for what, before, after in found]


def test_a_step_gets_out_without_nxgate(engine, directory, leaks):
    text = build(engine, directory, [lookup("denied.test", "denied")])
    assert results(text, "denied")[0][0] == "198.51.100.66", "the test must be able to fail"


@pytest.mark.parametrize("buildkit", [True, False], ids=["buildkit", "classic"])
def test_a_step_is_attached_before_its_first_question(engine, watch, directory, leaks, buildkit):
    server = watch('attach = "all"\n' + ('builds = "ci"\n' if buildkit else ""))
    allowed = "a.test" if buildkit else "denied.test"
    text = build(engine, directory,
                 [lookup(f"denied{number}.test", "denied") for number in range(STEPS)] +
                 [lookup(allowed, "allowed")], buildkit=buildkit)
    denied = results(text, "denied")
    assert [what for what, _ in denied] == [""] * STEPS
    assert max(seconds for _, seconds in denied) < 1
    if buildkit:
        assert results(text, "allowed")[0][0] == ADDRESS
        assert server.log_text().count("attached build ") == STEPS + 1
        wait_for(lambda: server.log_text().count("detached build ") == STEPS + 1, 10)
    assert leaks.count() == 0, "no question has got out"


def test_builds_get_the_default_policy_with_all(engine, watch, directory, leaks):
    server = watch('attach = "all"\n')
    build(engine, directory, [lookup("a.test", "denied")])
    server.wait_for_log(r"attached build \w+ \(policy default\)")
    assert leaks.count() == 0


@pytest.mark.parametrize("more", ['attach = "all"\nbuilds = "none"\n', ""], ids=["none", "matched"])
def test_builds_are_left_alone(engine, watch, directory, leaks, more):
    server = watch(more)
    for _ in range(2):
        text = build(engine, directory, [lookup("denied.test", "denied"), "sleep 1"])
        assert results(text, "denied")[0][0] == "198.51.100.66"
    assert "attached build" not in server.log_text()
    told = re.findall("warning .*build.*is not attached", server.log_text())
    assert len(told) == (0 if "none" in more else 1), "once"


def test_without_a_network_there_is_nothing_to_hold(engine, watch, directory, leaks):
    watch('attach = "all"\n')
    text = build(engine, directory, [lookup("denied.test", "denied")], "--network", "none")
    assert results(text, "denied")[0][0] == ""
    assert leaks.count() == 0


def test_the_hosts_network_is_said_to_be_open(engine, watch, directory):
    server = watch('attach = "all"\n')
    thread = threading.Thread(target=build, args=(engine, directory, ["sleep 13"], "--network", "host"))
    thread.start()
    server.wait_for_log("a build step is not attached: it uses the host's network", timeout=20)
    thread.join()


def test_one_that_runs_already_is_attached(engine, watch, directory, leaks):
    thread = threading.Thread(target=build, args=(engine, directory, ["sleep 6"]))
    thread.start()
    wait_for(lambda: any((engine.directory / "exec/netns").glob("*")), 30)
    server = watch('attach = "all"\n')
    server.wait_for_log("attached build", timeout=10)
    thread.join()


def test_one_that_runs_stays_held_when_nxgate_is_killed_and_started_again(engine, watch, directory, leaks):
    ask = "for i in $(seq 1 100); do getent ahostsv4 n$i.test || :; sleep 0.1; done"
    thread = threading.Thread(target=build, args=(engine, directory, [ask]))
    more = 'builds = "ci"\n'
    server = watch(more)
    thread.start()
    server.wait_for_log("attached build", timeout=30)
    server.process.kill()
    server.process.wait()
    again = watch(more)
    again.wait_for_log("attached build")
    thread.join()
    assert leaks.count() == 0


def test_a_policy_that_is_none_is_refused(nxgate, directory):
    with pytest.raises(AssertionError, match="no such policy"):
        nxgate("--hook-socket", str(directory / "hook.sock"),
               config='[docker]\nbuilds = "ci"\n', command="docker", listen=[])
