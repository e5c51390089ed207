"""Readers of dnstap: Debian's, and one that stalls."""
import os
import re
import signal
import socket
import struct
import subprocess
from pathlib import Path

from harness.timing import wait_for

SCHEMA = os.path.join(os.path.dirname(__file__), "../../../src/observe")
CONTENT_TYPE = b"protobuf:dnstap.Dnstap"


class Capture:
    """fstrm_capture at a unix socket or at a TCP port; what it wrote is read by dnstap-ldns."""

    def __init__(self, directory, path=None, port=None, mode=0o777):
        self.file = directory / f"{path.name if path else port}.{len(os.listdir(directory))}.fstrm"
        where = ["-u", path] if path else ["-a", "127.0.0.1", "-p", port]
        command = ["fstrm_capture", "-t", CONTENT_TYPE.decode(), "-w", self.file, *where]
        self.process = subprocess.Popen([str(word) for word in command], stderr=subprocess.DEVNULL)
        made = [Path(each) for each in (self.file, path) if each]  # in either order
        wait_for(lambda: all(each.exists() for each in made), what="fstrm_capture")
        if path:
            os.chmod(path, mode)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)

    def lines(self):
        """One a message, as `CR 127.0.0.1 UDP 161b "bad.test." IN A`."""
        self.stop()
        return [line.split(None, 2)[2] for line in self._printed("-q").splitlines()]

    def messages(self):
        """Each as the text that `dnstap-ldns -y` has for it."""
        self.stop()
        return [text for text in self._printed("-y").split("---\n") if text]

    def decoded(self):
        """Each as protoc has it, which knows the fields that dnstap-ldns doesn't."""
        self.stop()
        return [subprocess.run(["protoc", "--decode=dnstap.Dnstap", f"-I{SCHEMA}", "dnstap.proto"],
                               input=frame, capture_output=True, check=True).stdout.decode()
                for frame in self._frames()]

    def _printed(self, form):
        return subprocess.run(["dnstap-ldns", form, "-r", self.file], capture_output=True, text=True,
                              check=True).stdout

    def _frames(self):
        data, at = self.file.read_bytes(), 0
        while at < len(data):
            (size,) = struct.unpack_from("!I", data, at)
            at += 4
            if size == 0:  # a control frame follows
                (size,) = struct.unpack_from("!I", data, at)
                at += 4
            else:
                yield data[at:at + size]
            at += size


def field(text, name):
    """The first field of that name, in what dnstap-ldns or protoc printed."""
    return re.search(rf"^\s*{name}: (.*)$", text, re.M)[1].strip('"')


class StalledReader:
    """Listens at a unix socket, agrees to all, and reads nothing; without `agrees` not even that."""

    def __init__(self, path, agrees=True):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        os.chmod(path, 0o777)
        self.listener.listen()
        self.agrees = agrees
        self.connection = None

    def accept(self):
        self.listener.settimeout(30)
        self.connection, _ = self.listener.accept()
        if not self.agrees:
            return
        self.connection.settimeout(30)
        self.connection.recv(4096)  # READY
        accept = struct.pack("!III", 1, 1, len(CONTENT_TYPE)) + CONTENT_TYPE
        self.connection.sendall(struct.pack("!II", 0, len(accept)) + accept)

    def stop(self):
        for each in (self.listener, self.connection):
            if each:
                each.close()
