"""TCP: queries on connections that stay, connections that don't, and connections that do nothing."""
import socket
import struct

from bench import median
from load import dnsperf
from report import Table
from server import DENIED, query

CONNECTIONS = 8
IDLE = 10_000


def _fill(table, figures):
    """A row for each server of its (answers, CPU seconds, seconds) in each round."""
    for name, runs in figures.items():
        table.add(name, median(count / cpu for count, cpu, _ in runs),
                  median(count / seconds for count, _, seconds in runs))
    table.rows.sort(key=lambda row: -row[1][0])
    return table


def tcp(bench):
    table = Table("tcp", f"Denied over TCP, {CONNECTIONS} connections, pipelined",
                  [("answers/CPU-s", "{:,.0f}"), ("answers/s", "{:,.0f}")])

    def measure(peer):
        with bench.start(peer, "deny") as server:
            run = dnsperf(server, bench.denied, DENIED, "-m", "tcp", "-l", bench.options.seconds, "-c",
                          CONNECTIONS, "-q", 256)
            return run.answers, run.cpu, run.seconds

    return _fill(table, bench.interleaved(bench.able("deny", table), measure))


def tcp_short(bench):
    table = Table("tcp_short", f"TCP connections of one query each, {CONNECTIONS} at a time",
                  [("connections/CPU-s", "{:,.0f}"), ("connections/s", "{:,.0f}")])
    seconds = bench.options.seconds

    def measure(peer):
        with bench.start(peer, "deny") as server:
            return *bench.tools.connect(server, seconds, CONNECTIONS, "host.denied.example"), seconds

    return _fill(table, bench.interleaved(bench.able("deny", table), measure))


def _ask(client):
    message = query("host.denied.example")
    client.sendall(struct.pack("!H", len(message)) + message)
    (size,) = struct.unpack("!H", client.recv(2, socket.MSG_WAITALL))
    if client.recv(size, socket.MSG_WAITALL)[3] & 15 != DENIED:
        raise RuntimeError("not denied")


def idle(bench):
    table = Table("idle", f"{IDLE:,} idle TCP connections, each after one query",
                  [("RSS before", "{:.1f} MiB"), ("RSS", "{:.1f} MiB"), ("a connection", "{:.1f} KiB")])
    for peer in bench.able("deny", table):
        with bench.start(peer, "deny", connections=IDLE + 100) as server:
            before = server.rss()
            clients = []
            try:
                for _ in range(IDLE):
                    clients.append(socket.create_connection((server.address, server.port), 5))
                    _ask(clients[-1])
                for client in clients[::100]:
                    _ask(client)
                after = server.rss()
            finally:
                for client in clients:
                    client.close()
        table.add(peer.name, before, after, (after - before) * 1024 / IDLE)
    return table
