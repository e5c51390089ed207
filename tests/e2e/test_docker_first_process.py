"""A container's first process can go where /proc doesn't show its network any more; what was decided stays."""
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from harness import frames
from harness.engine_upstream import ADDRESS, configured  # noqa: F401
from harness.nxgate import run
from harness.timing import wait_for, within

CONFIG = """
[policies.default]
[policies.wide]
allow = ["*.test"]
[policies.narrow]
allow = ["both.test"]
[docker]
socket = "ENGINE"
label-policies = ["*"]
"""
#: Seconds until the leading thread ends.
LIFE = 3
_SOURCE = r"""
// COMMAND...: a second thread runs it as a child; the leading one ends after LIFE seconds, without which
// /proc/PID/ns/net leads nowhere, though the process goes on.
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void *rest(void *command) {
  char **words = command;
  if (fork() == 0) {
    execv(words[0], words);
    _exit(9);
  }
  for (;;) if (wait(0) < 0) sleep(1);
}

int main(int count, char **words) {
  pthread_t thread;
  pthread_create(&thread, 0, rest, words + 1);
  sleep(LIFE);
  syscall(SYS_exit, 0);
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    folder = tmp_path_factory.mktemp("leader")
    (folder / "leader.c").write_text(_SOURCE.replace("LIFE)", f"{LIFE})"))
    subprocess.run(["gcc", "-static", "-O1", "-o", folder / "leader", folder / "leader.c"], check=True)
    return folder / "leader"


@pytest.fixture
def leaderless(engine, program):
    """leaderless(name, options, command=...): a container whose leading thread ends; `wait()` waits for that."""

    def start(name, *options, command=("/bin/sleep", "1000"), **more):
        container = engine.run(name, "-v", f"{program}:/leader:ro", *options,
                               command=["/leader", *command], **more)
        namespace = Path(f"/proc/{container.pid}/ns/net")

        def gone():
            try:
                namespace.readlink()
            except OSError:
                return True

        container.wait = lambda: wait_for(gone, LIFE + 10, what="the end of the leading thread")
        return container

    return start


@pytest.fixture
def watch(nxgate, configured, directory):  # noqa: F811
    def start(docker="", command="docker", *arguments):
        if command == "docker":
            arguments += ("--hook-socket", str(directory / "hook.sock"))
        return nxgate(*arguments, config=configured(CONFIG + docker), command=command)

    return start


def resolved(container, qname):
    return ADDRESS in container.run("nslookup", qname).stdout


def test_a_guest_without_its_first_thread_is_held_to_its_policy_still(engine, watch, leaderless):
    server = watch()
    owner = engine.run("owner", "--label", "nxgate.policy=wide", network=engine.network("app_net"))
    server.wait_for_log(r"attached owner \(policy wide")
    assert resolved(owner, "other.test")
    guest = leaderless("guest", "--network", "container:owner", "--label", "nxgate.policy=narrow")
    server.wait_for_log("also restricted by narrow")
    guest.wait()
    for _ in range(int(within(2.5) / 0.25)):  # it looks again each second
        assert not resolved(owner, "other.test")
        time.sleep(0.25)
    assert resolved(owner, "both.test")


@pytest.mark.parametrize("removed", [False, True], ids=["stopped", "removed"])
def test_one_that_outlives_its_container_is_held_to_its_policy_still(engine, watch, leaderless, removed):
    server = watch()
    owner = engine.run("owner", "--label", "nxgate.policy=wide", network=engine.network("app_net"))
    server.wait_for_log(r"attached owner \(policy wide")
    guest = leaderless("guest", "--network", "container:owner", "--label", "nxgate.policy=narrow")
    server.wait_for_log("also restricted by narrow")
    pid = guest.pid
    guest.wait()
    engine.docker("stop", "-t", "1", "guest")
    if removed:  # not by force, which ends its processes at times
        engine.docker("rm", "guest")
    server.wait_for_log("guest: the engine reports its end, but it still has processes")
    for _ in range(int(within(2.5) / 0.25)):
        assert Path(f"/proc/{pid}").exists(), "it shows nothing if it has ended"
        assert not resolved(owner, "other.test")
        time.sleep(0.25)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: len(list(Path("/proc").glob(f"{pid}/task/*"))) < 2, what="the end of its other threads")
    engine.run("another")  # of which the engine tells
    wait_for(lambda: resolved(owner, "other.test"))


def test_a_next_nxgate_removes_nothing_of_who_has_lost_its_first_thread(engine, watch, leaderless):
    rule = '[[docker.containers]]\nname = "owner"\npolicy = "narrow"\n'
    server = watch(rule)
    owner = leaderless("owner", network=engine.network("app_net"))
    server.wait_for_log("attached owner")
    guest = engine.run("guest", "--network", "container:owner")  # which nobody asks to attach
    owner.wait()
    server.process.send_signal(signal.SIGUSR2)
    server.process.wait(within(10))
    following = watch(rule)
    for _ in range(int(within(2.5) / 0.1)):
        assert "table inet nxgate" in guest.rules()
        time.sleep(0.1)
    assert not resolved(guest, "other.test")
    assert "removed what" not in following.log_text()
    following.wait_for_log("attached owner")
    assert resolved(guest, "both.test")


@pytest.mark.parametrize("command", ["attach", "docker"])
def test_one_that_has_lost_it_already_is_attached(engine, watch, leaderless, command):
    owner = leaderless("owner", network=engine.network("app_net"))
    guest = engine.run("guest", "--network", "container:owner")
    owner.wait()
    server = watch('[[docker.containers]]\nname = "owner"\npolicy = "narrow"\n') if command == "docker" \
        else watch("", "attach", "owner", "--policy", "narrow")
    server.wait_for_log("attached owner")
    assert resolved(guest, "both.test")
    assert not resolved(guest, "other.test")
    server.stop()
    done = run("detach", "owner", "--engine", engine.socket)
    assert done.returncode == 0, done.stderr
    assert "nxgate" not in guest.rules()


@pytest.mark.parametrize("command", ["attach", "docker"])
def test_its_links_queues_stay_held(engine, watch, leaderless, tmp_path, command):
    tool = frames.build(tmp_path)
    hold = ["/bin/sh", "-c", f"sleep {LIFE + 3}; exec /frames hold eth0"]
    web = leaderless("web", "-v", f"{tool}:/frames:ro", network=engine.network("app_net"), command=hold)
    server = watch('attach = "all"\n', "docker") if command == "docker" else watch("", "attach", "web")
    server.wait_for_log("attached web")
    web.wait()
    said = wait_for(web.logs, LIFE + 15, what="what came of the queue")
    assert "held" not in said and "busy" in said, said
