"""A service manager as nxgate sees it: systemd's notification socket, played by the test."""
import os
import socket
import tempfile
import time
from pathlib import Path

from harness.timing import within


class Manager:
    """Hears what a service says of itself. `environment` is what it is started with.

    Its socket is a file, or with `abstract` a name without one.
    """

    def __init__(self, watchdog=None, abstract=False):
        self._directory = tempfile.TemporaryDirectory(prefix="nxgate-test-")
        os.chmod(self._directory.name, 0o755)
        path = Path(self._directory.name) / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{path}" if abstract else str(path))
        if not abstract:
            path.chmod(0o777)
        self.environment = {"NOTIFY_SOCKET": f"@{path}" if abstract else str(path)}
        if watchdog:
            self.environment["WATCHDOG_USEC"] = str(int(watchdog * 1e6))

    def hear(self, timeout=None):
        """The fields of the next message, or None if nothing comes in time."""
        self._socket.settimeout(timeout or within(10))
        try:
            text = self._socket.recv(65536).decode()
        except TimeoutError:
            return None
        return dict(line.split("=", 1) for line in text.split("\n"))

    def hear_of(self, field, timeout=None):
        """The next message with this field; earlier ones are passed over."""
        deadline = time.monotonic() + (timeout or within(10))
        while True:
            message = self.hear(max(deadline - time.monotonic(), 0.001))
            assert message, f"nothing was heard of {field}"
            if field in message:
                return message

    def forget(self):
        """What came up to now, without waiting."""
        while self.hear(0.001):
            pass

    def close(self):
        self._socket.close()
        self._directory.cleanup()
