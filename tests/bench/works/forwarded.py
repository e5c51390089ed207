"""Allowed names that nobody has asked for before, each asked once of a server on another processor."""
from bench import median
from load import dnsperf
from peers import ALLOWED
from report import Table
from server import ANSWERED

NAMES = 60_000


def forwarded(bench):
    table = Table("forwarded", "Allowed and forwarded, every name once",
                  [("CPU an answer", "{:.1f} µs"), ("of the floor", "{:.2f}"),
                   ("answers/s", "{:,.0f}")])
    names = bench.file("forwarded", (f"host{i}.{ALLOWED}" for i in range(NAMES)))

    def measure(peer):
        with bench.upstream() as upstream, bench.start(peer, "forward", upstream=upstream) as server:
            return dnsperf(server, names, ANSWERED, "-n", 1, "-c", 8, "-q", 100)

    figures = bench.interleaved(bench.able("forward", table, floor=True), measure)
    cost = {name: 1e6 / median(f.per_cpu for f in runs) for name, runs in figures.items()}
    floor = cost["floor"] = 2 * cost["floor"]
    for name in sorted(cost, key=cost.get):
        rate = None if name == "floor" else median(f.rate for f in figures[name])
        table.add(name, cost[name], cost[name] / floor, rate)
    table.notes.append("The floor is the kernel's twice: there are two queries and two answers.")
    return table
