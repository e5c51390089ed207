"""A server while it runs: its start, its CPU time, its memory, its end."""
import os
import resource
import socket
import struct
import subprocess
import time
from pathlib import Path

DENIED, ANSWERED = 3, 0  # rcodes
DESCRIPTORS = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
#: Every server has the first processor for itself; what loads it has the others.
PROCESSORS = sorted(os.sched_getaffinity(0))
OURS = {PROCESSORS[0]}
THEIRS = set(PROCESSORS[1:]) or OURS


def free_port():
    """A port that is free for UDP and TCP."""
    while True:
        with socket.socket(type=socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind(("127.0.0.1", 0))
            try:
                tcp.bind(udp.getsockname())
            except OSError:
                continue
            return udp.getsockname()[1]


def query(qname, number=0x5A5A):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in qname.split("."))
    return struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"


def enter(namespace):
    """What a command begins with to run there, if anywhere."""
    return ["ip", "netns", "exec", namespace.name] if namespace else []


def on(processors):
    """For subprocess: runs there, with as many descriptors as the system gives."""
    def prepare():
        os.sched_setaffinity(0, processors)
        resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    return prepare


def _of_threads(pid, file):
    """What that file of each thread says; nothing of a process that has just ended."""
    try:
        return [path.read_text() for path in Path(f"/proc/{pid}/task").glob(f"*/{file}")]
    except (FileNotFoundError, ProcessLookupError):
        return []


class Server:
    """`command`, from its start to the end of a with block.

    Enters once `probe` is answered with `rcode`; `started` is how many seconds that took. An answer
    with ANSWERED must have a record. It is asked in `namespace`, if given.
    """

    def __init__(self, command, port, probe="first.example", rcode=DENIED, address="127.0.0.1",
                 namespace=None, processors=OURS, patience=60):
        self.command, self.port, self.address = command, port, address
        self.probe, self.rcode, self.patience = query(probe), rcode, patience
        self.namespace, self.processors = namespace, processors
        self.process, self.started = None, None

    def __enter__(self):
        begin = time.monotonic()
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, preexec_fn=on(self.processors))
        try:
            self._wait_for_answer(begin)
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise
        return self

    def _right(self, answer):
        return answer[3] & 15 == self.rcode and (self.rcode == DENIED or answer[7] > 0)

    def _wait_for_answer(self, begin):
        open_socket = self.namespace.call if self.namespace else lambda make, *how: make(*how)
        with open_socket(socket.socket, socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.connect((self.address, self.port))
            client.settimeout(0.001)
            while time.monotonic() - begin < self.patience and self.process.poll() is None:
                try:
                    client.send(self.probe)
                    answer = client.recv(4096)
                except (ConnectionRefusedError, TimeoutError):
                    continue
                if self._right(answer):
                    self.started = time.monotonic() - begin
                    return
        raise RuntimeError(f"no right answer: {' '.join(self.command)}")

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    @property
    def pid(self):
        return self.process.pid

    def _tree(self):
        """Its pid and those of its children, and theirs."""
        found = [self.pid]
        for pid in found:
            for children in _of_threads(pid, "children"):
                found += map(int, children.split())
        return found

    def cpu_seconds(self):
        """utime + stime of all threads and children (by schedstat, which counts nanoseconds), and of
        the children that have ended (by stat, which counts ticks)."""
        running = sum(int(stat.split()[0]) for pid in self._tree()
                      for stat in _of_threads(pid, "schedstat"))
        stat = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        ended = sum(map(int, stat[13:15])) / os.sysconf("SC_CLK_TCK")
        return running / 1e9 + ended

    def _status(self, key):
        status = Path(f"/proc/{self.pid}/status").read_text().split(f"{key}:")[1]
        return int(status.split()[0]) / 1024

    def rss(self):
        """MiB; of several processes, what each has by its share (PSS)."""
        tree = self._tree()
        if len(tree) == 1:
            return self._status("VmRSS")
        rollups = (Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in tree)
        return sum(int(text.split("Pss:")[1].split()[0]) for text in rollups) / 1024

    def peak_rss(self):
        """MiB since its start or `forget_peak`."""
        return self._status("VmHWM")

    def forget_peak(self):
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")
