"""Answers that a server has at hand: denials of a short list, and its cache."""
from bench import median
from load import dnsperf
from peers import ALLOWED
from report import Table
from server import ANSWERED, DENIED

LOAD = ("-c", "8", "-q", "256")
COLUMNS = [("answers/CPU-s", "{:,.0f}"), ("of the floor", "{:.2f}"), ("answers/s", "{:,.0f}"),
           ("octets", "{:.0f}")]
CACHED_NAMES = 5_000


def fill(table, figures):
    """A row for each server, the most answers a CPU-second first."""
    floor = median(f.per_cpu for f in figures["floor"])
    per_cpu = {name: median(f.per_cpu for f in runs) for name, runs in figures.items()}
    for name in sorted(per_cpu, key=per_cpu.get, reverse=True):
        runs = figures[name]
        table.add(name, per_cpu[name], per_cpu[name] / floor, median(f.rate for f in runs),
                  median(f.octets for f in runs))
    return table


def denied(bench):
    table = Table("denied", "Denied, short list", COLUMNS)

    def measure(peer):
        with bench.start(peer, "deny") as server:
            return dnsperf(server, bench.denied, DENIED, "-l", bench.options.seconds, *LOAD)

    return fill(table, bench.interleaved(bench.able("deny", table, floor=True), measure))


def cached(bench):
    """The upstream is gone by the time that counts, so every answer is from the cache."""
    table = Table("cached", "Allowed and cached", COLUMNS)
    names = bench.file("cached", (f"host{i}.{ALLOWED}" for i in range(CACHED_NAMES)))

    def measure(peer):
        with bench.upstream() as upstream:
            server = bench.start(peer, "forward", upstream=upstream, remembered=2 * CACHED_NAMES)
            server.__enter__()
            dnsperf(server, names, ANSWERED, "-n", 1, "-q", 50)
        try:
            return dnsperf(server, names, ANSWERED, "-l", bench.options.seconds, *LOAD)
        finally:
            server.__exit__()

    return fill(table, bench.interleaved(bench.able("forward", table, floor=True), measure))
