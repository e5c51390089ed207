"""A Docker engine that answers as a test says: containers are processes in namespaces of the test's."""
import json
import os
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

VERSION = {"Version": "20.10.24", "ApiVersion": "1.41", "MinAPIVersion": "1.12"}
STATUS = {200: "OK", 404: "Not Found", 500: "Internal Server Error",
          503: "Service Unavailable"}
#: Where cgroups of version 2 are.
CGROUPS = next((path for path in map(Path, ("/sys/fs/cgroup/unified", "/sys/fs/cgroup"))
                if (path / "cgroup.procs").exists()), None)


#: What listens must be the engine for whoever asks the kernel: it is called so, and says where it keeps
#: namespaces.
LISTENS = "import socket, sys, time; socket.socket(fileno=int(sys.argv[1])).listen(100); print(); time.sleep(1e6)"


class Fake:
    """A container: a process that sleeps in a namespace, of which there is a file in `directory`, and in a
    cgroup with the container's id."""

    def __init__(self, directory, cgroups, digit, name, namespace, labels=None):
        self.id, self.name, self.labels = digit * 64, name, labels or {}
        self.namespace = namespace
        self.file = directory / self.id[:12]
        self.file.touch()
        subprocess.run(["mount", "--bind", namespace.path, self.file], check=True)
        self.process = namespace.popen("sleep", "1000")
        self.cgroup = cgroups / self.id
        self.cgroup.mkdir()
        (self.cgroup / "cgroup.procs").write_text(str(self.process.pid))

    def listed(self):
        return {"Id": self.id, "Names": [f"/{self.name}"], "State": "running", "Labels": self.labels,
                "HostConfig": {"NetworkMode": "bridge"}}

    def inspected(self):
        return {"Id": self.id, "Name": f"/{self.name}",
                "State": {"Running": True, "Pid": self.process.pid},
                "Config": {"Labels": self.labels}, "HostConfig": {"NetworkMode": "bridge"}}

    def end(self):
        self.process.kill()
        self.process.wait()
        subprocess.run(["umount", self.file], check=True)
        self.file.unlink()
        for _ in range(50):
            with suppress(OSError):
                self.cgroup.rmdir()
                return
            time.sleep(0.02)


class ScriptedEngine:
    """One thread a connection. `list` and `inspect` may be replaced:

    `list` is (status, body), `inspect[ID]` is that or `hang`, None for what the containers are; `others` has
    what else is answered, by a part of the target."""

    def __init__(self, path):
        self.path = str(path)
        self.containers, self.requests = [], []
        self.list, self.inspect, self.others = None, {}, {}
        self._followers = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._root = tempfile.TemporaryDirectory(prefix="nxgate-test-")
        self.directory = Path(self._root.name) / "netns"
        self.directory.mkdir()
        # Other tests, which run at the same time, have containers of the same ids.
        self._cgroups = CGROUPS / Path(self._root.name).name
        self._cgroups.mkdir()
        program = Path(self._root.name) / "dockerd"
        program.symlink_to("/usr/bin/python3")
        self._process = subprocess.Popen(
            [program, "-c", LISTENS, str(self._listener.fileno()), "--exec-root", self._root.name],
            pass_fds=[self._listener.fileno()], stdout=subprocess.PIPE)
        self._process.stdout.readline()
        threading.Thread(target=self._accept, daemon=True).start()

    def add(self, *arguments, **options):
        self.containers.append(Fake(self.directory, self._cgroups, *arguments, **options))
        return self.containers[-1]

    def tell(self, text):
        """As it is, to all who follow events."""
        data = text.encode()
        for connection in list(self._followers):
            with suppress(OSError):
                connection.sendall(b"%x\r\n%s\r\n" % (len(data), data))

    def event(self, container, action="start"):
        self.tell(json.dumps({"Type": "container", "Action": action, "Actor": {"ID": container.id}}) +
                  "\n")

    def stop(self):
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._followers:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for container in self.containers:
            container.end()
        with suppress(OSError):
            self._cgroups.rmdir()
        self._process.kill()
        self._process.wait()
        self._root.cleanup()
        with suppress(OSError):
            os.unlink(self.path)

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                piece = connection.recv(4096)
                if not piece:
                    return
                head += piece
            target = head.split(b" ")[1].decode()
            self.requests.append(target)
            if "/events" in target:
                self._follow(connection)
                return
            answer = self._answer(target)
            if answer == "hang":
                connection.recv(1)  # until the other side has enough of it
                return
            status, body = answer
            text = body if isinstance(body, bytes) else json.dumps(body).encode()
            connection.sendall(f"HTTP/1.1 {status} {STATUS[status]}\r\nContent-Length: {len(text)}\r\n\r\n"
                               .encode() + text)

    def _follow(self, connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        self._followers.append(connection)
        while connection.recv(100):
            pass

    def _answer(self, target):
        if target.endswith("/version"):
            return 200, VERSION
        for part, answer in self.others.items():
            if part in target:
                return answer
        if "/images/" in target:
            return 200, {"Config": {"Labels": None}}
        if "/containers/json" in target:
            return self.list or (200, [each.listed() for each in self.containers])
        for each in self.containers:
            if each.id in target:
                return self.inspect.get(each.id) or (200, each.inspected())
        return 404, {"message": "No such container"}


@pytest.fixture
def scripted(directory):
    engine = ScriptedEngine(directory / "docker.sock")
    yield engine
    engine.stop()
