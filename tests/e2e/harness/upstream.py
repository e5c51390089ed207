"""A scripted upstream: well-behaved by default, as hostile as a test wants.

The script maps a name (lower case, no last dot) to an action, "*" to the action for every other name
(NXDOMAIN with an SOA). An action takes a `Received` and answers through it, or is a shorthand made by
`answer`, `rcode`, `silent`, and so on.
"""
import queue
import socket
import struct
import threading
import time

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

SOA = "ns.upstream.test. admin.upstream.test. 1 3600 600 86400 60"


class Received:
    """One query as it came, and the ways to answer it."""

    def __init__(self, upstream, wire, peer, send, connection=None):
        self.upstream, self.wire, self.peer, self.tcp = upstream, wire, peer, connection is not None
        self.send = send  # bytes to the client, from the address that was asked
        self.connection = connection  # of a query over TCP
        self.message = dns.message.from_wire(wire)
        self.question = self.message.question[0]
        self.qname = self.question.name.to_text(omit_final_dot=True)
        self.qtype = dns.rdatatype.to_text(self.question.rdtype)
        self.at = time.monotonic()

    def response(self, *records, rcode="NOERROR", authority=(), additional=(), flags=0):
        """A response with records in zone-file style: `owner ttl type rdata`; `@` is the qname."""
        response = dns.message.make_response(self.message, recursion_available=True)
        response.set_rcode(dns.rcode.from_text(rcode))
        response.flags |= flags
        for section, texts in ((response.answer, records), (response.authority, authority),
                               (response.additional, additional)):
            for text in texts:
                owner, ttl, rdtype, rdata = text.split(None, 3)
                owner = self.question.name if owner == "@" else dns.name.from_text(owner)
                rrset = dns.rrset.from_text(owner, int(ttl), "IN", rdtype, rdata)
                for known in section:
                    if known.match(rrset.name, rrset.rdclass, rrset.rdtype, rrset.covers):
                        known.update(rrset)
                        break
                else:
                    section.append(rrset)
        return response

    def reply(self, *records, **options):
        limit = 65535 if self.tcp else 4096
        self.send(self.response(*records, **options).to_wire(max_size=limit))


def answer(*records, **options):
    """These records for whatever type is asked."""
    return lambda received: received.reply(*records, **options)


def by_type(**actions):
    """An action by qtype: by_type(A=answer(...), AAAA=nodata())."""
    return lambda received: actions.get(received.qtype, nodata())(received)


def nxdomain(ttl=60):
    return lambda received: received.reply(rcode="NXDOMAIN", authority=[f". {ttl} SOA {SOA}"])


def nodata(ttl=60):
    return lambda received: received.reply(authority=[f". {ttl} SOA {SOA}"])


def rcode(text):
    return lambda received: received.reply(rcode=text)


def silent():
    return lambda received: None


def truncated_over_udp(action):
    """TC over UDP, the action over TCP."""
    def act(received):
        if received.tcp:
            action(received)
        else:
            received.reply(flags=dns.flags.TC)
    return act


def after(seconds, action):
    def act(received):
        time.sleep(seconds)
        action(received)
    return act


def sequence(*actions):
    """Each action once, in turn; the last one for all that follow."""
    state = {"next": 0}

    def act(received):
        index = min(state["next"], len(actions) - 1)
        state["next"] += 1
        actions[index](received)
    return act


class Threads:
    """Runs each thing on a thread that has nothing to do, or on a new one."""

    def __init__(self):
        self._waiting = queue.SimpleQueue()
        self._idle = 0
        self._lock = threading.Lock()

    def run(self, function, *arguments):
        with self._lock:
            missing = self._idle == 0
            self._idle -= not missing
        if missing:
            threading.Thread(target=self._work, daemon=True).start()
        self._waiting.put((function, arguments))

    def _work(self):
        while True:
            function, arguments = self._waiting.get()
            function(*arguments)
            with self._lock:
                self._idle += 1


class Upstream:
    """Serves UDP and TCP at one port, each query on a thread. `received` lists the queries."""

    def __init__(self, script, address="127.0.0.1", port=0, namespace=None, tcp=True, udp=True):
        self.script = {name.lower(): action for name, action in script.items()}
        self.address = address
        self.received = []
        self._lock = threading.Lock()
        self._threads = Threads()
        self._stopped = False
        make = (lambda: self._open(port))
        self.udp, self.tcp = namespace.call(make) if namespace else make()
        self.port = self.udp.getsockname()[1]
        if not udp:
            self.udp.close()
        if not tcp:
            self.tcp.close()
        for serve, wanted in ((self._serve_udp, udp), (self._serve_tcp, tcp)):
            if wanted:
                threading.Thread(target=serve, daemon=True).start()

    def _open(self, port):
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        for _ in range(50):
            udp = socket.socket(family, socket.SOCK_DGRAM)
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            udp.bind(self._at(port))
            tcp = socket.socket(family)
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tcp.bind(self._at(udp.getsockname()[1]))
            except OSError:
                udp.close()
                tcp.close()
                continue
            tcp.listen(64)
            return udp, tcp
        raise OSError("no port free for UDP and TCP")

    def _at(self, port):
        """With the zone, which a pair alone loses."""
        return socket.getaddrinfo(self.address, port, flags=socket.AI_NUMERICHOST)[0][4]

    @property
    def endpoint(self):
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"

    def count(self, qname=None, qtype=None):
        """How many queries came, probes for the root aside unless asked for."""
        with self._lock:
            return sum(1 for r in self.received
                       if (r.qname.lower() == qname.lower() if qname else r.qname != ".")
                       and (qtype is None or r.qtype == qtype))

    def _handle(self, received):
        with self._lock:
            self.received.append(received)
        name = received.qname.lower()
        action = self.script.get(name) or self.script.get("*") or nxdomain()
        try:
            action(received)
        except OSError:
            pass  # the client has gone, or we have been stopped

    def _serve_udp(self):
        while not self._stopped:
            try:
                wire, peer = self.udp.recvfrom(65535)
            except OSError:
                return
            if self._stopped:
                return
            send = (lambda data, peer=peer: self.udp.sendto(data, peer))
            received = Received(self, wire, peer, send)
            self._threads.run(self._handle, received)

    def _serve_tcp(self):
        while not self._stopped:
            try:
                connection, peer = self.tcp.accept()
            except OSError:
                return
            threading.Thread(target=self._serve_connection, args=(connection, peer),
                             daemon=True).start()

    def _serve_connection(self, connection, peer):
        with connection, connection.makefile("rb") as stream:
            while True:
                try:
                    length = stream.read(2)
                except ConnectionError:
                    return
                if len(length) < 2:
                    return
                wire = stream.read(struct.unpack("!H", length)[0])
                send = (lambda data: connection.sendall(struct.pack("!H", len(data)) + data))
                self._handle(Received(self, wire, peer, send, connection))

    def stop(self):
        self._stopped = True
        for server in (self.udp, self.tcp):
            try:
                server.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            server.close()
