"""The cache: RFC 2308, RFC 8767, CVE-2024-0874, ghost domains."""
import time

import dns.flags
import pytest
from harness.nxgate import addresses, ede, make_query, rcode, soa
from harness.timing import Stopwatch, wait_for, within
from harness.upstream import SOA, answer, nodata, nxdomain, sequence, silent
from harness.upstream import rcode as upstream_rcode


def gate(nxgate, up, **cache):
    lines = "\n".join(f"{key.replace('_', '-')} = {value}" for key, value in cache.items())
    return nxgate(config=f"""
[server]
listen = ["127.0.0.1:PORT"]
[cache]
{lines}
[upstreams.default]
servers = ["{up.endpoint}"]
timeout = "500ms"
[policies.default]
allow = ["x.test"]
""")


def test_second_answer_comes_from_the_cache_with_its_ttl_counted_down(nxgate, upstream):
    up = upstream({"x.test": answer("@ 60 A 192.0.2.1")})
    server = gate(nxgate, up)
    assert server.query("x.test").answer[0].ttl == 60
    time.sleep(2.1)
    assert 50 <= server.query("X.test", tcp=True).answer[0].ttl <= 58
    assert up.count("x.test") == 1


def test_expired_answer_is_asked_for_again(nxgate, upstream):
    up = upstream({"x.test": sequence(answer("@ 1 A 192.0.2.1"), answer("@ 60 A 192.0.2.2"))})
    server = gate(nxgate, up)
    assert addresses(server.query("x.test")) == ["192.0.2.1"]
    time.sleep(1.3)
    assert addresses(server.query("x.test")) == ["192.0.2.2"]


def test_ttl_of_zero_is_not_cached(nxgate, upstream):
    up = upstream({"x.test": answer("@ 0 A 192.0.2.1")})
    server = gate(nxgate, up)
    for _ in range(3):
        server.query("x.test")
    assert up.count("x.test") == 3


@pytest.mark.parametrize("action, expected", [(nxdomain(ttl=30), "NXDOMAIN"), (nodata(ttl=30), "NOERROR")])
def test_negative_answers_are_cached_for_the_lesser_of_ttl_and_minimum(nxgate, upstream, action, expected):
    up = upstream({"x.test": action})
    server = gate(nxgate, up)
    for _ in range(3):
        response = server.query("x.test")
        assert rcode(response) == expected and soa(response).ttl <= 30
    assert up.count("x.test") == 1


def test_negative_answer_is_kept_no_longer_than_the_minimum(nxgate, upstream):
    soa_of_five = "ns.x.test. admin.x.test. 1 3600 600 86400 5"
    up = upstream({"x.test": lambda r: r.reply(rcode="NXDOMAIN",
                                               authority=[f"x.test 900 SOA {soa_of_five}"])})
    assert soa(gate(nxgate, up).query("x.test")).ttl == 5


def test_soa_of_another_zone_keeps_nothing(nxgate, upstream):
    up = upstream({"x.test": lambda r: r.reply(rcode="NXDOMAIN",
                                               authority=[f"evil.test 900 SOA {SOA}"])})
    server = gate(nxgate, up)
    for _ in range(2):
        assert not server.query("x.test").authority
    assert up.count("x.test") == 2


def test_negative_answer_without_an_soa_is_not_cached(nxgate, upstream):
    up = upstream({"x.test": lambda received: received.reply(rcode="NXDOMAIN")})
    server = gate(nxgate, up)
    for _ in range(3):
        assert rcode(server.query("x.test")) == "NXDOMAIN"
    assert up.count("x.test") == 3


def test_do_and_cd_are_part_of_the_key(nxgate, upstream):
    up = upstream({"x.test": answer("@ 60 A 192.0.2.1")})
    server = gate(nxgate, up)
    for _ in range(2):
        for options in ({}, {"dnssec": True}, {"cd": True}, {"dnssec": True, "cd": True}):
            assert addresses(server.query("x.test", **options)) == ["192.0.2.1"]
    asked = {(bool(r.message.ednsflags & dns.flags.DO), bool(r.message.flags & dns.flags.CD))
             for r in up.received if r.qname != "."}
    assert up.count("x.test") == 4 and len(asked) == 4


