"""The servers that are compared, and how each is told to do a job with one worker (or more).

A peer has a method for each job that it can do (`deny`, `forward`, `denylist`, `attach`), which writes
its configuration and returns its command; `cannot` tells why it can't do another job, or a work.
"""
from dataclasses import dataclass
from pathlib import Path

from harness.netns import Namespace

from links import address
from server import DESCRIPTORS, enter

#: The only zone that is allowed in the job `forward`; everything else is denied.
ALLOWED = "allowed.test"
UPSTREAM = address(0)  # of the job `attach`
NO_FIREWALL = "has no hook to nftables"


@dataclass
class Place:
    """Where and for what a server is started."""
    directory: Path
    port: int
    address: str = "127.0.0.1"
    workers: int = 1
    upstream: int = 0      # port of the jobs `forward` and `attach`
    names: Path = None     # denied names, one a line, of the job `denylist`
    connections: int = 64  # over TCP, of one client
    remembered: int = 150  # names that the cache of the job `forward` must hold
    namespace: Namespace = None  # where it is asked
    outside: Namespace = None    # of the job `attach`: where its upstream is, at `UPSTREAM`
    firewall: bool = False       # of the job `attach`: whether it opens one for each answer

    @property
    def slots(self):
        """Of connections, for servers that end idle ones early once half are taken."""
        return min(3 * self.connections, DESCRIPTORS - 1000)

    def write(self, name, text):
        path = self.directory / f"{name}-{self.port}"
        path.write_text(text)
        path.chmod(0o644)
        return str(path)

    def from_names(self, name, head, line, tail=""):
        """A file with a line for each of `names`."""
        path = Path(self.write(name, ""))
        with path.open("w") as out, self.names.open() as names:
            out.write(head)
            out.writelines(line.format(each.rstrip("\n")) for each in names)
            out.write(tail)
        return str(path)


class Floor:
    """What the kernel takes for the same packets."""
    name = "floor"
    cannot = {}

    def __init__(self, binary):
        self.binary = binary

    def deny(self, place):
        return [self.binary, place.address, str(place.port), "deny"]

    def forward(self, place):
        """Only the answer, which it has at once."""
        return [self.binary, place.address, str(place.port), "address"]


class Nxgate:
    name = "nxgate"
    cannot = {}

    def __init__(self, binary):
        self.binary = binary

    def _serve(self, place, policy, listen=None):
        listen = listen or [f"{place.address}:{place.port}"]
        return [self.binary, "serve", "--config", place.write("nxgate.toml", f"""[server]
listen = [{", ".join(f'"{each}"' for each in listen)}]
workers = {place.workers}
tcp-idle = "5m"
tcp-clients = {place.connections}
tcp-per-client = {place.connections}
[upstreams.default]
servers = ["127.0.0.1:{place.upstream or 9}"]
[policies.default]
{policy}
""")]

    def deny(self, place):
        return self._serve(place, f'allow = ["{ALLOWED}"]')

    forward = deny

    def attach(self, place):
        return [self.binary, "attach", "--netns", place.namespace.name, "--config",
                place.write("nxgate.toml", f"""[server]
workers = 1
[upstreams.default]
servers = ["{UPSTREAM}:{place.upstream}"]
netns = "{place.outside.name}"
[policies.default]
allow = ["{ALLOWED}"]
[policies.default.exfiltration]
new-names = 0
[policies.default.egress]
mode = "{"enforce" if place.firewall else "off"}"
""")]

    def denylist(self, place):
        return self._serve(place, f'allow = [". force"]\ndeny-files = ["{place.names}"]')


class Dnsmasq:
    name = "dnsmasq"
    cannot = {"idle": "a process for each connection, 20 at most", "scaling": "one thread"}

    def _serve(self, place, *arguments):
        return ["dnsmasq", "-k", "-C", "/dev/null", "-h", "-R", "-u", "root", "-x", "", "-p",
                str(place.port), "-a", place.address, "--bind-interfaces",
                f"--cache-size={place.remembered}", "--dns-forward-max=4000", *arguments]

    def deny(self, place):
        return self._serve(place, "--address=/#/")

    def forward(self, place):
        return self._serve(place, "--address=/#/",
                           f"--server=/{ALLOWED}/127.0.0.1#{place.upstream}")

    def attach(self, place):
        """Into a set `inet bench open`, which must be there."""
        nftset = [f"--nftset=/{ALLOWED}/4#inet#bench#open"] if place.firewall else []
        return [*enter(place.namespace),
                *self._serve(place, f"--server={UPSTREAM}#{place.upstream}", *nftset)]

    def denylist(self, place):
        return self._serve(place, "--conf-file=" + place.from_names("names.conf", "", "address=/{}/\n"))


