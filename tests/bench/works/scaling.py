"""One worker and two, asked from namespaces of their own over veth links."""
from bench import median
from links import address, star
from load import answers_of, start_kxdpgun
from report import Table
from server import DENIED, PROCESSORS

CLIENTS = 4
RATE = 60_000  # of each client, more than one worker answers


def scaling(bench):
    """Server and clients share all processors, so answers/s scale as far as the clients leave room; what
    a second worker costs shows in answers/CPU-s."""
    table = Table("scaling",
                  f"Denied, {CLIENTS} clients in namespaces, {CLIENTS * RATE:,} queries a second",
                  [("answers/CPU-s of 1", "{:,.0f}"), ("of 2", "{:,.0f}"), ("kept", "{:.2f}"),
                   ("answers/s of 1", "{:,.0f}"), ("of 2", "{:,.0f}"), ("times", "{:.2f}")])
    seconds = bench.options.seconds

    def run(peer, workers):
        with bench.start(peer, "deny", namespace=middle, address="0.0.0.0",
                         processors=set(PROCESSORS), workers=workers) as server:
            before = server.cpu_seconds()
            loads = [start_kxdpgun(address(i), server.port, bench.denied, RATE, seconds, client,
                                   PROCESSORS[i % len(PROCESSORS)])
                     for i, client in enumerate(clients)]
            answers = sum(answers_of(load, DENIED) for load in loads)
            return answers / (server.cpu_seconds() - before), answers / seconds

    with star(CLIENTS) as (middle, clients):
        figures = bench.interleaved(bench.able("deny", table),
                                    lambda peer: [run(peer, workers) for workers in (1, 2)])
    for name, rounds in figures.items():
        (cpu1, rate1), (cpu2, rate2) = ([median(column) for column in zip(*runs)]
                                        for runs in zip(*rounds))
        table.add(name, cpu1, cpu2, cpu2 / cpu1, rate1, rate2, rate2 / rate1)
    return table
