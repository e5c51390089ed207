"""Upstreams that can't take what is usual: EDNS, the mixed letters of a question."""
import itertools

import dns.message
import dns.name
import dns.rrset
import pytest
from harness.nxgate import addresses, rcode
from harness.timing import Stopwatch, wait_for, within
from harness.upstream import answer, silent

GOOD = answer("@ 60 A 192.0.2.1")


def gate(nxgate, up, *options):
    return nxgate("--allow", "x.test,10.in-addr.arpa", "--upstream", up.endpoint, *options)


def without_edns(refusal):
    """GOOD without an OPT, else that refusal."""
    def act(received):
        (GOOD if received.message.edns < 0 else refusal)(received)
    return act


def header_alone(code):
    """The query's id and an rcode, as of a server that reads no further."""
    def act(received):
        received.send(received.wire[:2] + bytes([0x80, code]) + bytes(8))
    return act


def plain(code):
    def act(received):
        response = received.response(rcode=code)
        response.use_edns(False)
        received.send(response.to_wire())
    return act


@pytest.mark.parametrize("refusal", [plain("FORMERR"), plain("NOTIMP"), header_alone(1), header_alone(4)],
                         ids=["FORMERR", "NOTIMP", "FORMERR, header alone", "NOTIMP, header alone"])
def test_who_refuses_edns_is_asked_without(nxgate, upstream, refusal, request):
    up = upstream({"*": without_edns(refusal)})
    server = gate(nxgate, up)
    with Stopwatch() as watch:
        for i in range(5):
            assert addresses(server.query(f"n{i}.x.test")) == ["192.0.2.1"]
    assert watch.seconds < within(0.5)
    # A header alone could be anybody's: it is believed when it was seen twice.
    assert up.count() == (7 if request.node.callspec.id.endswith("alone") else 6)
    assert "no EDNS" in server.operate("status").stdout


def test_who_is_silent_to_edns_is_asked_without_when_that_was_seen_twice(nxgate, upstream):
    up = upstream({"*": without_edns(silent())})
    server = gate(nxgate, up)
    for i in range(2):
        with Stopwatch() as watch:
            assert addresses(server.query(f"n{i}.x.test")) == ["192.0.2.1"]
        assert watch.seconds < within(1)
    with Stopwatch() as watch:
        for i in range(2, 7):
            assert addresses(server.query(f"n{i}.x.test")) == ["192.0.2.1"]
    assert watch.seconds < within(0.5)
    assert "no EDNS" in server.operate("status").stdout


def test_who_answers_edns_is_asked_with_it_whatever_it_says_to_one_name(nxgate, upstream):
    up = upstream({"*": GOOD, "bad.x.test": plain("FORMERR")})
    server = gate(nxgate, up)
    assert addresses(server.query("a.x.test"))
    assert rcode(server.query("bad.x.test")) == "SERVFAIL"
    assert addresses(server.query("b.x.test"))
    assert up.received[-1].message.edns == 0
    assert "no EDNS" not in server.operate("status").stdout


def with_letters(change):
    """GOOD for a question whose letters have become others."""
    def act(received):
        query = dns.message.from_wire(received.wire)
        query.question[0].name = dns.name.from_text(change(received.question.name.to_text()))
        response = dns.message.make_response(query, recursion_available=True)
        response.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", "A", "192.0.2.1"))
        received.send(response.to_wire())
    return act


@pytest.mark.parametrize("tcp", [True, False], ids=["with TCP", "without TCP"])
@pytest.mark.parametrize("change, first_fails", [(str.lower, False), (str.upper, True)],
                         ids=["small", "capital"])
def test_who_changes_letters_is_asked_in_small_ones(nxgate, upstream, change, first_fails, tcp):
    up = upstream({"*": with_letters(change)}, tcp=tcp)
    server = gate(nxgate, up)
    numbers = itertools.count()

    def works():
        return addresses(server.query(f"longer-name-{next(numbers)}.x.test")) == ["192.0.2.1"]
    assert works() or first_fails
    wait_for(lambda: works() and "changes letters" in server.operate("status").stdout, timeout=3,
             what="small letters")
    asked = up.count()
    with Stopwatch() as watch:
        assert all(works() for _ in range(10))
    assert watch.seconds < within(0.5)
    assert up.count() == asked + 10
    assert all(r.qname == r.qname.lower() and not r.tcp for r in up.received[-10:])


def test_reverse_names_are_small_at_loopback(nxgate, upstream):
    """Docker's resolver before 24.0 looks for `in-addr.arpa` by its letters."""
    up = upstream({"*": answer("@ 60 PTR host.x.test.")})
    server = gate(nxgate, up)
    for i in range(5):
        assert server.query(f"{i}.0.0.10.in-addr.arpa", "PTR").answer
    names = [r.qname for r in up.received if r.qname != "."]
    assert len(names) == 5 and names == [name.lower() for name in names]
    for i in range(5):
        server.query(f"longer-name-{i}.x.test")
    names = [r.qname for r in up.received if "x.test" in r.qname.lower()]
    assert len(names) == 5 and names != [name.lower() for name in names], "others are mixed"
