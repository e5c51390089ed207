"""The real binary, started on a free port and ended by its pid."""
import atexit
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import dns.edns
import dns.flags
import dns.message
import dns.query
import dns.rcode

ROOT = Path(__file__).resolve().parents[3]
PRESET = os.environ.get("NXGATE_PRESET", "release")
SANITIZED = PRESET in ("asan", "tsan")
START_TIMEOUT = 30
STOP_TIMEOUT = 30
COMPLAINTS = re.compile(r"Sanitizer|runtime error:|Assertion|terminate called")
#: What was built, and with it.
BUILT = Path(os.environ.get("NXGATE_BINARY", ROOT / "build/release/nxgate"))


def for_everybody(program):
    """A copy that every user can run, which one in a clone below /root is not."""
    place = Path(tempfile.mkdtemp(prefix="nxgate-test-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    place.chmod(0o755)
    return shutil.copy(program, place)


BINARY = for_everybody(BUILT)


def free_port(address="127.0.0.1"):
    """A port that is free for UDP and TCP, and that nobody gets as an ephemeral one meanwhile."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    while True:
        port = random.randrange(10000, 30000)
        with socket.socket(family, socket.SOCK_DGRAM) as udp, socket.socket(family) as tcp:
            try:
                udp.bind((address, port))
                tcp.bind((address, port))
            except OSError:
                continue
            return port


def run(*arguments, namespace=None, input=None, timeout=60, **options):
    """Runs nxgate to its end, for commands that end."""
    command = [BINARY, *map(str, arguments)]
    if namespace:
        command = ["ip", "netns", "exec", namespace.name, *command]
    done = subprocess.run(command, input=input, capture_output=True, text=True, timeout=timeout,
                          check=False, **options)
    assert not COMPLAINTS.search(done.stderr), done.stderr
    return done


class Nxgate:
    """`nxgate serve` (or another command), ready to be asked.

    Without `config` it listens on 127.0.0.1 and [::1] at `port`; a config says so itself, with PORT
    standing for the port. `wrapper` is a command that runs it, as valgrind does; `program` stands in
    its place; `environment` is added to that of the tests. `log` collects what it writes to standard error. On stop it must end
    well, with a status of `good_ends`, without a word from a sanitizer.
    """

    def __init__(self, *arguments, config=None, command="serve", namespace=None, listen=None,
                 port=None, user=None, wait=True, wrapper=(), environment=None,
                 program=(BINARY,)):
        self.port = port or free_port()
        self.log = []
        self.good_ends = {0, -signal.SIGKILL}
        self.namespace = namespace
        self._directory = tempfile.TemporaryDirectory(prefix="nxgate-test-")
        os.chmod(self._directory.name, 0o777)  # for a server of another user too
        self.directory = Path(self._directory.name)
        arguments = [str(a).replace("PORT", str(self.port)) for a in arguments]
        if config is not None:
            self.config = self.directory / "nxgate.toml"
            self.write_config(config)
            arguments += ["--config", str(self.config)]
        else:
            for address in listen or ["127.0.0.1:PORT"]:
                arguments += ["--listen", address.replace("PORT", str(self.port))]
        self.control = self.directory / "control.sock"
        if "--control" not in arguments and "[control]" not in (config or ""):
            arguments += ["--control", str(self.control)]
        prefix = ["ip", "netns", "exec", namespace.name] if namespace else []
        self.process = subprocess.Popen(
            [*prefix, *wrapper, *program, command, *arguments], user=user, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace",
            env={**os.environ, **(environment or {})})
        self.pid = self.process.pid
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if wait:
            try:
                self.wait_for_log(r"\bready:", timeout=START_TIMEOUT)
            except AssertionError:
                self.process.kill()
                raise

    def write_config(self, text):
        """At once and whole, as an editor does it that replaces the file."""
        fresh = self.config.with_suffix(".fresh")
        fresh.write_text(text.replace("PORT", str(self.port)))
        os.replace(fresh, self.config)

    def _read(self):
        for line in self.process.stderr:
            with self._changed:
                self.log.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def log_text(self):
        with self._changed:
            return "\n".join(self.log)

    def wait_for_log(self, pattern, timeout=15, since=0):
        """The first line from index `since` on that matches; fails with the whole log."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                for line in self.log[since:]:
                    if re.search(pattern, line):
                        return line
                left = deadline - time.monotonic()
                ended = self.process.poll() is not None and not self._reader.is_alive()
                if left <= 0 or ended:
                    raise AssertionError(f"no log line matches {pattern!r}:\n" + "\n".join(self.log))
                self._changed.wait(min(left, 0.2))

    def reload(self):
        """SIGHUP, then the line that tells how it went."""
        since = len(self.log)
        self.process.send_signal(signal.SIGHUP)
        return self.wait_for_log(r"reload", timeout=60, since=since)

    def operate(self, *arguments, check=True, **options):
        """A command of the operator's, put to this server."""
        done = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=30,
                              env={**os.environ, "NXGATE_CONTROL": str(self.control)}, **options)
        assert not check or done.returncode == 0, done
        return done

    def query(self, qname, qtype="A", **options):
        """One question made by dnspython, over UDP or with tcp=True; see `ask`."""
        return self.ask(make_query(qname, qtype, **options), tcp=options.get("tcp", False))

    def ask(self, message, tcp=False, timeout=10, address="127.0.0.1", source=None):
        ask = dns.query.tcp if tcp else dns.query.udp
        return ask(message, address, port=self.port, timeout=timeout, source=source)

    def exchange(self, wire, timeout=3, address="127.0.0.1"):
        """Bytes over UDP and the bytes that come back; None if nothing does within `timeout`."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as client:
            client.settimeout(timeout)
            client.connect((address, self.port))
            client.send(wire)
            try:
                return client.recv(65535)
            except TimeoutError:
                return None

    def tcp(self, address="127.0.0.1", timeout=10):
        return socket.create_connection((address, self.port), timeout=timeout)

    @property
    def helper(self):
        """The pid of the process that keeps rights for it, or None."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        assert len(children) <= 1
        return int(children[0]) if children else None

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def cpu_seconds(self):
        """Of all its threads so far."""
        tasks = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def rss_kib(self):
        return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text())[1])

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("did not stop within its time:\n" + self.log_text()) from None
        finally:
            self._reader.join(5)
            self._directory.cleanup()
        complaint = COMPLAINTS.search(self.log_text())
        assert not complaint, self.log_text()
        assert status in self.good_ends, f"exit status {status}:\n{self.log_text()}"


def make_query(qname, qtype="A", edns=False, payload=1232, dnssec=False, options=None, rd=True,
               cd=False, qclass="IN", **_):
    """A query as bare as asked: no OPT unless something needs one."""
    with_opt = edns or dnssec or options is not None
    message = dns.message.make_query(qname, qtype, qclass, use_edns=0 if with_opt else None,
                                     payload=payload, want_dnssec=dnssec, options=options)
    if not with_opt:
        message.use_edns(False)
    if not rd:
        message.flags &= ~dns.flags.RD
    if cd:
        message.flags |= dns.flags.CD
    return message


def ede(response):
    """(code, text) of each extended error in a response."""
    found = []
    for option in response.options:
        if option.otype == 15:
            data = option.data if hasattr(option, "data") else option.to_wire()
            found.append((int.from_bytes(data[:2], "big"), data[2:].decode()))
    return found


def soa(response):
    """The one SOA of the authority section."""
    (rrset,) = response.authority
    assert rrset.rdtype == dns.rdatatype.SOA
    return rrset


def rcode(response):
    return dns.rcode.to_text(response.rcode())


def addresses(response):
    """The addresses in the answer section, sorted."""
    return sorted(item.address for rrset in response.answer for item in rrset
                  if rrset.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA))
