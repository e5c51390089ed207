"""CNAME and DNAME chains in upstreams' answers, and what is kept of them."""
import dns.rdatatype
import pytest
from harness.nxgate import addresses, ede, make_query, rcode
from harness.upstream import SOA, answer, nxdomain
from harness.upstream import rcode as failure


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


def ends(nxgate, upstream, scripts, settings=""):
    """A server whose names go to two upstreams: x.test to one, the targets below cdn.test to another."""
    near, far = (upstream({**script, "*": nxdomain()}) for script in scripts)
    server = nxgate(config=f"""
[server]
listen = ["127.0.0.1:PORT"]
[upstreams.default]
servers = ["{near.endpoint}"]
[upstreams.far]
servers = ["{far.endpoint}"]
[policies.default]
allow = ["x.test"]
{settings}
routes = [{{ names = ["cdn.test"], upstream = "far" }}]
""")
    return server, near, far


def test_alias_alone_is_completed_from_the_upstream_of_its_target(nxgate, upstream):
    server, near, far = ends(nxgate, upstream, [
        {"x.test": answer("@ 60 CNAME a.cdn.test.")},
        {"a.cdn.test": answer("@ 50 CNAME b.cdn.test.", "b.cdn.test 40 A 192.0.2.7")}])
    for tcp in (False, True, False):
        response = server.query("x.test", tcp=tcp)
        assert shape(response) == IN_ORDER and addresses(response) == ["192.0.2.7"]
    assert near.count("a.cdn.test") == 0 and near.count("x.test") == far.count("a.cdn.test") == 1
    assert addresses(server.query("b.cdn.test")) == [], "granted, and asked of its own upstream"
    assert far.count("b.cdn.test") == 1
    assert rcode(server.query("c.cdn.test")) == "NXDOMAIN" and far.count("c.cdn.test") == 0


def test_links_of_many_zones_are_followed_to_the_eighth(nxgate, upstream):
    def lone(received):
        number = int(received.qname.lower()[1:].split(".")[0])
        received.reply(f"@ 60 CNAME n{number + 1}.cdn.test.")
    for length, found in ((8, True), (9, False)):
        script = {f"n{i}.cdn.test": lone for i in range(1, length)}
        script[f"n{length}.cdn.test"] = answer("@ 60 A 192.0.2.7")
        server, near, far = ends(nxgate, upstream, [{"x.test": answer("@ 60 CNAME n1.cdn.test.")}, script])
        response = server.query("x.test", edns=True)
        assert addresses(response) == (["192.0.2.7"] if found else [])
        if not found:
            assert rcode(response) == "SERVFAIL" and ede(response) and far.count() == 8


def test_chain_of_seventeen_is_a_failure(nxgate, upstream):
    def chain(links):
        names = ["x.test"] + [f"n{i}.cdn.test" for i in range(1, links + 1)]
        return answer(*(f"{a} 60 CNAME {b}." for a, b in zip(names, names[1:])),
                      f"{names[-1]} 60 A 192.0.2.7")
    assert addresses(gate(nxgate, upstream, chain(16)).query("x.test")) == ["192.0.2.7"]
    response = gate(nxgate, upstream, chain(17)).query("x.test", edns=True)
    assert rcode(response) == "SERVFAIL" and ede(response) and not response.answer


def test_loop_over_two_upstreams_is_a_failure(nxgate, upstream):
    server, near, far = ends(nxgate, upstream, [{"x.test": answer("@ 60 CNAME a.cdn.test.")},
                                                {"a.cdn.test": answer("@ 60 CNAME x.test.")}])
    response = server.query("x.test", edns=True)
    assert rcode(response) == "SERVFAIL" and ede(response) and near.count() == far.count() == 1


def test_target_that_a_rule_denies_is_not_asked_for(nxgate, upstream):
    server, near, far = ends(nxgate, upstream, [{"x.test": answer("@ 60 CNAME a.cdn.test.")},
                                                {"a.cdn.test": answer("@ 60 A 192.0.2.7")}],
                             'deny-names = ["a.cdn.test"]')
    response = server.query("x.test", edns=True)
    assert rcode(response) == "NXDOMAIN" and "a.cdn.test" in str(ede(response))
    assert far.count() == 0


def test_target_with_records_of_its_own_is_answered_by_them(nxgate, upstream):
    server, near, far = ends(nxgate, upstream, [{"x.test": answer("@ 60 CNAME db.cdn.test.")}, {}],
                             'records = ["db.cdn.test A 10.0.0.5"]')
    assert addresses(server.query("x.test")) == ["10.0.0.5"] and far.count() == 0
    assert addresses(server.query("x.test", "AAAA")) == []
    assert rcode(server.query("x.test", "AAAA")) == "NOERROR"


@pytest.mark.parametrize("end, expected", [
    (nxdomain(), "NXDOMAIN"), (answer(), "NOERROR"), (failure("SERVFAIL"), "SERVFAIL")],
    ids=["no such name", "no record", "failure"])
def test_an_open_chain_ends_as_its_target_does(nxgate, upstream, end, expected):
    server, near, far = ends(nxgate, upstream, [{"x.test": answer("@ 60 CNAME a.cdn.test.")},
                                                {"a.cdn.test": end}])
    response = server.query("x.test")
    assert rcode(response) == expected
    assert shape(response) == (IN_ORDER[:1] if expected != "SERVFAIL" else [])
