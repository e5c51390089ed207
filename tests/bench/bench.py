#!/usr/bin/python3
"""nxgate beside its peers and the kernel's floor, from one run.

    bench.py NXGATE FLOOR [--rounds N] [--seconds S]

Every server runs one worker on loopback and denies every name but one. dnsperf asks each of them in
turn, round after round, so that whatever else the machine does falls on all alike. The figure is
answers per CPU-second of the server (utime + stime of all its threads), the median of the rounds,
since a busy neighbour disturbs it least; answers per second, RSS and the time from exec to the first
answer stand beside it.
"""
import argparse
import os
import re
import socket
import statistics
import struct
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

STARTS = 5


@dataclass
class Server:
    name: str
    command: list  # PORT and CONFIG stand for the port and the path of the configuration
    config: str = ""
    answers: list = field(default_factory=list)  # per CPU-second, one a round
    rates: list = field(default_factory=list)  # per second, one a round
    starts: list = field(default_factory=list)  # seconds
    rss: int = 0  # KiB, before any load


def free_port():
    """A port that is free for UDP and TCP."""
    while True:
        with socket.socket(type=socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind(("127.0.0.1", 0))
            try:
                tcp.bind(udp.getsockname())
            except OSError:
                continue
            return udp.getsockname()[1]


def query(qname):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in qname.split("."))
    return struct.pack("!6H", 0x5a5a, 0x0100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"


def wait_for_answer(port, started, timeout=15):
    """Seconds from `started` to the first NXDOMAIN."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", port))
        client.settimeout(0.001)
        while time.monotonic() - started < timeout:
            try:
                client.send(query("first.example"))
                answer = client.recv(4096)
            except (ConnectionRefusedError, TimeoutError):
                continue
            if answer[3] & 0x0F == 3:
                return time.monotonic() - started
    raise RuntimeError("no answer")


def cpu_seconds(pid):
    """Of all threads; schedstat counts nanoseconds where stat counts ticks."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def rss_kib(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1])


def start(server, port):
    with tempfile.NamedTemporaryFile("w", suffix=".conf", delete=False) as config:
        config.write(server.config.replace("PORT", str(port)))
    os.chmod(config.name, 0o644)
    started = time.monotonic()
    process = subprocess.Popen(
        [part.replace("PORT", str(port)).replace("CONFIG", config.name) for part in server.command],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        return process, wait_for_answer(port, started)
    except RuntimeError:
        process.kill()
        raise RuntimeError(f"{server.name} did not answer: {' '.join(server.command)}") from None
    finally:
        os.unlink(config.name)


def stop(process):
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def measure(server, port, names, seconds):
    process, _ = start(server, port)
    try:
        server.rss = server.rss or rss_kib(process.pid)
        before = cpu_seconds(process.pid)
        report = subprocess.run(
            ["dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", names, "-l", str(seconds),
             "-c", "8", "-q", "256"],
            check=True, capture_output=True, text=True).stdout
        spent = cpu_seconds(process.pid) - before
    finally:
        stop(process)
    completed = int(re.search(r"Queries completed:\s+(\d+)", report)[1])
    denied = int((re.search(r"NXDOMAIN (\d+)", report) or [0, 0])[1])
    if denied < 0.99 * completed:
        raise RuntimeError(f"{server.name} answered {completed} but denied only {denied}")
    server.answers.append(completed / spent)
    server.rates.append(float(re.search(r"Queries per second:\s+([\d.]+)", report)[1]))


def peers(directory):
    """Debian's servers, each set to deny everything with one worker."""
    zone = directory / "root.zone"
    zone.write_text(". 10 SOA ns.invalid. nobody.invalid. 1 3600 600 86400 10\n"
                    ". 10 NS ns.invalid.\n")
    return [
        Server("dnsmasq", ["dnsmasq", "-k", "-C", "/dev/null", "-h", "-R", "-p", "PORT", "-u", "root",
                           "-a", "127.0.0.1", "--bind-interfaces", "--address=/#/", "-x", ""]),
        Server("unbound", ["unbound", "-d", "-c", "CONFIG"], f"""server:
  directory: "{directory}"
  chroot: ""
  username: ""
  pidfile: ""
  do-daemonize: no
  use-syslog: no
  num-threads: 1
  interface: 127.0.0.1@PORT
  so-reuseport: no
  local-zone: "." always_nxdomain
remote-control:
  control-enable: no
"""),
        Server("dnsdist", ["dnsdist", "--supervised", "--disable-syslog", "-C", "CONFIG"],
               """setLocal("127.0.0.1:PORT")
setSecurityPollSuffix("")
addAction(AllRule(), RCodeAction(DNSRCode.NXDOMAIN))
newServer({address="127.0.0.1:9", healthCheckMode="up"})
"""),
        Server("knotd", ["knotd", "-c", "CONFIG"], f"""server:
  rundir: "{directory}"
  listen: 127.0.0.1@PORT
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: "{directory}/db"
zone:
  - domain: "."
    file: "{zone}"
"""),
    ]


def report(servers):
    floor = next(s for s in servers if s.name == "floor")
    base = statistics.median(floor.answers)
    print(f"\n{'denied, short list':20} {'answers/CPU-s':>13} {'of floor':>8} {'answers/s':>10} "
          f"{'first answer':>12} {'idle RSS':>10}")
    for server in sorted(servers, key=lambda s: -statistics.median(s.answers)):
        answers = statistics.median(server.answers)
        print(f"{server.name:20} {answers:13,.0f} {answers / base:8.2f} "
              f"{statistics.median(server.rates):10,.0f} "
              f"{statistics.median(server.starts) * 1000:9.1f} ms {server.rss / 1024:6.1f} MiB")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("nxgate")
    parser.add_argument("floor")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        directory.chmod(0o755)
        names = directory / "names"
        names.write_text("".join(f"host{i}.denied{i % 97}.example A\n" for i in range(10_000)))
        servers = [
            Server("floor", [options.floor, "PORT"]),
            Server("nxgate", [options.nxgate, "serve", "--listen", "127.0.0.1:PORT", "--workers", "1",
                              "--allow", "allowed.test", "--upstream", "127.0.0.1"]),
        ] + peers(directory)
        for server in servers:
            for _ in range(STARTS):
                process, seconds = start(server, free_port())
                server.starts.append(seconds)
                stop(process)
        for number in range(options.rounds):
            for server in servers:
                measure(server, free_port(), str(names), options.seconds)
                print(f"round {number + 1}: {server.name:8} {server.answers[-1]:9,.0f} answers/CPU-s",
                      flush=True)
        report(servers)


if __name__ == "__main__":
    main()
