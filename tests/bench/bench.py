"""What all works need: the peers, a directory, the programs, and servers started for a job."""
import statistics
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

from load import Tools
from peers import ALLOWED, Place, all_peers
from server import ANSWERED, DENIED, OURS, THEIRS, Server, enter, free_port

#: What a server is asked until it is ready for a job, and the rcode that says so.
PROBES = {"deny": ("first.example", DENIED), "forward": (f"first.{ALLOWED}", ANSWERED),
          "attach": (f"first.{ALLOWED}", ANSWERED), "denylist": (None, DENIED)}


def median(figures):
    return statistics.median(figures)


class Bench:
    """A context: its directory is gone at the end."""

    def __init__(self, options):
        self.options = options
        self.tools = Tools(options.tools)
        self.peers = self.floor, self.nxgate, *_ = all_peers(options.nxgate, self.tools.floor)

    def __enter__(self):
        self._scratch = tempfile.TemporaryDirectory(prefix="nxbench-")
        self.directory = Path(self._scratch.name)
        self.directory.chmod(0o755)
        self.denied = self.file("denied", (f"host{i}.denied{i % 97}.example" for i in range(10_000)))
        return self

    def __exit__(self, *_):
        self._scratch.cleanup()

    def file(self, name, lines, end=" A\n"):
        """A file of qnames, as dnsperf and pace read it."""
        path = self.directory / name
        with path.open("w") as out:
            out.writelines(f"{line}{end}" for line in lines)
        path.chmod(0o644)
        return path

    def able(self, job, table, floor=False):
        """The peers that can do `job` in the work of `table`, which is told of the others."""
        able = []
        for peer in self.peers if floor else self.peers[1:]:
            reason = peer.cannot.get(table.work) or peer.cannot.get(job)
            if reason:
                table.leave_out(peer.name, reason)
            else:
                able.append(peer)
        return able

    def start(self, peer, job, port=None, processors=OURS, **place):
        """A server, to be entered, that does `job`."""
        at = Place(self.directory, port or free_port(), **place)
        probe, rcode = PROBES[job]
        if at.names:
            with at.names.open() as names:
                probe = names.readline().strip()
        command = getattr(peer, job)(at)
        if job != "attach":  # whose command enters the namespace by itself, if it must
            command = [*enter(at.namespace), *command]
        return Server(command, at.port, probe, rcode, at.address, at.namespace, processors)

    @contextmanager
    def upstream(self, namespace=None, address="127.0.0.1"):
        """A server that gives each name an address; yields its port."""
        at = Place(self.directory, free_port(), address)
        command = [*enter(namespace), *self.floor.forward(at)]
        with Server(command, at.port, ALLOWED, ANSWERED, address, namespace, THEIRS):
            yield at.port

    def interleaved(self, peers, measure):
        """{name: what `measure(peer)` returned in each round}, round after round over all peers, so that
        whatever else the machine does falls on all alike."""
        figures = {}
        for number in range(self.options.rounds):
            for peer in peers:
                print(f"  round {number + 1}: {peer.name}", file=sys.stderr, flush=True)
                figures.setdefault(peer.name, []).append(measure(peer))
        return figures
