"""A flood of denied queries at twice what a server can answer, and another client meanwhile."""
import time

from links import address, star
from load import answers_of, dnsperf, start_kxdpgun
from peers import ALLOWED
from report import Table
from server import ANSWERED, DENIED
from works.answers import LOAD

RATE = 2_000  # of the other client, half for allowed names that are cached
FLOOD = 4     # seconds


def _shares(run):
    """What was answered of its allowed and of its denied queries."""
    return run["rcodes"][ANSWERED] / run["sent"] * 2, run["rcodes"][DENIED] / run["sent"] * 2


def overload(bench):
    """A processor's capacity is its answers per CPU-second."""
    table = Table("overload",
                  f"A flood of twice the capacity, and a client with {RATE:,} queries a second",
                  [("flood/s", "{:,.0f}"), ("answered/s", "{:,.0f}"), ("client: allowed", "{:.1%}"),
                   ("denied", "{:.1%}"), ("p50", "{:.2f} ms"), ("p99", "{:.2f} ms"),
                   ("within 100 ms", "{:.1%}"), ("a second later: allowed", "{:.1%}"),
                   ("p99", "{:.2f} ms")])
    allowed = [f"host{i}.{ALLOWED}" for i in range(100)]
    questions = bench.file("allowed", allowed)
    mixed = bench.file("mixed", (each for i, name in enumerate(allowed)
                                 for each in (name, f"other{i}.denied.example")))
    for peer in bench.able("forward", table):
        with (star(2) as (middle, (flooder, client)), bench.upstream(middle) as upstream,
              bench.start(peer, "forward", namespace=middle, address="0.0.0.0",
                          upstream=upstream) as server):
            dnsperf(server, questions, ANSWERED, "-n", 1, "-q", 50)
            capacity = dnsperf(server, bench.denied, DENIED, "-l", 1, *LOAD).per_cpu
            flood = start_kxdpgun(address(0), server.port, bench.denied, 2 * capacity, FLOOD, flooder)
            time.sleep(1)
            during = bench.tools.pace(address(1), server.port, mixed, RATE, FLOOD - 2, client)
            answered = answers_of(flood, DENIED) / FLOOD
            time.sleep(1)
            after = bench.tools.pace(address(1), server.port, mixed, RATE, 1, client)
        table.add(peer.name, 2 * capacity, answered, *_shares(during), during["p50_us"] / 1000,
                  during["p99_us"] / 1000, during["fresh"] / max(during["answered"], 1),
                  _shares(after)[0], after["p99_us"] / 1000)
    return table
