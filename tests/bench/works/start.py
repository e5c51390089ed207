"""From the start of a process to its first right answer, and its memory before any load."""
from bench import median
from report import Table

STARTS = 5


def start(bench):
    table = Table("start", "Start and idle", [("first answer", "{:.1f} ms"), ("RSS", "{:.1f} MiB")])

    def measure(peer):
        with bench.start(peer, "deny") as server:
            return server.started, server.rss()

    figures = bench.interleaved(bench.able("deny", table),
                                lambda peer: [measure(peer) for _ in range(STARTS)])
    for name, rounds in figures.items():
        seconds, rss = zip(*(each for runs in rounds for each in runs))
        table.add(name, median(seconds) * 1000, median(rss))
    return table
