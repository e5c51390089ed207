"""A real Docker engine that cannot reach anything: its only link leads to a namespace of ours.

It has a network namespace (`host`), whose default route leads to another (`outside`), a mount namespace
with a resolv.conf of its own, and data below a temporary directory. The resolv.conf is empty, so that
engines before 28 ask 8.8.8.8 and 8.8.4.4, which `outside` doesn't answer for.
"""
import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from harness import image
from harness.nxgate import PRESET
from harness.timing import Stopwatch, wait_for

DOCKER = "/usr/bin/docker"
#: Debian's, or the plugin of docker-ce's client, which runs by itself too.
COMPOSE = shutil.which("docker-compose") or "/usr/libexec/docker/cli-plugins/docker-compose"
START_TIMEOUT = 60
IMAGE = "nxgate-test:1"
#: Where the engine is taken from: this system, or a root directory of another release.
ROOT = os.environ.get("NXGATE_ENGINE_ROOT", "")
#: Prepares the mount namespace, for the engine's DIRECTORY and its ROOT, and holds it.
MOUNTS = """
conf=$(readlink -f "$2/etc/resolv.conf" || echo "$2/etc/resolv.conf")
[ -e "$conf" ] || : >"$conf"
mount --bind "$1/resolv.conf" "$conf"
if [ -n "$2" ]; then
    mount --rbind "$2" "$2"
    cd "$2"
    mount -t proc proc proc
    mount --rbind /sys sys
    mount --rbind /dev dev
    mount -t tmpfs tmpfs run
    mount -t tmpfs tmpfs tmp
    mkdir -p "$2$1" old host
    mount --bind "$1" "$2$1"
    mount --bind / host
    pivot_root . old
    umount -l /old
fi
echo ready
exec sleep inf
"""

#: How a configuration finds the engine, and an upstream outside of it.
ENGINE_CONFIG = """
[upstreams.default]
servers = ["10.99.0.1:{port}"]
netns = "{netns}"

[docker]
socket = "{socket}"
"""


class Container:
    """A running container."""

    def __init__(self, engine, name):
        self.engine, self.name = engine, name

    def inspect(self):
        return json.loads(self.engine.docker("inspect", self.name))[0]

    @property
    def pid(self):
        return self.inspect()["State"]["Pid"]

    @property
    def id(self):
        return self.inspect()["Id"]

    def address(self, network):
        return self.inspect()["NetworkSettings"]["Networks"][network]["IPAddress"]

    def run(self, *command, timeout=60):
        """A program in all namespaces of the container, without the engine's own overhead."""
        return subprocess.run(["nsenter", "-t", str(self.pid), "-a", *map(str, command)],
                              capture_output=True, text=True, timeout=timeout, check=False)

    def timed(self, *command, timeout=60):
        """The same, and how many seconds it took."""
        inside = ["nsenter", "-t", str(self.pid), "-a", *map(str, command)]
        with Stopwatch() as watch:
            done = subprocess.run(inside, capture_output=True, text=True, timeout=timeout,
                                  check=False)
        return done, watch.seconds

    def rules(self):
        return subprocess.run(["nsenter", "-t", str(self.pid), "-n", "nft", "list", "ruleset"],
                              capture_output=True, text=True, check=True).stdout

    def logs(self):
        return self.engine.docker("logs", self.name)


