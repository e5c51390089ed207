"""System calls of nxgate with two workers on the same names; a futex call is a worker that waits."""
import re
import subprocess
import time
from collections import Counter

from load import dnsperf
from peers import ALLOWED
from report import Table
from server import ANSWERED, DENIED, PROCESSORS

SHOWN = ("futex", "recvmmsg", "sendmmsg", "recvfrom", "sendto", "epoll_wait", "epoll_ctl", "socket")
NAMES = 5_000


def _traced(server, load):
    """What `load()` returns, and {call: count} of the server meanwhile."""
    tracer = subprocess.Popen(["strace", "-c", "-f", "-p", str(server.pid)], stderr=subprocess.PIPE,
                              text=True)
    time.sleep(0.5)
    try:
        figures = load()
    finally:
        tracer.terminate()
        _, summary = tracer.communicate()
    rows = re.findall(r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(?:\d+ +)?(\w+)$", summary, re.M)
    return figures, Counter({call: int(count) for count, call in rows if call != "total"})


def syscalls(bench):
    table = Table("syscalls", "System calls for 1,000 answers, nxgate with two workers",
                  [(call, "{:.1f}") for call in SHOWN] + [("others", "{:.1f}")])
    few = bench.file("few", (f"host{i}.{ALLOWED}" for i in range(1_000)))
    fresh = bench.file("fresh", (f"fresh{i}.{ALLOWED}" for i in range(NAMES)))
    long = ("-l", bench.options.seconds)
    with bench.upstream() as upstream, bench.start(bench.nxgate, "forward", upstream=upstream,
                                                   processors=set(PROCESSORS), workers=2) as server:
        dnsperf(server, few, ANSWERED, "-n", 1, "-q", 50)
        for work, names, rcode, length in (("denied", bench.denied, DENIED, long),
                                           ("cached", few, ANSWERED, long),
                                           ("forwarded", fresh, ANSWERED, ("-n", 1))):
            figures, calls = _traced(server, lambda: dnsperf(
                server, names, rcode, *length, "-c", 16, "-q", 100))
            shown = [1000 * calls.pop(call, 0) / figures.answers for call in SHOWN]
            table.add(work, *shown, 1000 * calls.total() / figures.answers)
    return table
