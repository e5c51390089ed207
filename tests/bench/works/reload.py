"""What clients notice while a list of a million names is replaced."""
import os
import socket
import time

from report import Table
from server import DENIED, query
from works.latency import RATE
from works.lists import MILLION, list_of, listed

PATIENCE = 60


def _denied(server, name):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(1)
        client.sendto(query(name), (server.address, server.port))
        return client.recv(4096)[3] & 15 == DENIED


def _replace(names, last):
    """The list with another last name, at once and whole."""
    fresh = names.with_suffix(".fresh")
    with names.open("rb") as old, fresh.open("wb") as new:
        while block := old.read(1 << 20):
            new.write(block)
        new.write(f"{last}\n".encode())
    fresh.chmod(0o644)
    os.replace(fresh, names)


def _reload(server, names, last):
    """Seconds from the replacement until `last` is denied."""
    _replace(names, last)
    begin = time.monotonic()
    while not _denied(server, last):
        if time.monotonic() - begin > PATIENCE:
            raise RuntimeError("not reloaded")
        time.sleep(0.005)
    return time.monotonic() - begin


def reload(bench):
    """Of nxgate alone: no peer takes up a list without a restart or a pause."""
    table = Table("reload", f"A new list of 1 M names, under {RATE:,} queries a second",
                  [("p50", "{:.0f} µs"), ("p99", "{:.0f} µs"), ("most", "{:.1f} ms"),
                   ("peak RSS", "{:.0f} MiB"), ("taken up after", "{:.2f} s")])
    names = list_of(bench, MILLION)
    asked = bench.file("asked-reload", (listed(i * 7919) for i in range(100)))
    with bench.start(bench.nxgate, "denylist", names=names) as server:
        def row(name, run, peak, took=None):
            if run["answered"] != run["sent"]:
                lost = run["sent"] - run["answered"]
                table.notes.append(f"{name}: {lost:,} of {run['sent']:,} unanswered.")
            table.add(name, run["p50_us"], run["p99_us"], run["max_us"] / 1000, peak, took)

        length = _reload(server, names, "first.new.test")
        server.forget_peak()
        how = (server.address, server.port, asked, RATE)
        row("before", bench.tools.pace(*how, bench.options.seconds), server.peak_rss())
        load = bench.tools.start_pace(*how, length)
        took = _reload(server, names, "second.new.test")
        row("during", bench.tools.result(load), server.peak_rss(), took)
    return table
