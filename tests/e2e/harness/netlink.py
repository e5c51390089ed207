"""Messages of nf_tables, made by hand."""
import struct

_BEGIN, _END, _DELETE_TABLE = 16, 17, 10 << 8 | 2
_REQUEST = 1
_NFTABLES, _INET = 10, 1


def _message(kind, family, resource, attributes=b""):
    body = struct.pack("=BB", family, 0) + struct.pack("!H", resource) + attributes
    return struct.pack("=IHHII", 16 + len(body), kind, _REQUEST, 1, 0) + body


def delete_table(name):
    """A whole transaction that deletes a table of family inet."""
    text = name.encode() + b"\0"
    attribute = struct.pack("=HH", 4 + len(text), 1) + text
    attribute += b"\0" * (-len(attribute) % 4)
    return (_message(_BEGIN, 0, _NFTABLES) + _message(_DELETE_TABLE, _INET, 0, attribute) +
            _message(_END, 0, _NFTABLES))
