"""Targets of SRV, MX, SVCB, HTTPS and NAPTR records of allowed names."""
import pytest
from harness.nxgate import addresses, ede, rcode
from harness.upstream import answer, by_type, nodata, nxdomain

HOST = by_type(A=answer("@ 60 A 192.0.2.7"), AAAA=answer("@ 60 AAAA 2001:db8::7"), TXT=answer("@ 60 TXT secret"),
               HTTPS=answer("@ 60 HTTPS 1 ."))
#: By type, what x.test has: each leads to host.far.test.
RECORDS = {
    "SRV": "@ 60 SRV 0 0 5222 host.far.test.",
    "MX": "@ 60 MX 10 host.far.test.",
    "SVCB": "@ 60 SVCB 1 host.far.test. port=8443",
    "HTTPS": "@ 60 HTTPS 0 host.far.test.",
    "NAPTR": '@ 60 NAPTR 10 10 "a" "x-sip" "" host.far.test.',
}


def gate(nxgate, upstream, settings="", **names):
    up = upstream({"x.test": by_type(**{t: answer(r) for t, r in RECORDS.items()}), "host.far.test": HOST,
                   **{name.replace("_", "-") + ".test": act for name, act in names.items()}, "*": nxdomain()})
    server = nxgate(config=f"""
[server]
listen = ["127.0.0.1:PORT"]
[upstreams.default]
servers = ["{up.endpoint}"]
[policies.default]
allow = ["x.test"]
{settings}
""")
    return server, up


@pytest.mark.parametrize("qtype", RECORDS)
def test_target_resolves_once_it_was_told(nxgate, upstream, qtype):
    server, up = gate(nxgate, upstream)
    assert rcode(server.query("host.far.test")) == "NXDOMAIN"
    for _ in range(2):  # from the upstream, then from the cache
        assert server.query("x.test", qtype).answer
        assert addresses(server.query("host.far.test")) == ["192.0.2.7"]
        assert addresses(server.query("host.far.test", "AAAA")) == ["2001:db8::7"]
    assert rcode(server.query("far.test")) == rcode(server.query("a.host.far.test")) == "NXDOMAIN"


def test_target_has_no_other_type(nxgate, upstream):
    server, up = gate(nxgate, upstream)
    server.query("x.test", "SRV")
    for qtype in ("TXT", "HTTPS", "SRV", "MX"):
        response = server.query("host.far.test", qtype, edns=True)
        assert rcode(response) == "NOERROR" and not response.answer
        assert "rule=granted addresses only" in str(ede(response))
    assert up.count("host.far.test") == 0


def test_chain_of_a_target_is_granted_likewise(nxgate, upstream):
    up = upstream({"x.test": answer("@ 60 SRV 0 0 5222 alias.far.test."),
                   "alias.far.test": by_type(A=answer("@ 60 CNAME host.far.test.", "host.far.test 60 A 192.0.2.7")),
                   "host.far.test": HOST})
    server = nxgate("--allow", "x.test", "--upstream", up.endpoint)
    server.query("x.test", "SRV")
    assert addresses(server.query("alias.far.test")) == ["192.0.2.7"]
    assert addresses(server.query("host.far.test")) == ["192.0.2.7"]
    assert not server.query("host.far.test", "TXT").answer


def test_service_of_a_target_leads_no_further(nxgate, upstream):
    up = upstream({"x.test": answer("@ 60 SRV 0 0 5222 host.far.test."),
                   "host.far.test": by_type(SRV=answer("@ 60 SRV 0 0 5222 other.test."), A=nodata()),
                   "*": answer("@ 60 A 192.0.2.9")})
    server = nxgate("--allow", "x.test", "--upstream", up.endpoint)
    server.query("x.test", "SRV")
    assert not server.query("host.far.test", "SRV").answer
    assert rcode(server.query("other.test")) == "NXDOMAIN"


def test_deny_rule_beats_the_grant(nxgate, upstream):
    server, up = gate(nxgate, upstream, 'deny-names = ["far.test"]')
    server.query("x.test", "SRV")
    assert rcode(server.query("host.far.test")) == "NXDOMAIN" and up.count("host.far.test") == 0


def test_option_switches_it_off(nxgate, upstream):
    server, up = gate(nxgate, upstream, "service-targets = false")
    for qtype in RECORDS:
        assert server.query("x.test", qtype).answer
    assert rcode(server.query("host.far.test")) == "NXDOMAIN" and up.count("host.far.test") == 0


def test_denied_names_grant_nothing(nxgate, upstream):
    server, up = gate(nxgate, upstream, y=answer("@ 60 SRV 0 0 5222 host.far.test."))
    assert rcode(server.query("y.test", "SRV")) == "NXDOMAIN"
    assert rcode(server.query("host.far.test")) == "NXDOMAIN"
