"""`never = ["private"]`: no name leads to a private address, in whatever form an answer has it."""
import ipaddress

import dns.query
import pytest

from harness.nxgate import addresses, ede, make_query, rcode
from harness.upstream import answer, by_type

#: One of each kind; src/base/special_addresses_test.cc has all ranges and all forms.
CUT = {
    "192.88.99.1": "6to4's relay",
    "192.0.2.1": "documentation",
    "198.18.0.1": "benchmarks",
    "192.0.0.8": "the dummy address",
    "5f00::1": "segment routing",
    "100:0:0:1::1": "the dummy prefix",
    "100::1": "the discard prefix",
    "2001:db8::1": "documentation",
    "3fff::1": "documentation",
    "2001:2::1": "benchmarks",
    "64:ff9b::10.0.0.1": "NAT64",
    "64:ff9b:1::10.0.0.1": "NAT64 of a network",
    "::ffff:0:10.0.0.1": "SIIT",
    "::10.0.0.1": "IPv4-compatible",
    "2002:a00:1::1": "6to4",
    "2606:4700::5efe:10.0.0.1": "ISATAP",
    "2606:4700::200:5efe:10.0.0.1": "ISATAP",
    "2001:0:808:808::f5ff:fffe": "Teredo",
}
#: The same forms with what is metadata, which is cut without `private`.
METADATA = ("::ffff:0:169.254.169.254", "2606:4700::5efe:169.254.169.254", "2002:a9fe:a9fe::1",
            "64:ff9b:1:a9fe:a9:fe00::", "64:ff9b:1:a9:fe:a9fe::", "64:ff9b:1:0:a9:fea9:fe00:0")
KEPT = ("192.0.0.9", "192.52.193.1", "2001:1::1", "2606:4700::1111", "2002:808:808::1",
        "64:ff9b::808:808")


def name_of(address):
    return f"a{ipaddress.ip_address(address).packed.hex()}.test"


def type_of(address):
    return "AAAA" if ":" in address else "A"


@pytest.fixture
def ask(nxgate, upstream, namespace):
    outside, app = namespace("outside"), namespace("app")
    app.join(outside, "10.77.0.2/24", "10.77.0.1/24")
    script = {name_of(each): by_type(**{type_of(each): answer(f"@ 60 {type_of(each)} {each}")})
              for each in (*CUT, *METADATA, *KEPT)}
    server = upstream(script, namespace=outside)

    def start(never):
        nxgate("--netns", app.path, command="attach", config=f"""
[upstreams.default]
servers = ["127.0.0.1:{server.port}"]
netns = "{outside.path}"
[policies.default]
allow = ["*.test"]
[policies.default.egress]
check-names = []
never = {never}
""")

        def put(address):
            query = make_query(name_of(address), type_of(address), edns=True)
            return app.call(lambda: dns.query.udp(query, "192.0.2.53", timeout=5))

        return put, lambda: app.run("nft", "list", "table", "inet", "nxgate_egress").stdout

    return start


def assert_cut(ask, addresses_to_ask):
    put, _ = ask
    for address in addresses_to_ask:
        reply = put(address)
        assert (rcode(reply), addresses(reply)) == ("NOERROR", []), address
        assert ede(reply)[0][0] == 17, address


def elements(rules):
    """What is open, as the firewall's sets have it."""
    return rules.count("expires")


def test_private_addresses_are_not_told_and_not_opened(ask):
    put, rules = asked = ask('["private"]')
    assert_cut(asked, CUT)
    assert elements(rules()) == 0


def test_metadata_is_found_in_every_form(ask):
    put, rules = asked = ask('["metadata"]')
    assert_cut(asked, METADATA)
    assert elements(rules()) == 0


def test_what_is_globally_reachable_is_told_and_opened(ask):
    put, rules = ask('["private", "metadata"]')
    for address in KEPT:
        assert [ipaddress.ip_address(each) for each in addresses(put(address))] == [
            ipaddress.ip_address(address)], address
    assert elements(rules()) == len(KEPT)
