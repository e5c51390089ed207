"""Processes of one user, as in a container, that use up what Linux counts by user."""
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
print("done", flush=True)
time.sleep(600)
"""
FORK_ALL = """
import os, sys, threading, time
threading.stack_size(1 << 16)
for _ in range(int(sys.argv[1])):
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
print("done", flush=True)
time.sleep(600)
"""
TAKE_ALL_INSTANCES = """
import ctypes, time
libc = ctypes.CDLL(None, use_errno=True)
while libc.inotify_init1(0) >= 0: pass
print({24: "done"}.get(ctypes.get_errno()), flush=True)
time.sleep(600)
"""


@contextlib.contextmanager
def _running(user, program, *arguments):
    holder = subprocess.Popen(
        ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", sys.executable, "-c", program,
         *map(str, arguments)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "done\n"
        yield
    finally:
        holder.kill()
        holder.wait()


def in_flight(user, limit):
    """More descriptors sent by SCM_RIGHTS and not received than `limit`, which is far below the limit of
    open files that tests have."""
    return _running(user, SEND_ALL, limit + 600)


def threads_taken(user, count):
    return _running(user, FORK_ALL, count)


def all_instances_taken(user):
    """Whatever inotify gives to the user."""
    return _running(user, TAKE_ALL_INSTANCES)
