"""What it costs to open a firewall for an answer: forwarded names, each with an address of its own, with
and without a firewall that gets every one. It is counted afterwards, so nobody gets around the work."""
import json

from bench import median
from links import star
from load import dnsperf
from peers import ALLOWED, UPSTREAM
from report import Table
from server import ANSWERED

NAMES = 20_000
#: Every peer's set of what is open: its table and name.
SETS = {"nxgate": ("nxgate_egress", "open4"), "dnsmasq": ("bench", "open")}


def _opened(inside, table, name):
    listed = json.loads(inside.run("nft", "-j", "list", "set", "inet", table, name, check=True).stdout)
    return len(listed["nftables"][1]["set"].get("elem", []))


def egress(bench):
    table = Table("egress", "Forwarded, then opened in the namespace's firewall",
                  [("without", "{:.1f} µs"), ("with", "{:.1f} µs"), ("an admission", "{:.1f} µs"),
                   ("latency without", "{:.0f} µs"), ("with", "{:.0f} µs")])
    names = bench.file("admitted", (f"host{i}.{ALLOWED}" for i in range(NAMES)))

    def run(peer, firewall):
        with star(1) as (outside, (inside,)):
            inside.run("nft", "add table inet bench; add set inet bench open "
                       "{ type ipv4_addr; flags timeout; timeout 120s; }", check=True)
            with (bench.upstream(outside, UPSTREAM) as upstream,
                  bench.start(peer, "attach", 53, address="127.0.0.11", namespace=inside,
                              outside=outside, upstream=upstream, firewall=firewall) as server):
                figures = dnsperf(server, names, ANSWERED, "-n", 1, "-q", 50)
                if firewall and _opened(inside, *SETS[peer.name]) < 0.99 * NAMES:
                    raise RuntimeError(f"{peer.name} has not opened every address")
            return 1e6 / figures.per_cpu, 1e6 * figures.latency

    figures = bench.interleaved(bench.able("attach", table),
                                lambda peer: run(peer, False) + run(peer, True))
    for name, runs in figures.items():
        cost, latency, cost_with, latency_with = (median(column) for column in zip(*runs))
        table.add(name, cost, cost_with, cost_with - cost, latency, latency_with)
    return table
