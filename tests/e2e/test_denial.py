"""Denied names: semantics.md section 3, points 1, 2, 4, 6 and 10."""
import dns.flags
import dns.message
import pytest
from harness.nxgate import addresses, ede, make_query, rcode, soa


@pytest.mark.parametrize("tcp", [False, True])
@pytest.mark.parametrize("qtype", ["A", "AAAA", "TXT", "HTTPS", "ANY", "TYPE65280"])
def test_denied_name_is_an_authoritative_nxdomain(nxgate, qtype, tcp):
    response = nxgate().query("www.example.com", qtype, tcp=tcp)
    assert rcode(response) == "NXDOMAIN"
    assert response.flags & dns.flags.AA and response.flags & dns.flags.RA
    assert response.flags & dns.flags.RD
    assert not response.flags & (dns.flags.TC | dns.flags.AD)
    assert not response.answer and not response.additional


def test_soa_has_ttl_and_minimum_of_ten_seconds(nxgate):
    record = soa(nxgate().query("www.example.com"))
    assert record.ttl == record[0].minimum == 10


def test_negative_ttl_is_configurable(nxgate):
    server = nxgate(config='[server]\nlisten = ["127.0.0.1:PORT"]\n'
                           '[policies.default]\nnegative-ttl = "77s"\n')
    record = soa(server.query("www.example.com"))
    assert record.ttl == record[0].minimum == 77


def test_rd_is_copied(nxgate):
    assert not nxgate().query("www.example.com", rd=False).flags & dns.flags.RD


def test_question_is_echoed_in_the_clients_own_case(nxgate):
    wire = make_query("wWw.ExAmPlE.CoM").to_wire()
    reply = nxgate().exchange(wire)
    assert reply[12:12 + len(wire) - 12] == wire[12:]


def test_no_opt_unless_the_query_had_one(nxgate):
    server = nxgate()
    assert server.query("www.example.com").edns == -1
    assert server.query("www.example.com", edns=True).edns == 0


def test_blocked_names_policy_and_rule(nxgate):
    server = nxgate("--allow", "example.com", "--deny", "ads.example.com")
    assert ede(server.query("x.test", edns=True)) == [(15, "policy=default rule=default")]
    assert ede(server.query("x.ads.example.com", edns=True)) == [
        (15, "policy=default rule=ads.example.com")]


def test_root_and_ancestors_of_allowed_names_are_nodata(nxgate):
    server = nxgate("--allow", "api.example.com", "--upstream", "127.0.0.1:1")
    for qname in (".", "com", "example.com"):
        response = server.query(qname)
        assert rcode(response) == "NOERROR" and not response.answer
        assert soa(response).ttl == 10
    for qname in ("net", "www.example.com", "example.org"):
        assert rcode(server.query(qname)) == "NXDOMAIN"


def test_root_is_nodata_even_without_any_rule(nxgate):
    for qtype in ("A", "NS", "SOA", "DNSKEY"):
        assert rcode(nxgate().query(".", qtype)) == "NOERROR"


CONFIG = """
[server]
listen = ["127.0.0.1:PORT"]
[policies.default]
deny = "%s"
%s
"""


@pytest.mark.parametrize("deny, expected", [
    ("nxdomain", "NXDOMAIN"), ("nodata", "NOERROR"), ("refused", "REFUSED")])
def test_deny_options(nxgate, deny, expected):
    response = nxgate(config=CONFIG % (deny, "")).query("x.test")
    assert rcode(response) == expected and not response.answer


def test_deny_by_silence(nxgate):
    server = nxgate(config=CONFIG % ("drop", ""))
    assert server.exchange(make_query("x.test").to_wire(), timeout=0.5) is None


def test_deny_by_address(nxgate):
    server = nxgate(config=CONFIG % (
        "address", 'deny-addresses = ["192.0.2.1", "2001:db8::1"]'))
    assert addresses(server.query("x.test", "A")) == ["192.0.2.1"]
    assert addresses(server.query("x.test", "AAAA")) == ["2001:db8::1"]
    assert rcode(server.query("x.test", "TXT")) == "NOERROR"


def test_client_that_no_policy_covers_is_prohibited(nxgate):
    server = nxgate(config='[server]\nlisten = ["127.0.0.1:PORT"]\n[policies.ci]\n'
                           '[[clients]]\nfrom = ["10.0.0.0/8"]\npolicy = "ci"\n')
    response = server.query("x.test", edns=True)
    assert rcode(response) == "NXDOMAIN"
    assert ede(response)[0][0] == 18


def test_ipv6_client(nxgate):
    server = nxgate(listen=["[::1]:PORT"])
    assert rcode(server.ask(make_query("x.test"), address="::1")) == "NXDOMAIN"
    assert rcode(server.ask(make_query("x.test"), address="::1", tcp=True)) == "NXDOMAIN"
