#!/usr/bin/python3
"""What it costs to open a firewall for an answer, beside dnsmasq's nftset, from one run.

    egress.py NXGATE [--rounds N]

A namespace asks for NAMES allowed names, each with an address of its own, of a server that forwards to
unbound in another namespace: nxgate and dnsmasq, each without and with a firewall that gets every address.
The figure is the server's CPU time an answer, the median of the rounds; the difference is the price of an
admission. The set is counted afterwards, so that nobody gets around the work.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

NAMES = 20_000
UPSTREAM = "10.77.0.1"
SERVER = "10.77.0.1"  # what clients ask: nxgate is in front of any address
INSIDE, OUTSIDE = f"nxb{os.getpid()}-in", f"nxb{os.getpid()}-out"
RULES = """table inet bench {
  set open { type ipv4_addr; flags timeout; timeout 120s; }
}
"""


def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout


def inside(*command):
    return ["ip", "netns", "exec", INSIDE, *command]


def start(command, namespace=None):
    prefix = ["ip", "netns", "exec", namespace] if namespace else []
    return subprocess.Popen([*prefix, *command], stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def stop(process):
    process.terminate()
    process.wait(30)


def wait_for_answer(address, port):
    for _ in range(500):
        done = subprocess.run(inside("dig", f"@{address}", "-p", str(port), "+tries=1", "+time=1",
                                     "+short", "n1.bench.test"), capture_output=True, text=True)
        if done.stdout.strip() == address_of(1):
            return
        time.sleep(0.02)
    raise RuntimeError("no answer")


def address_of(number):
    return f"198.18.{number >> 8}.{number & 255}"


def cpu_seconds(pid):
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def worlds():
    for name in (INSIDE, OUTSIDE):
        run("ip", "netns", "add", name)
        run("ip", "-n", name, "link", "set", "lo", "up")
    run("ip", "-n", INSIDE, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns",
        OUTSIDE)
    for name, address in ((INSIDE, "10.77.0.2/24"), (OUTSIDE, f"{UPSTREAM}/24")):
        run("ip", "-n", name, "addr", "add", address, "dev", "eth0")
        run("ip", "-n", name, "link", "set", "eth0", "up")


def upstream(directory):
    config = directory / "unbound.conf"
    records = "".join(f'  local-data: "n{i}.bench.test. 60 A {address_of(i)}"\n'
                      for i in range(NAMES))
    config.write_text(f"""server:
  directory: "{directory}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  interface: {UPSTREAM}@5300
  access-control: 0.0.0.0/0 allow
  local-zone: "test." static
{records}
remote-control:
  control-enable: no
""")
    return start(["unbound", "-d", "-c", str(config)], OUTSIDE)


def elements(*table_and_set):
    listed = json.loads(run(*inside("nft", "-j", "list", "set", "inet", *table_and_set)))
    return len(listed["nftables"][1]["set"].get("elem", []))


def nxgate(binary, directory, egress):
    config = directory / "nxgate.toml"
    config.write_text(f"""[server]
workers = 1
[upstreams.default]
servers = ["{UPSTREAM}:5300"]
netns = "{OUTSIDE}"
[policies.default]
allow = ["bench.test"]
[policies.default.egress]
mode = "{'enforce' if egress else 'off'}"
""")
    process = start([binary, "attach", "--netns", INSIDE, "--config", str(config)])
    return process, SERVER, 53, lambda: elements("nxgate_egress", "open4")


def dnsmasq(egress):
    if egress:
        run(*inside("nft", "-f", "-"), input=RULES)
    nftset = ["--nftset=/bench.test/4#inet#bench#open"] if egress else []
    process = start(["dnsmasq", "-k", "-C", "/dev/null", "-R", "-h", "-u", "root", "-p", "5301", "-x",
                     "", "-a", "127.0.0.1", "--bind-interfaces", "-c", "10000",
                     "--dns-forward-max=2000", f"--server={UPSTREAM}#5300", *nftset], INSIDE)
    return process, "127.0.0.1", 5301, lambda: elements("bench", "open")


def measure(make, egress, names):
    process, address, port, count = make(egress)
    try:
        wait_for_answer(address, port)
        before = cpu_seconds(process.pid)
        report = run(*inside("dnsperf", "-s", address, "-p", str(port), "-d", names, "-n", "1", "-q",
                             "50", "-t", "5"))
        spent = cpu_seconds(process.pid) - before
        answered = int((re.search(r"NOERROR (\d+)", report) or [0, 0])[1])
        latency = float(re.search(r"Average Latency \(s\):\s+([\d.]+)", report)[1])
        if answered < 0.99 * NAMES:
            raise RuntimeError(f"only {answered} answers")
        if egress and count() < 0.99 * NAMES:
            raise RuntimeError(f"only {count()} addresses in the set")
    finally:
        stop(process)
        subprocess.run(inside("nft", "flush", "ruleset"), check=True)
    return spent / answered * 1e6, latency * 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("nxgate")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        names = directory / "names"
        names.write_text("".join(f"n{i}.bench.test A\n" for i in range(NAMES)))
        servers = {"nxgate": lambda egress: nxgate(options.nxgate, directory, egress),
                   "dnsmasq": dnsmasq}
        figures = {(name, egress): [] for name in servers for egress in (False, True)}
        worlds()
        resolver = upstream(directory)
        try:
            for _ in range(options.rounds):
                for name, make in servers.items():
                    for egress in (False, True):
                        figures[name, egress].append(measure(make, egress, str(names)))
        finally:
            stop(resolver)
            for name in (INSIDE, OUTSIDE):
                run("ip", "netns", "del", name)
    print(f"\n{'forwarded, then opened':22} {'without':>10} {'with':>10} {'an admission':>13} "
          f"{'latency without':>16} {'with':>10}")
    for name in servers:
        without, with_ = ([statistics.median(column) for column in zip(*figures[name, egress])]
                          for egress in (False, True))
        print(f"{name:22} {without[0]:7.1f} us {with_[0]:7.1f} us {with_[0] - without[0]:10.1f} us "
              f"{without[1]:13.0f} us {with_[1]:7.0f} us")


if __name__ == "__main__":
    main()
