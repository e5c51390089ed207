"""Answers of nxgate's own: hosts files, records, the special names of RFC 6761."""
import dns.flags
import pytest
from harness.nxgate import addresses, ede, rcode, soa
from harness.timing import wait_for
from harness.upstream import answer

CONFIG = """
[server]
listen = ["127.0.0.1:PORT"]
[upstreams.default]
servers = ["%s"]
[policies.default]
allow = ["away.test"]
records = [%s]
"""


@pytest.fixture
def hosts(directory):
    path = directory / "hosts"
    path.write_text("# ours\n10.0.0.5 db.corp.test db\nfd00::5\tdb.corp.test\n10.0.0.6 web.corp.test\n")
    return path


def local(nxgate, *records, upstream="127.0.0.1:1"):
    return nxgate(config=CONFIG % (upstream, ", ".join(f"'{record}'" for record in records)))


def test_hosts_file_answers_forward(nxgate, hosts):
    server = nxgate("--hosts", hosts)
    response = server.query("DB.corp.test")
    assert addresses(response) == ["10.0.0.5"] and response.flags & dns.flags.AA
    assert addresses(server.query("db.corp.test", "AAAA")) == ["fd00::5"]
    assert addresses(server.query("db")) == ["10.0.0.5"]


def test_hosts_file_answers_reverse(nxgate, hosts):
    server = nxgate("--hosts", hosts)
    assert server.query("5.0.0.10.in-addr.arpa", "PTR").answer[0][0].target.to_text() == "db.corp.test."
    reverse = ".".join(reversed("fd00" + "0" * 27 + "5")) + ".ip6.arpa"
    assert server.query(reverse, "PTR").answer[0][0].target.to_text() == "db.corp.test."
    assert rcode(server.query("7.0.0.10.in-addr.arpa", "PTR")) == "NXDOMAIN"


def test_a_missing_type_of_a_local_name_is_nodata(nxgate, hosts):
    response = nxgate("--hosts", hosts).query("web.corp.test", "AAAA")
    assert rcode(response) == "NOERROR" and not response.answer
    assert soa(response).ttl == 10


def test_ancestor_of_a_local_name_is_nodata(nxgate, hosts):
    server = nxgate("--hosts", hosts)
    for qname in ("corp.test", "test", "0.0.10.in-addr.arpa", "arpa"):
        assert rcode(server.query(qname)) == "NOERROR", qname
    assert rcode(server.query("other.test")) == "NXDOMAIN"


def test_below_a_local_name_is_nothing(nxgate, hosts):
    assert rcode(nxgate("--hosts", hosts).query("a.db.corp.test")) == "NXDOMAIN"


def test_hosts_file_replaced_by_another_is_read_again(nxgate, hosts, directory):
    server = nxgate("--hosts", hosts)
    for address in ("10.0.1.1", "10.0.1.2", "10.0.1.3"):
        fresh = directory / "fresh"
        fresh.write_text(f"{address} db.corp.test\n")
        fresh.replace(hosts)
        wait_for(lambda: addresses(server.query("db.corp.test")) == [address], what="the new address")


def test_hosts_file_is_read_again_when_it_changes(nxgate, hosts):
    server = nxgate("--hosts", hosts)
    hosts.write_text("10.0.0.77 db.corp.test new.corp.test\n")
    wait_for(lambda: addresses(server.query("new.corp.test")) == ["10.0.0.77"], what="the new name")
    assert addresses(server.query("db.corp.test")) == ["10.0.0.77"]
    assert rcode(server.query("web.corp.test")) == "NXDOMAIN"


@pytest.mark.parametrize("qtype, record, expected", [
    ("A", "r.test A 10.0.0.5", "10.0.0.5"),
    ("AAAA", "r.test AAAA fd00::5", "fd00::5"),
    ("TXT", 'r.test TXT "v=1" "two words"', '"v=1" "two words"'),
    ("PTR", "r.test PTR host.corp.test", "host.corp.test."),
    ("SRV", "r.test SRV 1 2 5060 sip.corp.test", "1 2 5060 sip.corp.test."),
    ("MX", "r.test MX 10 mail.corp.test", "10 mail.corp.test."),
    ("CNAME", "r.test CNAME host.corp.test", "host.corp.test."),
])
def test_record_of_each_type(nxgate, qtype, record, expected):
    response = local(nxgate, record).query("r.test", qtype)
    assert [rdata.to_text() for rdata in response.answer[0]] == [expected]
    assert response.flags & dns.flags.AA


