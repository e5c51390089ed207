"""TLS connections whose names are checked by a relay in the client's namespace, and those that aren't."""
from bench import median
from checked import checked
from relays import Relay, all_relays
from report import Table

PARALLEL = 50
OPEN = 1_000
WAYS = "up", "down"


def _measured(bench, *how):
    """{name: for each of `how` the results of `hello_client` in all rounds}."""
    def measure(peer):
        with checked(bench, peer) as connections:
            results = [connections.run(*each) for each in how]
        if any(result.get("failed") for result in results):
            raise RuntimeError(f"connections through {peer.name} failed: {results}")
        return results

    figures = bench.interleaved(all_relays(bench.nxgate), measure)
    return {name: list(zip(*rounds)) for name, rounds in figures.items()}


def _cpu(name, who, runs, per, times):
    """CPU-seconds for as many octets, or connections in a millionth; nothing of a relay that isn't there."""
    if (name, who) == ("direct", "relay"):
        return None
    return times * median(run[who] / run[per] for run in runs)


def relay_latency(bench):
    """The pause between two connections is long enough for a relay to be done with the one before."""
    table = Table("relay_latency", "From connecting to the first octet of the answer to a ClientHello",
                  [("p50", "{:.0f} µs"), ("added", "{:.0f} µs"), ("p99", "{:.0f} µs"),
                   ("added", "{:.0f} µs"), ("until connected", "{:.0f} µs"), ("CPU", "{:.0f} µs")])
    floor = {}
    for name, (runs,) in _measured(bench, ("first", bench.options.seconds)).items():
        p50, p99, connected = (median(run[key] for run in runs)
                               for key in ("p50_us", "p99_us", "connect_us"))
        if name == "direct":
            floor = {"p50": p50, "p99": p99}
            table.add(name, p50, None, p99, None, connected, None)
        else:
            cpu = 1e6 * median(run["relay"] / run["count"] for run in runs)
            table.add(name, p50, p50 - floor["p50"], p99, p99 - floor["p99"], connected, cpu)
    table.notes = [f"{relay.name} connects {relay.to}." for relay in all_relays(bench.nxgate)
                   if isinstance(relay, Relay)]
    return table


def relay_rate(bench):
    table = Table("relay_rate", f"Short connections, {PARALLEL} at a time",
                  [("connections/s", "{:,.0f}"), ("CPU of the relay", "{:.0f} µs"),
                   ("of all", "{:.0f} µs")])
    how = "short", bench.options.seconds, PARALLEL
    for name, (runs,) in _measured(bench, how).items():
        table.add(name, median(run["count"] / run["seconds"] for run in runs),
                  *(_cpu(name, who, runs, "count", 1e6) for who in ("relay", "all")))
    return table


def relay_throughput(bench):
    """CPU-seconds for 10^9 octets, by the scheduler's nanoseconds of those that took part, so that a busy
    neighbour isn't counted."""
    table = Table("relay_throughput", "One connection that carries what it can",
                  [(heading, form) for way in WAYS
                   for heading, form in ((f"{way}: Gbit/s", "{:.1f}"), ("relay's CPU-s/GB", "{:.2f}"),
                                         ("of all", "{:.2f}"))])
    how = [(way, bench.options.seconds) for way in WAYS]
    for name, ways in _measured(bench, *how).items():
        figures = []
        for runs in ways:
            figures.append(median(8e-9 * run["octets"] / run["seconds"] for run in runs))
            figures += (_cpu(name, who, runs, "octets", 1e9) for who in ("relay", "all"))
        table.add(name, *figures)
    return table


def relay_open(bench):
    table = Table("relay_open", f"{OPEN:,} open connections, each after its hello",
                  [("RSS before", "{:.1f} MiB"), ("RSS", "{:.1f} MiB"), ("a connection", "{:.1f} KiB")])
    for relay in all_relays(bench.nxgate)[1:]:
        with checked(bench, relay) as connections:
            before = connections.relay.rss()
            with connections.kept_open(OPEN):
                after = connections.relay.rss()
        table.add(relay.name, before, after, (after - before) * 1024 / OPEN)
    return table
