"""How long an answer takes at a rate that every server can serve."""
from bench import median
from report import Table

RATE = 20_000


def latency(bench):
    table = Table("latency", f"Latency at {RATE:,} denied queries a second",
                  [("p50", "{:.0f} µs"), ("p99", "{:.0f} µs"), ("answered", "{:.2%}")])

    def measure(peer):
        with bench.start(peer, "deny") as server:
            return bench.tools.pace(server.address, server.port, bench.denied, RATE,
                                    bench.options.seconds)

    for name, runs in bench.interleaved(bench.able("deny", table, floor=True), measure).items():
        table.add(name, median(run["p50_us"] for run in runs), median(run["p99_us"] for run in runs),
                  median(run["answered"] / run["sent"] for run in runs))
    return table