def test_types_are_part_of_the_key(nxgate, upstream):
    up = upstream({"x.test": lambda r: r.reply("@ 60 A 192.0.2.1" if r.qtype == "A" else
                                               "@ 60 AAAA 2001:db8::1")})
    server = gate(nxgate, up)
    assert addresses(server.query("x.test")) == ["192.0.2.1"]
    assert addresses(server.query("x.test", "AAAA")) == ["2001:db8::1"]


@pytest.mark.parametrize("failure, words", [(silent(), 22), (upstream_rcode("SERVFAIL"), 22)],
                         ids=["silence", "SERVFAIL"])
def test_stale_answer_when_the_upstream_fails(nxgate, upstream, failure, words):
    up = upstream({"x.test": sequence(answer("@ 1 A 192.0.2.1"), failure)})
    server = gate(nxgate, up)
    server.query("x.test")
    time.sleep(1.3)
    response = server.query("x.test", edns=True)
    assert addresses(response) == ["192.0.2.1"]
    assert ede(response)[0][0] == 3 and 0 < response.answer[0].ttl <= 30


def test_stale_nxdomain_says_so(nxgate, upstream):
    up = upstream({"x.test": sequence(nxdomain(ttl=1), upstream_rcode("SERVFAIL"))})
    server = gate(nxgate, up)
    server.query("x.test")
    time.sleep(1.3)
    response = server.query("x.test", edns=True)
    assert rcode(response) == "NXDOMAIN" and ede(response)[0][0] == 19


def test_stale_answer_gives_way_when_the_upstream_is_back(nxgate, upstream):
    up = upstream({"x.test": sequence(answer("@ 1 A 192.0.2.1"), upstream_rcode("SERVFAIL"),
                                      answer("@ 60 A 192.0.2.2"))})
    server = gate(nxgate, up)
    server.query("x.test")
    time.sleep(1.3)
    assert addresses(server.query("x.test")) == ["192.0.2.1"]
    wait_for(lambda: addresses(server.query("x.test")) == ["192.0.2.2"], what="the fresh answer")


def test_stale_answer_comes_at_once_while_the_failure_is_remembered(nxgate, upstream):
    up = upstream({"x.test": sequence(answer("@ 1 A 192.0.2.1"), silent())})
    server = gate(nxgate, up)
    server.query("x.test")
    time.sleep(1.3)
    server.query("x.test")
    with Stopwatch() as watch:
        for _ in range(5):
            assert addresses(server.query("x.test")) == ["192.0.2.1"]
    assert watch.seconds < within(0.3)


def test_stale_is_only_for_failures(nxgate, upstream):
    up = upstream({"x.test": sequence(answer("@ 1 A 192.0.2.1"), nxdomain())})
    server = gate(nxgate, up)
    server.query("x.test")
    time.sleep(1.3)
    assert rcode(server.query("x.test")) == "NXDOMAIN"


def test_stale_can_be_switched_off(nxgate, upstream):
    up = upstream({"x.test": sequence(answer("@ 1 A 192.0.2.1"), upstream_rcode("SERVFAIL"))})
    server = gate(nxgate, up, stale='"0s"')
    server.query("x.test")
    time.sleep(1.3)
    assert rcode(server.query("x.test")) == "SERVFAIL"


def test_caps_and_floors(nxgate, upstream):
    up = upstream({"long.x.test": answer("@ 99999 A 192.0.2.1"), "short.x.test": answer("@ 1 A 192.0.2.1"),
                   "no.x.test": nxdomain(ttl=50)})
    server = gate(nxgate, up, most_ttl='"100s"', least_ttl='"20s"', most_negative_ttl='"25s"')
    assert server.query("long.x.test").answer[0].ttl == 100
    assert server.query("short.x.test").answer[0].ttl == 20
    assert soa(server.query("no.x.test")).ttl <= 25


