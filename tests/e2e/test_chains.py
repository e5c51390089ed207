"""CNAME and DNAME chains in upstreams' answers, and what is kept of them."""
import dns.rdatatype
import pytest
from harness.nxgate import addresses, make_query, rcode
from harness.upstream import SOA, answer, nxdomain


def gate(nxgate, upstream, act, *arguments):
    up = upstream({"x.test": act, "www.d.x.test": act, "*": nxdomain()})
    return nxgate("--allow", "x.test", "--upstream", up.endpoint, *arguments)


def shape(response):
    return [(rrset.name.to_text(), dns.rdatatype.to_text(rrset.rdtype)) for rrset in response.answer]


CHAIN = ["@ 60 CNAME a.cdn.test.", "a.cdn.test 50 CNAME b.cdn.test.", "b.cdn.test 40 A 192.0.2.7"]
IN_ORDER = [("x.test.", "CNAME"), ("a.cdn.test.", "CNAME"), ("b.cdn.test.", "A")]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
def test_chain_comes_in_order_however_it_was_sent(nxgate, upstream, order):
    server = gate(nxgate, upstream, answer(*(CHAIN[i] for i in order)))
    for _ in range(2):  # from the upstream, then from the cache
        response = server.query("x.test")
        assert shape(response) == IN_ORDER and addresses(response) == ["192.0.2.7"]


@pytest.mark.parametrize("tcp", [False, True])
def test_chain_in_other_letter_case_is_followed(nxgate, upstream, tcp):
    server = gate(nxgate, upstream, answer(
        "X.TesT 60 CNAME A.cdn.TEST.", "a.CDN.test 60 A 192.0.2.7"))
    assert addresses(server.query("x.test", tcp=tcp)) == ["192.0.2.7"]


def test_dname_is_kept_with_its_cname(nxgate, upstream):
    server = gate(nxgate, upstream, answer(
        "d.x.test 60 DNAME cdn.test.", "@ 60 CNAME www.cdn.test.", "www.cdn.test 60 A 192.0.2.7"))
    response = server.query("www.d.x.test")
    assert shape(response) == [("d.x.test.", "DNAME"), ("www.d.x.test.", "CNAME"),
                               ("www.cdn.test.", "A")]


def test_dname_that_has_nothing_to_do_with_it_is_dropped(nxgate, upstream):
    server = gate(nxgate, upstream, answer(
        "bank.test 60 DNAME evil.test.", "@ 60 CNAME www.cdn.test.", "www.cdn.test 60 A 192.0.2.7"))
    assert shape(server.query("www.d.x.test")) == [("www.d.x.test.", "CNAME"),
                                                   ("www.cdn.test.", "A")]


def test_asked_for_the_cname_itself_the_chain_ends_there(nxgate, upstream):
    assert shape(gate(nxgate, upstream, answer(*CHAIN)).query("x.test", "CNAME")) == IN_ORDER[:1]


def test_chain_into_nowhere_keeps_chain_rcode_and_soa(nxgate, upstream):
    server = gate(nxgate, upstream, lambda received: received.reply(
        *CHAIN[:2], rcode="NXDOMAIN", authority=[f"cdn.test 60 SOA {SOA}"]))
    response = server.query("x.test")
    assert rcode(response) == "NXDOMAIN" and shape(response) == IN_ORDER[:2]
    assert [rrset.name.to_text() for rrset in response.authority] == ["cdn.test."]


def test_second_cname_of_one_name_is_dropped(nxgate, upstream):
    server = gate(nxgate, upstream, answer(
        "@ 60 CNAME a.cdn.test.", "@ 60 CNAME evil.test.", "a.cdn.test 60 A 192.0.2.7",
        "evil.test 60 A 192.0.2.66"))
    response = server.query("x.test")
    assert addresses(response) in (["192.0.2.7"], ["192.0.2.66"]) and len(response.answer[0]) == 1


def test_whole_chain_may_be_asked_for_afterwards_and_nothing_beside_it(nxgate, upstream):
    up = upstream({"x.test": answer(*CHAIN, "c.cdn.test 60 A 192.0.2.8"),
                   "*": answer("@ 60 A 192.0.2.9")})
    server = nxgate("--allow", "x.test", "--upstream", up.endpoint)
    server.query("x.test")
    for qname, granted in (("a.cdn.test", True), ("B.cdn.test", True), ("c.cdn.test", False),
                           ("cdn.test", False), ("z.b.cdn.test", False)):
        assert bool(addresses(server.query(qname))) == granted


def test_target_is_granted_by_a_cached_answer_too(nxgate, upstream):
    config = """
[server]
listen = ["127.0.0.1:PORT", { address = "127.0.0.2:PORT", policy = "other" }]
[cache]
scope = "shared"
[upstreams.default]
servers = ["%s"]
[policies.default]
allow = ["x.test"]
[policies.other]
allow = ["x.test"]
"""
    up = upstream({"x.test": answer(*CHAIN), "*": answer("@ 60 A 192.0.2.9")})
    server = nxgate(config=config % up.endpoint)

    def ask(qname, address):
        return addresses(server.ask(make_query(qname), address=address))

    assert ask("x.test", "127.0.0.1")
    assert not ask("b.cdn.test", "127.0.0.2")  # one policy's grant is not another's
    assert ask("x.test", "127.0.0.2") and up.count("x.test") == 1
    assert ask("b.cdn.test", "127.0.0.2")
