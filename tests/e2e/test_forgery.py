"""Answers that don't count, and what is cut from those that do: RFC 5452, RFC 2181 section 5.4.1."""

import itertools

import pytest
from harness import hostile
from harness.hostile import FORGED, both, over_udp
from harness.nxgate import addresses, rcode
from harness.timing import Stopwatch, within
from harness.upstream import after, answer, nxdomain

GOOD = answer("@ 60 A 192.0.2.1")


def gate(nxgate, up, allow="x.test"):
    return nxgate("--allow", allow, "--upstream", up.endpoint)


@pytest.mark.parametrize("forgery", [
    hostile.wrong_name(), hostile.wrong_type(), hostile.wrong_class(), hostile.wrong_case(),
    hostile.no_question(), hostile.not_a_response(), hostile.other_opcode(), hostile.wrong_id(),
    hostile.junk(5), hostile.junk(40), hostile.from_elsewhere("127.0.0.1"),
    hostile.from_elsewhere("127.0.0.2"),
], ids=["name", "type", "class", "case", "no question", "query", "opcode", "id", "short", "junk",
        "port", "address"])
def test_forged_answer_is_waited_past(nxgate, upstream, forgery):
    up = upstream({"x.test": both(over_udp(forgery), after(0.05, GOOD))})
    server = gate(nxgate, up)
    with Stopwatch() as watch:
        assert addresses(server.query("x.test")) == ["192.0.2.1"]
    assert watch.seconds < within(1)
    assert addresses(server.query("x.test")) != [FORGED]


@pytest.mark.parametrize("flood", [
    hostile.times(20, hostile.wrong_case(), hostile.wrong_name(), hostile.junk(12)),
    hostile.times(100, hostile.junk(3), hostile.not_a_response()),
    hostile.times(40, hostile.from_elsewhere("127.0.0.2"), hostile.wrong_id()),
], ids=["some", "much", "guesses"])
def test_flood_of_forgeries_is_waited_past(nxgate, upstream, flood):
    server = gate(nxgate, upstream({"x.test": both(over_udp(flood), GOOD)}))
    for _ in range(2):
        assert addresses(server.query("x.test")) == ["192.0.2.1"]


def test_forgery_is_not_cached(nxgate, upstream):
    up = upstream({"x.test": both(over_udp(hostile.wrong_id()), over_udp(hostile.wrong_case()),
                                  over_udp(hostile.wrong_type()), GOOD), "*": nxdomain()})
    server = gate(nxgate, up, "test force")
    assert addresses(server.query("x.test")) == ["192.0.2.1"]
    for qname, qtype in (("x.test", "AAAA"), ("other.test", "A"), ("x.test", "TXT")):
        assert FORGED not in str(server.query(qname, qtype))


@pytest.mark.parametrize("forgery", [
    hostile.wrong_name(), hostile.wrong_case(), hostile.from_elsewhere("127.0.0.2")],
    ids=["name", "case", "address"])
def test_forged_answer_alone_is_no_answer(nxgate, upstream, forgery):
    response = gate(nxgate, upstream({"x.test": forgery})).query("x.test")
    assert rcode(response) == "SERVFAIL" and not response.answer


def test_wrong_id_moves_the_question_to_tcp(nxgate, upstream):
    up = upstream({"x.test": lambda r: (GOOD if r.tcp else hostile.wrong_id())(r)})
    assert addresses(gate(nxgate, up).query("x.test")) == ["192.0.2.1"]
    assert [r.tcp for r in up.received][:2] == [False, True]


@pytest.mark.parametrize("forgery", [hostile.wrong_id(), hostile.wrong_name(), hostile.wrong_type()])
def test_forged_answer_over_tcp_does_not_count(nxgate, upstream, forgery):
    up = upstream({"x.test": forgery})
    response = nxgate("--allow", "x.test", "--upstream", f"tcp://{up.endpoint}").query("x.test")
    assert rcode(response) == "SERVFAIL" and not response.answer