def test_most_ttl_is_seven_days_by_default(nxgate, upstream):
    up = upstream({"x.test": answer("@ 9999999 A 192.0.2.1")})
    assert gate(nxgate, up).query("x.test").answer[0].ttl == 7 * 86400


def test_popular_name_is_asked_for_again_before_it_expires(nxgate, upstream):
    up = upstream({"x.test": answer("@ 10 A 192.0.2.1")})
    server = gate(nxgate, up)
    server.query("x.test")
    wait_for(lambda: server.query("x.test") and up.count("x.test") == 2, timeout=10.5,
             what="a prefetch")
    wait_for(lambda: server.query("x.test").answer[0].ttl >= 8, what="the fresh answer")


def test_other_answers_prolong_nothing(nxgate, upstream):
    up = upstream({"x.test": answer("@ 2 CNAME t.x.test.", "t.x.test 2 A 192.0.2.1"),
                   "y.x.test": answer("@ 99 CNAME t.x.test.", "t.x.test 99 A 192.0.2.1"),
                   "t.x.test": answer("@ 99 A 192.0.2.9")})
    server = gate(nxgate, up, prefetch="false")
    server.query("x.test")
    server.query("y.x.test")
    assert addresses(server.query("t.x.test")) == ["192.0.2.9"]
    assert max(rrset.ttl for rrset in server.query("x.test").answer) <= 2


def test_upstream_groups_do_not_share_answers(nxgate, upstream):
    """CVE-2025-40778, MaginotDNS: who is asked about one zone says nothing about another."""
    inner = upstream({"*": answer("@ 60 CNAME www.x.test.", "www.x.test 60 A 192.0.2.66")})
    outer = upstream({"*": answer("@ 60 A 192.0.2.1")})
    server = nxgate(config=f"""
[server]
listen = ["127.0.0.1:PORT", {{ address = "127.0.0.2:PORT", policy = "routed" }}]
[upstreams.default]
servers = ["{outer.endpoint}"]
[upstreams.inner]
servers = ["{inner.endpoint}"]
[policies.default]
allow = ["x.test"]
[policies.routed]
allow = ["x.test"]
upstream = "inner"
""")
    query = make_query("www.x.test")
    assert addresses(server.ask(query, address="127.0.0.2")) == ["192.0.2.66"]
    assert addresses(server.ask(query)) == ["192.0.2.1"]
    assert addresses(server.ask(query, address="127.0.0.2")) == ["192.0.2.66"]
    assert inner.count() == outer.count() == 1


def test_signatures_are_for_those_who_ask_for_them(nxgate, upstream):
    rrsig = "@ 60 RRSIG A 8 2 60 20300101000000 20200101000000 1 x.test. AAAA"
    server = gate(nxgate, upstream({"x.test": answer("@ 60 A 192.0.2.1", rrsig)}))
    for _ in range(2):
        assert len(server.query("x.test", dnssec=True).answer) == 2
        assert len(server.query("x.test").answer) == 1


def test_answer_too_large_for_udp_is_cached_for_tcp(nxgate, upstream):
    up = upstream({"x.test": answer(*(f"@ 60 A 10.0.0.{i}" for i in range(200)))})
    server = gate(nxgate, up)
    response = server.query("x.test")
    assert response.flags & dns.flags.TC and not response.answer
    assert len(addresses(server.query("x.test", tcp=True))) == 200
    assert up.count("x.test") == 1


def test_memory_is_bounded_by_the_size(nxgate, upstream):
    up = upstream({"*": answer(*(f'@ 600 TXT "{i}{"x" * 200}"' for i in range(5)))})
    server = gate(nxgate, up, size='"1MiB"')
    before = server.rss_kib()
    for i in range(2000):
        server.query(f"n{i}.x.test", "TXT", edns=True)
    assert server.rss_kib() - before < 24 * 1024 * within(1)
