"""Clients that look closer than dnspython does: raw bytes, EDNS options, TCP in slow motion."""
import socket
import struct

import dns.edns
import dns.message

COOKIE, KEEPALIVE, PADDING = 10, 11, 12


def option(code, data=b""):
    return dns.edns.GenericOption(code, data)


def options(response):
    """{code: data} of a response's EDNS options."""
    return {found.otype: found.to_wire() for found in response.options}


def framed(message):
    """A message as it goes over TCP."""
    wire = message if isinstance(message, bytes) else message.to_wire()
    return struct.pack("!H", len(wire)) + wire


class TcpClient:
    """One TCP connection, message by message or byte by byte."""

    def __init__(self, server, timeout=20, source="127.0.0.1", address="127.0.0.1"):
        self.socket = socket.create_connection((address, server.port), timeout, (source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, *messages):
        self.socket.sendall(b"".join(map(framed, messages)))

    def read(self, size):
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise EOFError(f"closed after {len(data)} of {size} bytes")
            data += more
        return data

    def receive_wire(self):
        return self.read(struct.unpack("!H", self.read(2))[0])

    def receive(self):
        return dns.message.from_wire(self.receive_wire())

    def closed_within(self, seconds):
        """Whether the server closes the connection in time, without another byte."""
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