class Unbound:
    name = "unbound"
    cannot = {"attach": NO_FIREWALL}

    def _serve(self, place, zones, forward=""):
        return ["unbound", "-d", "-c", place.write("unbound.conf", f"""server:
  directory: "{place.directory}"
  chroot: ""
  username: ""
  pidfile: ""
  do-daemonize: no
  use-syslog: no
  module-config: "iterator"
  do-not-query-localhost: no
  num-threads: {place.workers}
  interface: {place.address}@{place.port}
  access-control: 0.0.0.0/0 allow
  so-reuseport: {"yes" if place.workers > 1 else "no"}
  incoming-num-tcp: {place.slots}
  tcp-idle-timeout: 300000
  num-queries-per-thread: 4096
  outgoing-range: {8192 if place.upstream else 64}
{zones}{forward}remote-control:
  control-enable: no
""")]

    def deny(self, place):
        return self._serve(place, '  local-zone: "." always_nxdomain\n')

    def forward(self, place):
        return self._serve(place, f"""  local-zone: "." always_nxdomain
  local-zone: "{ALLOWED}" transparent
""", f"""forward-zone:
  name: "{ALLOWED}"
  forward-addr: 127.0.0.1@{place.upstream}
""")

    def denylist(self, place):
        names = place.from_names("names.conf", "server:\n", '  local-zone: "{}" always_nxdomain\n')
        return self._serve(place, f'  include: "{names}"\nserver:\n')


class Dnsdist:
    name = "dnsdist"
    cannot = {"attach": NO_FIREWALL}

    def _serve(self, place, rules):
        reuse = ", reusePort=true" if place.workers > 1 else ""
        listen = f'("{place.address}:{place.port}", {{maxInFlight=1000{reuse}}})\n'
        return ["dnsdist", "--supervised", "--disable-syslog", "-C", place.write("dnsdist.conf", f"""
setSecurityPollSuffix("")
setMaxTCPClientThreads({place.workers})
setMaxTCPConnectionsPerClient({place.connections})
setTCPRecvTimeout(300)
setLocal{listen}{("addLocal" + listen) * (place.workers - 1)}
setACL("0.0.0.0/0")
newServer({{address="127.0.0.1:{place.upstream or 9}", healthCheckMode="up"}})
{rules}""")]

    def deny(self, place):
        return self._serve(place, "addAction(AllRule(), RCodeAction(DNSRCode.NXDOMAIN))\n")

    def forward(self, place):
        return self._serve(place, f"""getPool(""):setCache(newPacketCache(200000))
local allowed = newSuffixMatchNode()
allowed:add("{ALLOWED}")
addAction(NotRule(SuffixMatchNodeRule(allowed)), RCodeAction(DNSRCode.NXDOMAIN))
""")

    def denylist(self, place):
        return self._serve(place, f"""local names = newSuffixMatchNode()
for name in io.lines("{place.names}") do names:add(name) end
addAction(SuffixMatchNodeRule(names), RCodeAction(DNSRCode.NXDOMAIN))
""")


class Authoritative:
    """A server of zones denies by an empty root zone, and can't do what isn't a zone."""
    cannot = {"forward": "serves zones", "denylist": "serves zones: a million of them for a list",
              "attach": "serves zones"}

    def _root(self, place):
        return place.write("root.zone", ". 10 SOA ns.invalid. nobody.invalid. 1 3600 600 86400 10\n"
                                        ". 10 NS ns.invalid.\n")


class Knot(Authoritative):
    name = "knot"

    def deny(self, place):
        return ["knotd", "-c", place.write("knot.conf", f"""server:
  rundir: "{place.directory}"
  listen: {place.address}@{place.port}
  udp-workers: {place.workers}
  tcp-workers: {place.workers}
  background-workers: 1
  tcp-max-clients: {place.connections}
  tcp-idle-timeout: 300
  tcp-io-timeout: 0
database:
  storage: "{place.directory}/knot-{place.port}"
zone:
  - domain: "."
    file: "{self._root(place)}"
""")]


class Nsd(Authoritative):
    name = "nsd"

    def deny(self, place):
        return ["nsd", "-d", "-c", place.write("nsd.conf", f"""server:
  server-count: {place.workers}
  ip-address: {place.address}@{place.port}
  reuseport: {"yes" if place.workers > 1 else "no"}
  tcp-count: {place.slots}
  tcp-timeout: 300
  username: ""
  chroot: ""
  pidfile: ""
  zonesdir: "{place.directory}"
  zonelistfile: "{place.directory}/nsd-{place.port}.list"
  xfrdfile: "{place.directory}/nsd-{place.port}.xfrd"
  xfrdir: "{place.directory}"
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: "."
  zonefile: "{self._root(place)}"
""")]


def all_peers(nxgate, floor):
    return [Floor(floor), Nxgate(nxgate), Dnsmasq(), Unbound(), Dnsdist(), Knot(), Nsd()]