@pytest.mark.parametrize("make", [
    lambda good: good[:-1],
    lambda good: good + b"x",
    lambda good: good[:6] + b"\0\x09" + good[8:],
    lambda good: good[:-6] + b"\xff\xff" + good[-4:],
    lambda good: good[:-6] + b"\0\3" + good[-4:-1],
    lambda good: good[:-16] + b"\xc0\xfe" + good[-14:],
    lambda good: good[:-16] + b"\xc0" + bytes([len(good) - 16]) + good[-14:],
], ids=["cut short", "trailing byte", "record count", "rdlength beyond the end", "A of three bytes",
        "pointer forward", "pointer to itself"])
def test_malformed_answer_is_a_failure_and_never_passed_on(nxgate, upstream, make):
    bad, good = upstream({"x.test": hostile.raw(make)}), upstream({"x.test": GOOD})
    lonely = gate(nxgate, bad)
    response = lonely.query("x.test")
    assert rcode(response) == "SERVFAIL" and not response.answer
    helped = nxgate("--allow", "x.test", "--upstream", f"{bad.endpoint},{good.endpoint}")
    assert addresses(helped.query("x.test")) == ["192.0.2.1"]


@pytest.mark.parametrize("forgery", [hostile.raw(lambda good: good[:-1]), hostile.wrong_id()],
                         ids=["cut short", "wrong id"])
@pytest.mark.parametrize("tcp", [True, False], ids=["tcp", "no tcp"])
def test_the_true_answer_behind_a_forged_one_is_found(nxgate, upstream, forgery, tcp):
    """By TCP, else by another try over UDP."""
    turn = itertools.count()
    up = upstream({"x.test": lambda r: (GOOD if r.tcp or next(turn) else forgery)(r)}, tcp=tcp)
    assert addresses(gate(nxgate, up).query("x.test")) == ["192.0.2.1"]
    assert [r.tcp for r in up.received] == [False, tcp]


def test_records_that_were_not_asked_for_are_dropped(nxgate, upstream):
    poison = answer("@ 60 A 192.0.2.1", f"bank.test 86400 A {FORGED}", "@ 60 TXT extra",
                    authority=["x.test 86400 NS ns.evil.test."],
                    additional=[f"ns.evil.test 86400 A {FORGED}"])
    up = upstream({"x.test": poison, "*": nxdomain()})
    server = gate(nxgate, up, "test force")
    response = server.query("x.test", edns=True)
    assert addresses(response) == ["192.0.2.1"] and len(response.answer) == 1
    assert not response.authority and not response.additional
    for qname in ("bank.test", "ns.evil.test"):
        assert addresses(server.query(qname)) == []


@pytest.mark.parametrize("sections", [
    {"authority": ["bank.test 86400 A 192.0.2.66"]},
    {"authority": ["test 86400 NS ns.evil.test."], "additional": ["ns.evil.test 60 A 192.0.2.66"]},
    {"additional": ["x.test 86400 A 192.0.2.66", "bank.test 86400 A 192.0.2.66"]},
], ids=["authority", "delegation", "additional"])
def test_answer_that_only_poisons_is_empty(nxgate, upstream, sections):
    up = upstream({"x.test": lambda r: r.reply(**sections), "*": nxdomain()})
    server = gate(nxgate, up, "test force")
    for qname in ("x.test", "bank.test", "ns.evil.test"):
        assert FORGED not in str(server.query(qname, edns=True))
    assert up.count("bank.test") == 1


def test_cname_chain_is_kept_in_order(nxgate, upstream):
    up = upstream({"x.test": answer("@ 60 CNAME a.cdn.test.", "a.cdn.test 50 CNAME b.cdn.test.",
                                    "b.cdn.test 40 A 192.0.2.7", "c.cdn.test 40 A 192.0.2.8")})
    response = gate(nxgate, up).query("x.test")
    assert [rrset.name.to_text() for rrset in response.answer] == [
        "x.test.", "a.cdn.test.", "b.cdn.test."]
    assert addresses(response) == ["192.0.2.7"]


