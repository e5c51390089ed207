"""What loads a server: dnsperf, `pace` and `connect`, each on the processors that servers don't use."""
import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from server import ANSWERED, DENIED, THEIRS, enter, on

RCODES = {ANSWERED: "NOERROR", DENIED: "NXDOMAIN"}


@dataclass
class Figures:
    """One run of dnsperf."""
    answers: int
    seconds: float
    octets: float     # of an average answer
    latency: float    # seconds, of an average answer
    cpu: float = 0.0  # seconds of the server

    @property
    def rate(self):
        return self.answers / self.seconds

    @property
    def per_cpu(self):
        return self.answers / self.cpu


def _number(pattern, report):
    found = re.search(pattern, report)
    return float(found[1]) if found else 0.0


def start_dnsperf(address, port, names, *options, namespace=None):
    return subprocess.Popen(
        [*enter(namespace), "dnsperf", "-s", address, "-p", str(port), "-d", str(names), "-t", "1",
         "-O", "suppress=timeout", *map(str, options)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, preexec_fn=on(THEIRS))


def result_of(running, rcode, enough=0.99):
    """Its report; fails unless (nearly) all was answered, and with `rcode`."""
    report, _ = running.communicate()
    sent, completed = (_number(rf"Queries {what}:\s+(\d+)", report) for what in ("sent", "completed"))
    right = _number(rf"{RCODES[rcode]} (\d+)", report)
    if right < enough * sent or completed == 0:
        raise RuntimeError(f"of {sent:.0f} queries {completed:.0f} were answered, {right:.0f} right: "
                           f"{' '.join(running.args)}\n{report}")
    return Figures(int(completed), _number(r"Run time \(s\):\s+([\d.]+)", report),
                   _number(r"Average packet size:.*response (\d+)", report),
                   _number(r"Average Latency \(s\):\s+([\d.]+)", report))


def dnsperf(server, names, rcode, *options):
    before = server.cpu_seconds()
    figures = result_of(start_dnsperf(server.address, server.port, names, *options,
                                      namespace=server.namespace), rcode)
    figures.cpu = server.cpu_seconds() - before
    return figures


def start_kxdpgun(address, port, names, rate, seconds, namespace, processor=max(THEIRS)):
    """Sends past the kernel (XDP), so that a client costs little beside a server on the same machine."""
    return subprocess.Popen(
        [*enter(namespace), "kxdpgun", "-F", str(processor), "-t", str(seconds), "-Q", str(int(rate)),
         "-i", str(names), "-p", str(port), address],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def answers_of(running, rcode):
    """How many came; fails if any was another than `rcode`."""
    report, _ = running.communicate()
    replies = _number(r"total replies:\s+(\d+)", report)
    if not replies or _number(rf"responded {RCODES[rcode]}:\s+(\d+)", report) != replies:
        raise RuntimeError(f"{' '.join(running.args)}\n{report}")
    return replies


class Tools:
    """The programs beside this file, built in `directory`."""

    def __init__(self, directory):
        self.directory = Path(directory)

    @property
    def floor(self):
        return str(self.directory / "floor")

    def start_pace(self, address, port, names, rate, seconds, namespace=None):
        return subprocess.Popen(
            [*enter(namespace), self.directory / "pace", address, str(port), str(int(rate)),
             str(seconds), str(names)], stdout=subprocess.PIPE, text=True, preexec_fn=on(THEIRS))

    def pace(self, *how):
        return self.result(self.start_pace(*how))

    @staticmethod
    def result(running):
        out, _ = running.communicate()
        if running.returncode != 0:
            raise RuntimeError("pace failed")
        return json.loads(out)

    def connect(self, server, seconds, concurrent, qname):
        """Connections that were answered, and the server's CPU seconds."""
        before = server.cpu_seconds()
        done = subprocess.run(
            [self.directory / "connect", str(server.port), str(seconds), str(concurrent), qname],
            check=True, capture_output=True, text=True, preexec_fn=on(THEIRS))
        return int(done.stdout), server.cpu_seconds() - before
