"""One worker and two, asked from namespaces of their own over veth links."""
from contextlib import ExitStack

from harness.netns import Namespace

from bench import median
from load import answers_of, start_kxdpgun
from report import Table
from server import DENIED, PROCESSORS

CLIENTS = 4
RATE = 60_000  # of each client, more than two workers answer


def _address(client, end):
    return f"10.78.{client}.{end}"


def scaling(bench):
    """Server and clients share all processors, so answers/s scale as far as the clients leave room; what
    a second worker costs shows in answers/CPU-s."""
    table = Table("scaling",
                  f"Denied, {CLIENTS} clients in namespaces, {CLIENTS * RATE:,} queries a second",
                  [("answers/CPU-s of 1", "{:,.0f}"), ("of 2", "{:,.0f}"), ("kept", "{:.2f}"),
                   ("answers/s of 1", "{:,.0f}"), ("of 2", "{:,.0f}"), ("times", "{:.2f}")])
    with ExitStack() as stack:
        def namespace(label):
            made = Namespace(label)
            stack.callback(made.delete)
            return made

        middle = namespace("server")
        clients = [namespace(f"client{i}") for i in range(CLIENTS)]
        for i, client in enumerate(clients):
            middle.join(client, _address(i, 1) + "/24", _address(i, 2) + "/24", device=f"eth{i}")

        def run(peer, workers):
            with bench.start(peer, "deny", namespace=middle, address="0.0.0.0",
                             processors=set(PROCESSORS), workers=workers) as server:
                before = server.cpu_seconds()
                seconds = bench.options.seconds
                loads = [start_kxdpgun(_address(i, 1), server.port, bench.denied, RATE, seconds,
                                       ["ip", "netns", "exec", client.name])
                         for i, client in enumerate(clients)]
                answers = sum(answers_of(load, DENIED) for load in loads)
                return answers / (server.cpu_seconds() - before), answers / seconds

        figures = bench.interleaved(bench.able("deny", table),
                                    lambda peer: [run(peer, workers) for workers in (1, 2)])
    for name, rounds in figures.items():
        (cpu1, rate1), (cpu2, rate2) = ([median(column) for column in zip(*runs)]
                                        for runs in zip(*rounds))
        table.add(name, cpu1, cpu2, cpu2 / cpu1, rate1, rate2, rate2 / rate1)
    return table
