"""Messages of nf_tables, made by hand."""
import struct

_BEGIN, _END = 16, 17
_NEW_TABLE, _GET_TABLE, _DELETE_TABLE, _NEW_CHAIN, _NEW_RULE, _DELETE_RULE = (
    10 << 8 | kind for kind in (0, 1, 2, 3, 6, 8))
_REQUEST, _CREATE, _APPEND, _NESTED = 1, 0x400, 0x800, 0x8000
_NFTABLES, _INET = 10, 1


def _message(kind, family, resource, attributes=b"", flags=0):
    body = struct.pack("=BB", family, 0) + struct.pack("!H", resource) + attributes
    return struct.pack("=IHHII", 16 + len(body), kind, _REQUEST | flags, 1, 0) + body


def _attribute(kind, value):
    attribute = struct.pack("=HH", 4 + len(value), kind) + value
    return attribute + b"\0" * (-len(attribute) % 4)


def _text(kind, text):
    return _attribute(kind, text.encode() + b"\0")


#: A request for the list of tables, as nxgate makes it.
LIST_TABLES = _message(_GET_TABLE, 0, 0, flags=0x300)


def batch(messages):
    """A whole transaction."""
    return _message(_BEGIN, 0, _NFTABLES) + messages + _message(_END, 0, _NFTABLES)


def delete_table(name):
    """A whole transaction that deletes a table of family inet."""
    return batch(_message(_DELETE_TABLE, _INET, 0, _text(1, name)))


def add_chain(table, name, kind, hook, priority, table_too=False):
    """A whole transaction that hooks a chain into a table of family inet, which it may make as well."""
    where = _attribute(1, struct.pack("!I", hook)) + _attribute(2, struct.pack("!i", priority))
    chain = _message(_NEW_CHAIN, _INET, 0, _text(1, table) + _text(3, name) + _attribute(4 | _NESTED, where) +
                     _text(7, kind), _CREATE)
    made = _message(_NEW_TABLE, _INET, 0, _text(1, table), _CREATE) if table_too else b""
    return batch(made + chain)


def add_rule(table, chain):
    """A message that appends a rule without any expression."""
    return _message(_NEW_RULE, _INET, 0, _text(1, table) + _text(2, chain) + _attribute(4 | _NESTED, b""),
                    _CREATE | _APPEND)


def delete_rules(table, chain):
    """A message that deletes all rules of a chain."""
    return _message(_DELETE_RULE, _INET, 0, _text(1, table) + _text(2, chain))
