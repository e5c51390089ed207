"""A flood of denied queries at twice what a server can answer, and allowed ones meanwhile."""
import time

from load import dnsperf
from peers import ALLOWED
from report import Table
from server import ANSWERED, DENIED
from works.answers import LOAD

WISHES = 1_000  # a second, for allowed names that are cached
SECONDS = 3


def overload(bench):
    table = Table("overload", f"A flood of twice the capacity, and {WISHES:,} allowed queries a second",
                  [("capacity/s", "{:,.0f}"), ("flood/s", "{:,.0f}"), ("answered/s", "{:,.0f}"),
                   ("within 100 ms", "{:.1%}"), ("p99", "{:.1f} ms"), ("allowed answered", "{:.1%}"),
                   ("their p99", "{:.1f} ms"), ("p99 a second later", "{:.2f} ms")])
    wishes = bench.file("wishes", (f"host{i}.{ALLOWED}" for i in range(100)))
    for peer in bench.able("forward", table):
        with bench.upstream() as upstream, bench.start(peer, "forward", upstream=upstream) as server:
            dnsperf(server, wishes, ANSWERED, "-n", 1, "-q", 50)
            capacity = dnsperf(server, bench.denied, DENIED, "-l", 1, *LOAD).rate
            flood = bench.tools.start_pace(server, bench.denied, 2 * capacity, SECONDS)
            time.sleep(0.5)
            allowed = bench.tools.pace(server, wishes, WISHES, SECONDS - 1)
            flood = bench.tools.result(flood)
            after = bench.tools.pace(server, wishes, WISHES, 1)
        table.add(peer.name, capacity, flood["sent"] / SECONDS, flood["answered"] / SECONDS,
                  flood["fresh"] / max(flood["answered"], 1), flood["p99_us"] / 1000,
                  allowed["answered"] / allowed["sent"], allowed["p99_us"] / 1000,
                  after["p99_us"] / 1000)
    return table
