"""Actions of an upstream, or of somebody who poses as it, that no client may suffer from."""
import socket

import dns.flags
import dns.message
import dns.name
import dns.rrset

FORGED = "192.0.2.66"


def forged(change=lambda response: None):
    """A response that is right but for its address and what `change(response)` does to it."""
    def act(received):
        response = received.response(f"@ 60 A {FORGED}")
        change(response)
        received.send(response.to_wire())
    return act


def wrong_id():
    return forged(lambda response: setattr(response, "id", response.id ^ 0x5555))


def wrong_name():
    return forged(lambda response: _ask_instead(response, dns.name.from_text("other.test"), 1))


def wrong_type():
    return forged(lambda response: _ask_instead(response, response.question[0].name, 28))


def wrong_class():
    return forged(lambda response: _ask_instead(response, response.question[0].name, 1, 3))


def wrong_case():
    def change(response):
        name = dns.name.from_text(response.question[0].name.to_text().swapcase())
        _ask_instead(response, name, 1)
        response.answer = [dns.rrset.from_text(name, 60, "IN", "A", FORGED)]
    return forged(change)


def no_question():
    return forged(lambda response: response.question.clear())


def not_a_response():
    return forged(lambda response: setattr(response, "flags", response.flags & ~dns.flags.QR))


def other_opcode():
    return forged(lambda response: response.set_opcode(4))


def from_elsewhere(address):
    """The right answer from another address or port than was asked."""
    def act(received):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind((address, 0))
            other.sendto(received.response(f"@ 60 A {FORGED}").to_wire(), received.peer)
    return act


def raw(make):
    """The bytes of `make(good)`, where `good` is a right answer with one A record at its end."""
    def act(received):
        response = received.response("@ 60 A 192.0.2.1")
        response.use_edns(False)
        received.send(make(response.to_wire()))
    return act


def over_udp(action):
    """Whoever forges can't do so on a TCP connection that isn't his."""
    return lambda received: None if received.tcp else action(received)


def junk(size=40):
    return lambda received: received.send(bytes(size))


def times(count, *actions):
    """All of them, again and again."""
    return both(*actions * count)


def both(*actions):
    """One right after the other."""
    def act(received):
        for action in actions:
            action(received)
    return act


def _ask_instead(response, name, rdtype, rdclass=1):
    response.question = [dns.rrset.RRset(name, rdclass, rdtype)]
