"""Network namespaces, and what runs inside them."""
import ctypes
import itertools
import os
import shutil
import subprocess
import threading
from pathlib import Path

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
_serial = itertools.count()


def ip(*arguments):
    subprocess.run(["ip", *map(str, arguments)], check=True, capture_output=True, text=True)


class Namespace:
    """A namespace of its own with lo up and, at first, no other link and no route."""

    def __init__(self, label):
        self.name = f"nxt{os.getpid()}-{next(_serial)}-{label}"
        self.path = f"/run/netns/{self.name}"
        self.etc = Path("/etc/netns") / self.name
        ip("netns", "add", self.name)
        ip("-n", self.name, "link", "set", "lo", "up")

    def delete(self):
        subprocess.run(["ip", "netns", "del", self.name], check=False, capture_output=True)
        shutil.rmtree(self.etc, ignore_errors=True)

    def recreate(self):
        """The same name, another namespace."""
        ip("netns", "add", self.name)
        ip("-n", self.name, "link", "set", "lo", "up")

    def add_address(self, address, device="lo"):
        options = ["nodad"] if ":" in address else []
        ip("-n", self.name, "addr", "add", address, "dev", device, *options)

    def join(self, other, mine, theirs, device="eth0"):
        """A veth pair between two namespaces, with an address (CIDR) at either end."""
        ip("-n", self.name, "link", "add", device, "type", "veth", "peer", "name", device, "netns",
           other.name)
        for namespace, address in ((self, mine), (other, theirs)):
            namespace.add_address(address, device)
            ip("-n", namespace.name, "link", "set", device, "up")

    def resolv_conf(self, text):
        self.etc.mkdir(parents=True, exist_ok=True)
        (self.etc / "resolv.conf").write_text(text)

    def run(self, *command, timeout=60, check=False):
        """A program inside, with the namespace's resolv.conf as /etc/resolv.conf."""
        return subprocess.run(["ip", "netns", "exec", self.name, *map(str, command)],
                              capture_output=True, text=True, timeout=timeout, check=check)

    def popen(self, *command):
        """A program inside that goes on; its output is dropped."""
        return subprocess.Popen(["ip", "netns", "exec", self.name, *map(str, command)],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def call(self, function, *arguments):
        """A function on a thread inside; sockets it makes belong there for good."""
        result = {}

        def inside():
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                if _libc.setns(descriptor, CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
                result["value"] = function(*arguments)
            except BaseException as error:  # handed to the caller
                result["error"] = error
            finally:
                os.close(descriptor)

        thread = threading.Thread(target=inside)
        thread.start()
        thread.join()
        if "error" in result:
            raise result["error"]
        return result["value"]
