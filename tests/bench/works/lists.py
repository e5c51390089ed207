"""Long lists of denied names, all of them asked for, beside the short list of the same server."""
from bench import median
from load import dnsperf
from report import Table
from server import DENIED
from works.answers import LOAD

MILLION = 1_000_000
ASKED = 10_000


def listed(number):
    return f"ads{number}.s{number // 4}.test"


def list_of(bench, count):
    return bench.file(f"list-{count}", (listed(i) for i in range(count)), end="\n")


def lists(bench, work, count, peers):
    table = Table(work, f"Denied by a list of {count // MILLION} M names",
                  [("ready", "{:.2f} s"), ("RSS", "{:.0f} MiB"), ("answers/CPU-s", "{:,.0f}"),
                   ("of the short list", "{:.2f}"), ("answers/s", "{:,.0f}")])
    names = list_of(bench, count)
    asked = bench.file(f"asked-{count}", (listed(i * 7919 % count) for i in range(ASKED)))

    for peer in peers(table):
        with (bench.start(peer, "denylist", names=names) as long,
              bench.start(peer, "deny") as short):
            rss = long.rss()
            rounds = [[dnsperf(server, asked, DENIED, "-l", bench.options.seconds, *LOAD)
                       for server in (long, short)] for _ in range(bench.options.rounds)]
        per_cpu, short_per_cpu = (median(f.per_cpu for f in runs) for runs in zip(*rounds))
        table.add(peer.name, long.started, rss, per_cpu, per_cpu / short_per_cpu,
                  median(run.rate for run, _ in rounds))
    return table


def million(bench):
    return lists(bench, "million", MILLION, lambda table: bench.able("denylist", table))


def ten_million(bench):
    return lists(bench, "ten_million", 10 * MILLION, lambda _: [bench.nxgate])
