"""TLS without the rest: ClientHellos, also with an encrypted one inside, which no library here makes; a ServerHello."""
import contextlib
import os
import ssl
import struct

from harness.tls import tls_client

ECH = 0xfe0d
_CHOSEN = b"\x03\x03" + bytes(32) + b"\0" + b"\x13\x01\0" + b"\0\x06\0\x2b\0\x02\x03\x04"
#: A record with one of TLS 1.3 (RFC 8446 section 4.1.3); what follows is encrypted.
SERVER_HELLO = (b"\x16\x03\x03" + struct.pack("!H", 4 + len(_CHOSEN)) + b"\x02\0" +
                struct.pack("!H", len(_CHOSEN)) + _CHOSEN)


def hello(name, **settings):
    """A whole one for that name, as OpenSSL makes it."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    inner = tls_client(**settings).wrap_bio(incoming, outgoing, server_hostname=name)
    with contextlib.suppress(ssl.SSLWantReadError):
        inner.do_handshake()
    return outgoing.read()


def encrypted_hello(payload):
    """The extension of an outer ClientHello (RFC 9849 section 5): HKDF-SHA256, AES-128-GCM, a configuration,
    an X25519 key, and what only the server's key opens."""
    return struct.pack("!BHHBH", 0, 1, 1, 42, 32) + os.urandom(32) + struct.pack("!H", len(payload)) + payload


def with_extension(record, number, data):
    """A record of one ClientHello with that extension in front of the others: the last must be what binds
    a resumption."""
    body = record[9:]
    at = 2 + 32
    at += 1 + body[at]
    at += 2 + int.from_bytes(body[at:at + 2], "big")
    at += 1 + body[at]
    extensions = struct.pack("!HH", number, len(data)) + data + body[at + 2:]
    body = body[:at] + struct.pack("!H", len(extensions)) + extensions
    return (record[:3] + struct.pack("!H", len(body) + 4) + record[5:6] +
            len(body).to_bytes(3, "big") + body)
