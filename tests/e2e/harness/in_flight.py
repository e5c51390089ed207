"""Descriptors in flight: sent by SCM_RIGHTS and not received, which Linux counts by user."""
import contextlib
import subprocess
import sys

SEND_ALL = """
import array, os, socket, sys, time
null, left, pairs = os.open("/dev/null", os.O_RDONLY), int(sys.argv[1]), []
rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [null] * 253))]
while left > 0:
    pairs.append(socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM))
    pairs[-1][0].setblocking(False)
    try:
        while left > 0:
            pairs[-1][0].sendmsg([b"x"], rights)
            left -= 253
    except BlockingIOError:
        pass
print("sent", flush=True)
time.sleep(600)
"""


@contextlib.contextmanager
def in_flight(user, limit):
    """A process of this user, as in a container, that has put more in flight than `limit`, which is
    far below its own limit of open files."""
    holder = subprocess.Popen(
        ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", sys.executable, "-c",
         SEND_ALL, str(limit + 600)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "sent\n"
        yield
    finally:
        holder.kill()
        holder.wait()