def test_target_of_an_allowed_name_may_be_asked_for_afterwards(nxgate, upstream):
    up = upstream({"x.test": answer("@ 60 CNAME a.cdn.test.", "a.cdn.test 60 A 192.0.2.7"),
                   "a.cdn.test": answer("@ 60 A 192.0.2.7")})
    server = gate(nxgate, up)
    assert rcode(server.query("a.cdn.test")) == "NXDOMAIN"
    server.query("x.test")
    assert addresses(server.query("a.cdn.test")) == ["192.0.2.7"]
    assert rcode(server.query("b.cdn.test")) == "NXDOMAIN"
    assert rcode(server.query("x.a.cdn.test")) == "NXDOMAIN"


def test_a_denied_target_stays_denied(nxgate, upstream):
    up = upstream({"x.test": answer("@ 60 CNAME bad.test.", "bad.test 60 A 192.0.2.7")})
    server = nxgate("--allow", "x.test", "--deny", "bad.test", "--upstream", up.endpoint)
    server.query("x.test")
    assert rcode(server.query("bad.test")) == "NXDOMAIN"


def test_a_cname_loop_ends(nxgate, upstream):
    up = upstream({"x.test": answer("@ 60 CNAME a.x.test.", "a.x.test 60 CNAME x.test.")})
    assert addresses(gate(nxgate, up).query("x.test")) == []


def test_unknown_type_is_byte_exact(nxgate, upstream):
    up = upstream({"x.test": answer(r"@ 60 TYPE65280 \# 6 c00c00ff0102")})
    (rrset,) = gate(nxgate, up).query("x.test", "TYPE65280").answer
    assert rrset[0].data == bytes.fromhex("c00c00ff0102")


def test_https_is_byte_exact(nxgate, upstream):
    text = "1 . alpn=h2,h3 ipv4hint=192.0.2.1 key65400=abc"
    up = upstream({"x.test": answer(f"@ 60 HTTPS {text}")})
    (rrset,) = gate(nxgate, up).query("x.test", "HTTPS").answer
    assert rrset[0].to_text() == '1 . alpn="h2,h3" ipv4hint="192.0.2.1" key65400="abc"'


def test_a_thousand_records_arrive_over_tcp(nxgate, upstream):
    up = upstream({"x.test": answer(*(f"@ 60 A 10.0.{i // 250}.{i % 250}" for i in range(1000)))})
    server = nxgate("--allow", "x.test", "--upstream", f"tcp://{up.endpoint}")
    assert len(addresses(server.query("x.test", tcp=True))) == 1000


def test_ttl_with_its_top_bit_never_leaves(nxgate, upstream):
    up = upstream({"x.test": hostile.raw(lambda good: good[:-10] + b"\xff" * 4 + good[-6:])})
    response = gate(nxgate, up).query("x.test")
    assert response.answer[0].ttl == 0


def test_thousands_of_mangled_answers_leave_it_answering(nxgate, upstream):
    import random
    dice = random.Random(3)

    def act(received):
        wire = bytearray(received.response("@ 60 CNAME c.x.test.", "c.x.test 60 A 192.0.2.1",
                                           authority=["x.test 60 NS ns.x.test."]).to_wire())
        start = 12 + len(received.wire) - 12 - 11  # leave what makes it ours
        for _ in range(dice.randrange(1, 8)):
            wire[dice.randrange(start, len(wire))] = dice.randrange(256)
        received.send(bytes(wire))

    server = gate(nxgate, upstream({"*": act}))
    for i in range(300):
        server.query(f"n{i}.x.test")
    assert rcode(server.query("behind.test")) == "NXDOMAIN"
    assert server.process.poll() is None
