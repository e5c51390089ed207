"""A container's first process can go where /proc doesn't show its network any more; what was decided stays."""
import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from harness import frames
from harness.engine_upstream import ADDRESS, configured  # noqa: F401
from harness.nxgate import run
from harness.slow_engine import slow_engine  # noqa: F401
from harness.timing import wait_for, within
from harness.told import health, unattached

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
    """leaderless(name, options, command=...): a container whose leading thread ends; `wait()` waits for that.

    They are killed in the end, which an engine tries long for such a process.
    """
    pids = []

    def start(name, *options, command=("/bin/sleep", "1000"), **more):
        container = engine.run(name, "-v", f"{engine.source(program)}:/leader:ro", *options,
                               command=["/leader", *command], **more)
        pids.append(container.pid)
        namespace = Path(f"/proc/{pids[-1]}/ns/net")

        def gone():
            try:
                namespace.readlink()
            except OSError:
                return True

        container.wait = lambda: wait_for(gone, LIFE + 10, what="the end of the leading thread")
        return container

    yield start
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def watch(nxgate, configured, directory):  # noqa: F811
    def start(docker="", command="docker", *arguments, socket=None):
        if command == "docker":
            arguments += ("--hook-socket", str(directory / "hook.sock"))
        config = CONFIG.replace("ENGINE", socket) if socket else CONFIG
        return nxgate(*arguments, config=configured(config + docker), command=command)

    return start


def other_thread(pid):
    return next(each for each in os.listdir(f"/proc/{pid}/task") if each != str(pid))


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
    server.write_config(server.config.read_text() + '\n[[docker.containers]]\nlabel = "new"\npolicy = "wide"\n')
    server.reload()  # other labels count now, and no engine tells of its
    for _ in range(int(within(2.5) / 0.25)):
        assert Path(f"/proc/{pid}").exists(), "it shows nothing if it has ended"
        assert not resolved(owner, "other.test")
        time.sleep(0.25)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: len(list(Path("/proc").glob(f"{pid}/task/*"))) < 2, what="the end of its other threads")
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


@pytest.mark.parametrize("label", [["--label", "nxgate.policy=wide"], []], ids=["attached", "unmatched"])
def test_a_next_nxgate_closes_where_one_outlived_its_container(engine, watch, leaderless, label):
    server = watch()
    owner = engine.run("owner", *label, network=engine.network("app_net"))
    guest = leaderless("guest", "--network", "container:owner", "--label", "nxgate.policy=narrow")
    server.wait_for_log("also restricted by narrow" if label else "attached guest")
    pid = guest.pid
    guest.wait()
    engine.docker("stop", "-t", "1", "guest")
    server.wait_for_log("guest: the engine reports its end, but it still has processes")
    server.process.send_signal(signal.SIGUSR2)
    server.process.wait(within(10))
    following = watch()
    following.wait_for_log(f"process {pid} of the container {guest.id[:12]} still runs in the namespace of owner")
    for _ in range(int(within(2.5) / 0.25)):
        assert Path(f"/proc/{pid}").exists(), "it shows nothing if it has ended"
        assert "table inet nxgate" in owner.rules()
        assert not resolved(owner, "both.test")
        time.sleep(0.25)
    assert "removed what" not in following.log_text()
    assert f"process {pid} of the container" in following.operate("status").stdout
    os.kill(pid, signal.SIGKILL)
    if label:
        wait_for(lambda: resolved(owner, "other.test"), what="the owner's own policy")
    else:
        following.wait_for_log("stays closed for whatever still runs in it")


def test_an_owner_that_an_ended_guest_leaves_closed_is_told(engine, watch):
    server = watch()
    owner = engine.run("owner", network=engine.network("app_net"))
    engine.run("guest", "--network", "container:owner", "--label", "nxgate.policy=narrow")
    server.wait_for_log("attached guest")
    engine.docker("stop", "-t", "0", "guest")
    server.wait_for_log("detached guest, which has ended")
    assert unattached(server) == {"owner": ("left-closed", False)}
    assert "stays closed since" in server.operate("status").stdout
    server.wait_for_log("owner is not attached: .*closed since guest, .*restart it")
    assert not resolved(owner, "both.test")
    engine.docker("restart", "-t", "0", "owner")
    wait_for(lambda: unattached(server) == {"owner": ("unmatched", False)})
    assert "nxgate" not in owner.rules()


MOVES = ("--security-opt", "seccomp=unconfined")
MOVED = ("busybox", "sh", "-c", "sleep 1000 & exec busybox unshare -U -n sleep 1000")


