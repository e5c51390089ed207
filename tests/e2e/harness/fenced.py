"""`nxgate run` as an ordinary user of a host, and the world that it can reach or not."""
import os
import subprocess

import pytest

from harness.nxgate import BINARY, COMPLAINTS, PRESET

USER = 4711
HOST, HOST6 = "10.77.0.1", "2001:db8:77::1"
WORLD, WORLD6 = "10.77.0.2", "2001:db8:77::2"
SITE, SITE6 = "198.51.100.7", "2001:db8:5::7"
OTHER = "198.51.100.8"

#: A program of Python that says what a server greets with, or why there is none: ADDRESS PORT.
CONNECT = """
import socket, sys
try:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=20) as c:
        print(c.recv(100).decode())
except OSError as error:
    print(type(error).__name__)
"""

needs_sandbox = pytest.mark.skipif(
    PRESET == "tsan", reason="only a process of one thread enters a user namespace, and the sanitizer has one of its own")


def as_user(user=USER):
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]


class Fence:
    """A host and a world in namespaces. `run("--allow", "a.test", "--", "curl", ...)` runs a program on the
    host; `begin` leaves it running."""

    def __init__(self, namespace, upstream, script):
        self.host = namespace("host")
        self.world = namespace("world")
        self.host.join(self.world, f"{HOST}/30", f"{WORLD}/30")
        for mine, theirs in ((HOST6, self.host), (WORLD6, self.world)):
            theirs.add_address(f"{mine}/64", "eth0")
        for address in (SITE, OTHER):
            self.world.add_address(f"{address}/32")
        self.world.add_address(f"{SITE6}/128")
        self.host_ip("route", "add", "default", "via", WORLD)
        self.host_ip("route", "add", "default", "via", WORLD6)
        self.upstream = upstream(script, namespace=self.world, address=WORLD, port=53)
        self.host.resolv_conf(f"nameserver {WORLD}\n")

    def host_ip(self, *arguments):
        subprocess.run(["ip", "-n", self.host.name, *arguments], check=True)

    def command(self, *arguments, user=USER, program=BINARY):
        prefix = as_user(user) if user else []
        return ["ip", "netns", "exec", self.host.name, *prefix, str(program), "run", *map(str, arguments)]

    def run(self, *arguments, user=USER, timeout=60, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("cwd", "/")
        done = subprocess.run(self.command(*arguments, user=user), capture_output=True, text=True,
                              timeout=timeout, check=False, **options)
        assert not COMPLAINTS.search(done.stderr), done.stderr
        return done

    def begin(self, *arguments, user=USER, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.PIPE)
        return subprocess.Popen(self.command(*arguments, user=user), stderr=subprocess.PIPE, text=True,
                                cwd="/", **options)

    def script(self, text, *arguments, **options):
        """A program of Python that says `True` where something held; what it printed."""
        done = self.run(*(arguments or ("--deny-all",)), "--", "/usr/bin/python3", "-c", text, **options)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def environment(**more):
    return {**os.environ, **more}
