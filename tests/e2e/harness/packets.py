"""Packets of one's own making, for wayout.py."""
import socket
import struct

#: As much as fits into a group that somebody joins: 112 bits.
MARKER = b"nxgate-escape!"
DENIED, DENIED6 = "203.0.113.66", "2001:db8:66::66"
COLLECTOR_PORT, OWN_PORT = 5000, 4000
ARP, IPV4, IPV6, VLAN, UNKNOWN = 0x0806, 0x0800, 0x86dd, 0x8100, 0x88b5
SYN, ACK = 2, 16


def checksum(data):
    total = sum(struct.unpack(f"!{len(data + bytes(len(data) % 2)) // 2}H",
                              data + bytes(len(data) % 2)))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def own(family=socket.AF_INET, towards=None):
    """The address that this namespace sends from."""
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.connect((towards or (DENIED if family == socket.AF_INET else DENIED6), 9))
        return s.getsockname()[0]


def own6():
    return own(socket.AF_INET6)


def ipv4(payload, protocol=17, source=None, destination=DENIED, fragment=0, options=b""):
    size = 20 + len(options)
    header = struct.pack("!BBHHHBBH4s4s", 0x40 | size // 4, 0, size + len(payload), 4711, fragment, 64,
                         protocol, 0, socket.inet_aton(source or own()),
                         socket.inet_aton(destination)) + options
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def ipv6(payload, protocol=17, source=None, destination=DENIED6, hops=64):
    return struct.pack("!IHBB", 6 << 28, len(payload), protocol, hops) + \
        socket.inet_pton(socket.AF_INET6, source or own6()) + \
        socket.inet_pton(socket.AF_INET6, destination) + payload


def udp(port=COLLECTOR_PORT, source=OWN_PORT, data=MARKER):
    return struct.pack("!HHHH", source, port, 8 + len(data), 0) + data


def tcp(port, source, flags, data=b""):
    return struct.pack("!HHIIBBHHH", source, port, 1, 1, 5 << 4, flags, 1024, 0xbad, 0) + data


def icmp(kind, data=b"", number=7, code=0):
    body = struct.pack("!BBHHH", kind, code, 0, number, 1) + data
    return body[:2] + struct.pack("!H", checksum(body)) + body[4:]


def icmp6(kind, body, source, destination, code=0):
    """With the checksum that counts the header as well."""
    addresses = b"".join(socket.inet_pton(socket.AF_INET6, a) for a in (source, destination))
    message = struct.pack("!BBH", kind, code, 0) + body
    pseudo = addresses + struct.pack("!II", len(message), 58)
    return message[:2] + struct.pack("!H", checksum(pseudo + message)) + message[4:]
