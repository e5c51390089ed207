"""What a packet of a flow costs that is open: nanoseconds by namespace, direction and what is attached.

    python3 tests/bench/packets.py nothing build/release/nxgate /other/nxgate

A process sends datagrams over a veth pair, out of the namespace and into it, in short bursts on one processor; the
fastest burst counts, which a busy neighbour disturbs least. What the kernel does for a packet until the other end has
it is done before the send returns.
"""
import os
import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

from harness.netns import Namespace  # noqa: E402
from harness.nxgate import Nxgate  # noqa: E402

BURST, ROUNDS = 200, 3000
CONFIG = """
[upstreams.default]
servers = ["127.0.0.1:9"]
[policies.default]
allow = ["web.test"]
[policies.default.egress]
always = ["10.77.0.1 udp/9", "2001:db8:77::1 udp/9"]
"""
ENDS = {"IPv4": ("10.77.0.2", "10.77.0.1"), "IPv6": ("2001:db8:77::2", "2001:db8:77::1")}


def burst(sender):
    send, began = sender.send, time.perf_counter_ns()
    for _ in range(BURST):
        send(b"x" * 100)
    return (time.perf_counter_ns() - began) / BURST


def connected(here, mine, there, theirs):
    """A flow that both ends have used; nobody reads it any more."""
    family = socket.AF_INET6 if ":" in mine else socket.AF_INET
    a = here.call(lambda: socket.socket(family, socket.SOCK_DGRAM))
    b = there.call(lambda: socket.socket(family, socket.SOCK_DGRAM))
    a.bind((mine, 4000))
    b.bind((theirs, 9))
    a.connect((theirs, 9))
    b.connect((mine, 4000))
    a.send(b"x")
    b.send(b"x")
    return a, b


def measure(program):
    inside, outside = Namespace("packets"), Namespace("peer")
    server = None
    try:
        inside.join(outside, "10.77.0.2/24", "10.77.0.1/24")
        inside.add_address("2001:db8:77::2/64", "eth0")
        outside.add_address("2001:db8:77::1/64", "eth0")
        if program != "nothing":
            server = Nxgate("--netns", inside.path, command="attach", config=CONFIG,
                            program=(program,))
        results = {}
        for family, (mine, theirs) in ENDS.items():
            a, b = connected(inside, mine, outside, theirs)
            for direction, sender in (("out", a), ("in", b)):
                results[family, direction] = min(burst(sender) for _ in range(ROUNDS))
        return results
    finally:
        if server:
            server.stop()
        for each in (inside, outside):
            each.delete()


def main():
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print("| | " + " | ".join(f"{f} {d}" for f in ENDS for d in ("out", "in")) + " |")
    print("|---|--:|--:|--:|--:|")
    for program in sys.argv[1:]:
        print(f"| {program} | " + " | ".join(f"{ns:.0f} ns" for ns in measure(program).values()) + " |",
              flush=True)


if __name__ == "__main__":
    main()