def test_record_with_a_ttl_of_its_own(nxgate):
    assert local(nxgate, "r.test 77 A 10.0.0.5").query("r.test").answer[0].ttl == 77


def test_several_records_make_one_rrset(nxgate):
    server = local(nxgate, "r.test A 10.0.0.5", "r.test A 10.0.0.6")
    assert addresses(server.query("r.test")) == ["10.0.0.5", "10.0.0.6"]


def test_wildcard_record(nxgate):
    server = local(nxgate, "*.w.test A 10.0.0.5")
    assert addresses(server.query("any.w.test")) == ["10.0.0.5"]
    assert addresses(server.query("two.deep.w.test")) == ["10.0.0.5"]
    assert server.query("any.w.test").answer[0].name.to_text() == "any.w.test."
    assert rcode(server.query("w.test")) == "NOERROR"
    assert rcode(server.query("xw.test")) == "NXDOMAIN"


def test_a_record_of_its_own_hides_the_wildcard(nxgate):
    server = local(nxgate, "*.w.test A 10.0.0.5", "own.w.test TXT here")
    assert rcode(server.query("own.w.test")) == "NOERROR"
    assert addresses(server.query("own.w.test")) == []


def test_a_wildcard_cname_leads_to_an_upstream(nxgate, upstream):
    up = upstream({"away.test": answer("@ 60 A 192.0.2.1")})
    response = local(nxgate, "*.w.test CNAME away.test", upstream=up.endpoint).query("any.w.test")
    assert [rrset.name.to_text() for rrset in response.answer] == ["any.w.test.", "away.test."]
    assert addresses(response) == ["192.0.2.1"]


def test_ancestor_of_a_record_is_nodata(nxgate):
    server = local(nxgate, "a.b.c.test TXT x", "*.w.v.test A 10.0.0.5")
    for qname in ("b.c.test", "c.test", "test", "w.v.test", "v.test", "."):
        response = server.query(qname, "TXT")
        assert rcode(response) == "NOERROR" and not response.answer, qname
        assert soa(response).ttl == 10


def test_a_missing_type_of_a_record_is_nodata_with_aa(nxgate):
    response = local(nxgate, "r.test MX 10 mail.test").query("r.test", "A")
    assert rcode(response) == "NOERROR" and not response.answer
    assert soa(response).ttl == 10 and response.flags & dns.flags.AA


def test_local_cname_is_followed_to_local_data(nxgate):
    response = local(nxgate, "c.test CNAME r.test", "r.test A 10.0.0.5").query("c.test")
    assert response.answer[0][0].to_text() == "r.test."
    assert addresses(response) == ["10.0.0.5"]


def test_local_cname_is_followed_to_an_upstream(nxgate, upstream):
    up = upstream({"away.test": answer("@ 60 A 192.0.2.1")})
    response = local(nxgate, "c.test CNAME away.test", upstream=up.endpoint).query("C.test")
    assert [rrset.name.to_text() for rrset in response.answer] == ["C.test.", "away.test."]
    assert addresses(response) == ["192.0.2.1"]


def test_a_loop_of_local_cnames_ends(nxgate):
    server = local(nxgate, "a.test CNAME b.test", "b.test CNAME a.test")
    assert rcode(server.query("a.test")) in ("NOERROR", "SERVFAIL")
    assert addresses(server.query("a.test")) == []


def test_localhost_is_loopback(nxgate):
    server = nxgate()
    for qname in ("localhost", "a.b.localhost"):
        assert addresses(server.query(qname)) == ["127.0.0.1"]
        assert addresses(server.query(qname, "AAAA")) == ["::1"]
    for qname in ("1.0.0.127.in-addr.arpa", "1." + "0." * 31 + "ip6.arpa"):
        assert server.query(qname, "PTR").answer[0][0].to_text() == "localhost."
    response = server.query("localhost", "TXT")
    assert rcode(response) == "NOERROR" and not response.answer


def test_invalid_and_onion_never_leave(nxgate, upstream):
    up = upstream({})
    server = nxgate("--allow", ". force", "--upstream", up.endpoint)
    for qname in ("x.invalid", "x.onion"):
        assert rcode(server.query(qname)) == "NXDOMAIN"
    assert up.count() == 0