def moved(container):
    """Once its first process has made itself a namespace; then the pid of its other process."""
    other = wait_for(lambda: Path(f"/proc/{container.pid}/task/{container.pid}/children").read_text().split())[0]
    wait_for(lambda: os.readlink(f"/proc/{container.pid}/ns/net") != os.readlink(f"/proc/{other}/ns/net"))
    return other


def test_a_guest_that_moved_before_it_was_seen_restricts_its_owner(engine, watch):
    owner = engine.run("owner", "--label", "nxgate.policy=wide", network=engine.network("app_net"))
    moved(engine.run("guest", *MOVES, "--network", "container:owner", "--label", "nxgate.policy=narrow", command=MOVED))
    watch().wait_for_log("also restricted by narrow")
    assert resolved(owner, "both.test")
    assert not resolved(owner, "other.test")


@pytest.mark.parametrize("command", ["attach", "docker"])
def test_one_that_moved_before_it_was_seen_is_attached_where_its_engine_put_it(engine, watch, command):
    web = engine.run("web", *MOVES, "--label", "nxgate.policy=narrow", network=engine.network("app_net"), command=MOVED)
    other = moved(web)
    server = watch() if command == "docker" else watch("", "attach", "web", "--policy", "narrow")
    server.wait_for_log("attached web")
    left = ["nsenter", f"--net=/proc/{other}/ns/net"]
    tables = subprocess.run([*left, "nft", "list", "tables"], capture_output=True, text=True, check=True)
    assert "table inet nxgate" in tables.stdout


@pytest.mark.parametrize("which", ["web", "owner"])
def test_one_that_moved_and_is_described_late_is_looked_for_again(engine, watch, slow_engine, which):  # noqa: F811
    policy = "narrow" if which == "web" else "wide"
    web = engine.run("web", *MOVES, "--label", f"nxgate.policy={policy}", network=engine.network("app_net"),
                     command=MOVED)
    if which == "owner":
        engine.run("guest", "--network", "container:web", "--label", "nxgate.policy=narrow")
    other = moved(web)
    slow_engine.describe(False)
    server = watch(socket=slow_engine.socket)
    server.wait_for_log("cannot attach web")
    slow_engine.describe(True)
    server.wait_for_log("attached web" if which == "web" else "also restricted by narrow")
    wait_for(lambda: health(server)[0] == 0)
    inside = ["nsenter", f"--net=/proc/{other}/ns/net", "nslookup"]
    for qname, known in (("both.test", True), ("other.test", False)):
        done = subprocess.run([*inside, qname, "127.0.0.11"], capture_output=True, text=True, check=False)
        assert (ADDRESS in done.stdout) == known


def test_owner_and_guest_that_outlive_their_engine_are_held_to_both_policies(engine, watch, leaderless):
    flags, engine.flags = engine.flags, [each for each in engine.flags if each != "--live-restore"]
    engine.process.terminate()
    engine.process.wait(within(20))
    engine.start()
    try:
        server = watch()
        owner = leaderless("owner", "--label", "nxgate.policy=narrow", network=engine.network("app_net"))
        server.wait_for_log(r"attached owner \(policy narrow")
        guest = leaderless("guest", "--network", "container:owner", "--label", "nxgate.policy=wide")
        server.wait_for_log("also restricted by wide")
        guest.wait()
        inside = ["nsenter", f"--net=/proc/{guest.pid}/task/{other_thread(guest.pid)}/ns/net"]
        engine.kill()
        engine.start()
        server.wait_for_log("owner: the engine reports its end, but it still has processes")
        server.wait_for_log("guest: the engine reports its end, but it still has processes")
        time.sleep(within(2.5))
        rules = subprocess.run([*inside, "nft", "list", "tables"], capture_output=True, text=True, check=True).stdout
        assert "table inet nxgate" in rules
        assert "from now on" not in server.log_text().split("the engine reports its end")[-1]
    finally:
        engine.flags = flags


def test_a_guest_of_a_former_run_of_its_owner_is_not_looked_for_in_the_new_one(engine, watch):
    owner = engine.run("owner", "--label", "nxgate.policy=wide", network=engine.network("app_net"))
    engine.run("guest", "--network", "container:owner", "--label", "nxgate.policy=narrow")
    engine.docker("restart", "-t", "0", "owner")
    server = watch()
    server.wait_for_log("cannot attach guest: .* can't find it among the namespaces of the engine")
    assert resolved(owner, "other.test")


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
    web = leaderless("web", "-v", f"{engine.source(tool)}:/frames:ro", network=engine.network("app_net"), command=hold)
    server = watch('attach = "all"\n', "docker") if command == "docker" else watch("", "attach", "web")
    server.wait_for_log("attached web")
    web.wait()
    said = wait_for(web.logs, LIFE + 15, what="what came of the queue")
    assert "held" not in said and "busy" in said, said