class Engine:
    """Containers made by `run` and networks made by `network` are gone after `clear`."""

    def __init__(self, namespace, *flags):
        if PRESET == "tsan":
            pytest.skip("an engine takes minutes; what threads of nxgate do with it they do with namespaces too")
        self.host, self.outside = namespace("engine"), namespace("outside")
        self.flags = flags
        self.directory = Path(tempfile.mkdtemp(prefix="nxgate-engine-"))
        self.socket = str(self.directory / "docker.sock")
        self.cgroup = f"nxgate-test-{os.getpid()}-{self.directory.name[-4:]}"
        self.process = None
        self._networks = []
        self.host.join(self.outside, "10.99.0.2/24", "10.99.0.1/24")
        subprocess.run(["ip", "-n", self.host.name, "route", "add", "default", "via", "10.99.0.1"],
                       check=True)
        (self.directory / "resolv.conf").write_text("")
        self._mounts = subprocess.Popen(
            ["unshare", "-m", "--propagation", "private", "sh", "-ec", MOUNTS, "-",
             str(self.directory), ROOT], stdout=subprocess.PIPE, text=True)
        assert self._mounts.stdout.readline() == "ready\n"
        self.start()
        with image.build() as tar:
            self.docker("import", "-c", 'CMD ["sleep","1000000"]', tar, IMAGE)

    def _inside(self, command):
        return ["nsenter", f"--net={self.host.path}", f"--mount=/proc/{self._mounts.pid}/ns/mnt",
                *command]

    def start(self):
        """Starts dockerd, anew after `kill`: in the same mount namespace, as live-restore needs."""
        with open(self.directory / "dockerd.log", "a") as log:
            self.process = subprocess.Popen(self._inside([
                "dockerd", "--data-root", f"{self.directory}/data", "--exec-root",
                f"{self.directory}/exec", "-p", f"{self.directory}/docker.pid", "-H",
                f"unix://{self.socket}", "--userland-proxy=false", "--cgroup-parent",
                f"/{self.cgroup}", "--exec-opt", "native.cgroupdriver=cgroupfs", *self.flags]),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(self._answers, START_TIMEOUT, "the engine's answer")

    def _answers(self):
        assert self.process.poll() is None, (self.directory / "dockerd.log").read_text()[-3000:]
        return self._docker("version").returncode == 0

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        # Its containerd dies with it, but where nobody reaps it its pid looks alive.
        for file in ("docker.pid", "exec/containerd/containerd.pid"):
            (self.directory / file).unlink(missing_ok=True)

    def _docker(self, *arguments):
        return subprocess.run([DOCKER, "-H", f"unix://{self.socket}", *map(str, arguments)],
                              capture_output=True, text=True, check=False)

    def docker(self, *arguments):
        """What the docker command prints; it must succeed."""
        done = self._docker(*arguments)
        assert done.returncode == 0, f"docker {arguments}: {done.stderr}"
        return done.stdout + (done.stderr if arguments[0] == "logs" else "")

    def version(self):
        return self.docker("version", "-f", "{{.Server.Version}}").strip()

    def source(self, path):
        """Where the engine finds a file of this system, for -v."""
        return f"/host{path}" if ROOT else str(path)

    def network(self, name, *options):
        self.docker("network", "create", *options, name)
        self._networks.append(name)
        return name

    def run(self, name, *options, command=(), network=None, image=IMAGE):
        """`docker run -d`, with whatever command."""
        chosen = ["--network", network] if network else []
        self.docker("run", "-d", "--name", name, *chosen, *options, image, *command)
        return Container(self, name)

    def try_run(self, *arguments):
        """`docker run` to its end, however that is."""
        return self._docker("run", *arguments)

    def clear(self):
        self.remove(*self._docker("ps", "-aq").stdout.split())
        for network in self._networks:
            try:
                wait_for(lambda: self._is_removed(network), 10, f"the end of {network}")
            except AssertionError:
                # Where many containers end at once it may count an endpoint too many, until it starts anew.
                self.kill()
                self.start()
                wait_for(lambda: self._is_removed(network), 30, f"the end of {network}")
        self._networks.clear()

    def remove(self, *containers):
        """An engine may fail at first with one whose first thread ended before its others."""
        if containers:
            wait_for(lambda: self._are_removed(containers), 60, f"the end of {containers}")

    def _are_removed(self, containers):
        self._docker("rm", "-f", *containers)
        return not self._docker("container", "inspect", "-f", "{{.Id}}", *containers).stdout.strip()

    def _is_removed(self, network):
        """An engine with much to do holds it a moment longer than its last container, or keeps an endpoint of one
        that is gone."""
        left = self._docker("network", "inspect", "-f", "{{range .Containers}}{{.Name}} {{end}}", network).stdout
        for each in left.split():
            self._docker("network", "disconnect", "-f", network, each)
        self._docker("network", "rm", network)
        return self._docker("network", "inspect", network).returncode != 0

    def stop(self):
        if self.process.poll() is None:
            self.clear()
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pid in self._left_behind():
            os.kill(pid, signal.SIGKILL)
        self._mounts.kill()
        self._mounts.wait()
        for _ in range(50):
            if not self._remove_cgroups():
                break
            time.sleep(0.1)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _left_behind(self):
        """What a killed dockerd leaves: its containerd, shims, and the processes in its cgroups."""
        for directory in self._cgroups():
            with contextlib.suppress(OSError):
                yield from map(int, (directory / "cgroup.procs").read_text().split())
        for process in Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"containerd" in words[0] and str(self.directory).encode() in b" ".join(words):
                yield int(process.name)

    def _cgroups(self):
        """Other engines' come and go meanwhile, which os.walk overlooks."""
        every = [Path(directory) for directory, _, _ in os.walk("/sys/fs/cgroup")]
        return [each for each in every if self.cgroup in each.parts]

    def _remove_cgroups(self):
        left = sorted(set(self._cgroups()), key=lambda path: -len(path.parts))
        for directory in left:
            try:
                directory.rmdir()
            except OSError:
                pass
        return left