def test_local_data_goes_before_an_upstream(nxgate, upstream):
    up = upstream({"away.test": answer("@ 60 A 192.0.2.1")})
    server = local(nxgate, "away.test A 10.0.0.5", upstream=up.endpoint)
    assert addresses(server.query("away.test")) == ["10.0.0.5"]
    assert up.count() == 0


WIDE = """
[server]
listen = ["127.0.0.1:PORT"]
[upstreams.default]
servers = ["{}"]
[upstreams.near]
servers = ["{}"]
[policies.default]
allow = [". force"{}]
{}
"""


def ask_in(inside, server, qname, **options):
    return inside.call(lambda: server.query(qname, **options))


def wide(nxgate, up, near, settings="", allow="", **options):
    return nxgate(config=WIDE.format(up, near, allow and f', "{allow}"', settings), **options)


def test_resolver_arpa_is_answered_here(nxgate, upstream):
    """../shared/cases/ddr.toml: a client that discovers the upstream's resolver leaves for it."""
    up = upstream({"*": answer("@ 60 SVCB 1 dns.upstream.test. alpn=dot")})
    server = wide(nxgate, up.endpoint, up.endpoint, 'deny-names = ["ads.example"]')
    for qname, qtype in (("_dns.resolver.arpa", "SVCB"), ("resolver.arpa", "A"), ("x.resolver.arpa", "A")):
        response = server.query(qname, qtype)
        assert rcode(response) == "NOERROR" and not response.answer and response.authority
    assert up.count() == 0
    ruled = nxgate("--allow", "_dns.resolver.arpa", "--upstream", up.endpoint)
    assert not ruled.query("_dns.resolver.arpa", "SVCB").answer and up.count() == 0
    routed = wide(nxgate, up.endpoint, up.endpoint, 'routes = [{ names = ["resolver.arpa"], upstream = "near" }]')
    assert routed.query("_dns.resolver.arpa", "SVCB").answer


@pytest.mark.parametrize("name", ["use-application-dns.net", "mask.icloud.com", "mask-h2.icloud.com"])
def test_canaries_are_denied_where_anything_is(nxgate, upstream, name):
    up = upstream({"*": answer("@ 60 A 192.0.2.1")})
    assert addresses(wide(nxgate, up.endpoint, up.endpoint).query(name))
    server = wide(nxgate, up.endpoint, up.endpoint, 'deny-names = ["ads.example"]')
    assert rcode(server.query(name)) == "NXDOMAIN" and addresses(server.query("icloud.com"))
    assert addresses(wide(nxgate, up.endpoint, up.endpoint,
                          'deny-names = ["ads.example"]', allow=name).query(name))


PRIVATE = ["printer.local", "nas.home.arpa", "wpad", "ipv4only.arpa", "1.0.0.10.in-addr.arpa",
           "1.1.168.192.in-addr.arpa", "1.1.20.172.in-addr.arpa", "1.1.254.169.in-addr.arpa",
           "1.1.100.100.in-addr.arpa", "1.0.0.0.d.f.ip6.arpa", "x.b.e.f.ip6.arpa"]


def test_private_names_go_to_no_public_server(nxgate, upstream, namespace):
    """The namespace stands for the internet, with a public address of its own."""
    internet = namespace("internet")
    internet.run("ip", "address", "add", "9.9.9.9/32", "dev", "lo", check=True)
    public = upstream({"*": answer("@ 60 A 192.0.2.1")}, address="9.9.9.9", namespace=internet)
    near = upstream({"*": answer("@ 60 A 192.0.2.2")}, namespace=internet)
    server = wide(nxgate, public.endpoint, near.endpoint, namespace=internet)
    for name in PRIVATE:
        response = ask_in(internet, server, name, edns=True)
        assert rcode(response) == "NXDOMAIN" and "special name" in str(ede(response)), name
    assert public.count() == 0
    assert addresses(ask_in(internet, server, "www.example")) == ["192.0.2.1"]
    assert "special name" in server.operate("explain", "printer.local", check=False).stdout
    server = wide(nxgate, public.endpoint, near.endpoint, namespace=internet,
                  settings='routes = [{ names = ["."], upstream = "near" }]')
    for name in PRIVATE:
        assert addresses(ask_in(internet, server, name)) == ["192.0.2.2"], name
    server = wide(nxgate, public.endpoint, near.endpoint, namespace=internet,
                  settings='routes = [{ names = ["local"], upstream = "default" }]')
    assert addresses(ask_in(internet, server, "printer.local")) == ["192.0.2.1"], "the route says so"
