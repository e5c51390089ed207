"""A proxy in front of the engine that describes no container while a file exists.

nxgate finds where an engine keeps its namespaces by the process behind its socket, so this one is called
dockerd and has dockerd's --exec-root.
"""
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

INSPECTION = re.compile(rb"GET \S*/containers/[0-9a-f]{64}/json")


class SlowEngine:
    def __init__(self, engine, directory):
        self.socket = str(directory / "slow.sock")
        self._flag = directory / "describes-nobody"
        program = directory / "dockerd"
        program.symlink_to(Path(sys.executable).resolve())
        self._process = subprocess.Popen(
            ["nsenter", f"--mount=/proc/{engine.process.pid}/ns/mnt", program, Path(__file__).resolve(), self.socket,
             engine.socket, self._flag, "--exec-root", f"{engine.directory}/exec"], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout.readline() == "ready\n"

    def describe(self, whether):
        if whether:
            self._flag.unlink()
        else:
            self._flag.touch()

    def stop(self):
        self._process.kill()
        self._process.wait()


@pytest.fixture
def slow_engine(engine, directory):
    slow = SlowEngine(engine, directory)
    yield slow
    slow.stop()


def _copy(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def _serve(client, engine, flag):
    head = b""
    while b"\r\n\r\n" not in head:
        data = client.recv(65536)
        if not data:
            return
        head += data
    while INSPECTION.match(head) and flag.exists():
        time.sleep(0.05)
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(engine)
        server.sendall(head)
        threading.Thread(target=_copy, args=(client, server), daemon=True).start()
        _copy(server, client)
    client.close()


def _main(path, engine, flag):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        print("ready", flush=True)
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_serve, args=(client, engine, Path(flag)), daemon=True).start()


if __name__ == "__main__":
    _main(*sys.argv[1:4])
