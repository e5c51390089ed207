"""Who may ask for what: semantics.md section 3 points 3 and 9; reliability.md, Policy bypass."""
import dns.rrset
import pytest
from harness.nxgate import addresses, ede, make_query, rcode
from harness.upstream import answer

ANY_NAME = {"*": answer("@ 60 A 192.0.2.1")}


@pytest.fixture
def up(upstream):
    return upstream(ANY_NAME)


def allowed(server, *qnames):
    """Those of the names that are resolved."""
    return [qname for qname in qnames if addresses(server.query(qname)) == ["192.0.2.1"]]


@pytest.mark.parametrize("rule, covered", [
    ("=x.test", ["x.test"]),
    ("*.x.test", ["a.x.test", "a.b.x.test"]),
    ("x.test", ["x.test", "a.x.test", "a.b.x.test"]),
    (".x.test", ["x.test", "a.x.test", "a.b.x.test"]),
    ("X.TEST.", ["x.test", "a.x.test", "a.b.x.test"]),
])
def test_rule_scopes(nxgate, up, rule, covered):
    server = nxgate("--allow", rule, "--upstream", up.endpoint)
    assert allowed(server, "x.test", "a.x.test", "a.b.x.test", "ax.test", "x.test.org") == covered


def test_longest_match_wins(nxgate, up):
    server = nxgate("--allow", "x.test,good.bad.x.test", "--deny", "bad.x.test",
                    "--upstream", up.endpoint)
    assert allowed(server, "x.test", "bad.x.test", "a.bad.x.test", "good.bad.x.test",
                   "a.good.bad.x.test") == ["x.test", "good.bad.x.test", "a.good.bad.x.test"]


def test_deny_beats_allow_at_the_same_length(nxgate, up):
    server = nxgate("--allow", "x.test", "--deny", "x.test", "--upstream", up.endpoint)
    assert allowed(server, "x.test", "a.x.test") == []


@pytest.mark.parametrize("allow, deny, resolved", [
    ("x.test", "=x.test", ["a.x.test", "b.x.test", "a.b.x.test"]),
    ("=x.test", "x.test", []),
    ("x.test", "*.x.test", ["x.test"]),
    ("*.x.test", "x.test", []),
    ("x.test,=b.x.test", "*.x.test", ["x.test", "b.x.test"]),
    ("=a.b.x.test", "b.x.test", ["a.b.x.test"]),
])
def test_deny_and_allow_of_several_scopes(nxgate, up, allow, deny, resolved):
    server = nxgate("--allow", allow, "--deny", deny, "--upstream", up.endpoint)
    assert allowed(server, "x.test", "a.x.test", "b.x.test", "a.b.x.test") == resolved


def test_a_denied_ancestor_of_an_allowed_name_is_nodata(nxgate, up):
    server = nxgate("--allow", "a.x.test", "--deny", "x.test", "--upstream", up.endpoint)
    assert rcode(server.query("x.test")) == "NOERROR" and not server.query("x.test").answer
    assert rcode(server.query("b.x.test")) == "NXDOMAIN"


def test_dots_inside_a_label_part_no_labels(nxgate, up):
    server = nxgate("--allow", "example.com,=b.c.example.org", "--upstream", up.endpoint)
    smuggled = [r"evil\.example.com", r"evil\.example\.com", r"example\.com", r"evil.example\.com",
                r"b\.c.example.org", r"example.com\000.test", r"\000example.com", "example.com.test"]
    assert allowed(server, *smuggled) == []
    assert up.count() == 0


def test_deny_rules_are_not_evaded_by_dots_inside_a_label(nxgate, up):
    server = nxgate("--allow", "x.test", "--deny", "bad.x.test", "--upstream", up.endpoint)
    assert allowed(server, "bad.x.test", "a.bad.x.test", r"a\.b.bad.x.test") == []
    assert allowed(server, r"a\.bad.x.test") == [r"a\.bad.x.test"]
    (received,) = up.received
    assert received.question.name.labels[0].lower() == b"a.bad", "one label for the upstream, too"


def test_matching_is_by_labels_and_ascii_case_alone(nxgate, up):
    server = nxgate("--allow", "x.test", "--upstream", up.endpoint)
    assert allowed(server, "notx.test", "x.test.evil.test", r"a\.x.test", r"\120.test") == [r"\120.test"]
    assert allowed(server, "X.tEST", r"a\000.x.test") == ["X.tEST", r"a\000.x.test"]
    assert rcode(server.query(r"x\.test")) == "NXDOMAIN"
    assert rcode(server.query(r"evil\000.x\000.test")) == "NXDOMAIN"


def test_allow_files_with_comments(nxgate, up, directory):
    (directory / "a.list").write_text("# ours\nx.test\n\n=y.test # this one alone\n")
    server = nxgate("--allow-file", directory / "a.list", "--upstream", up.endpoint)
    assert allowed(server, "a.x.test", "y.test", "a.y.test", "z.test") == ["a.x.test", "y.test"]


FILES = """
[server]
listen = ["127.0.0.1:PORT"]
[upstreams.default]
servers = ["%s"]
[policies.default]
allow-files = ["%s/*.list", "%s/one?.txt"]
deny-files = ["%s/deny.d/*"]
"""


def test_list_files_by_globs(nxgate, up, directory):
    files = {"a.list": "# ours\r\nx.test\r\n\r\n", "b.list": "\t=y.test   # alone\n", "c.other": "no.test\n",
             "one1.txt": "z.test", "one22.txt": "no.test\n", "deny.d/d": "bad.x.test\n", "e.list": ""}
    (directory / "deny.d").mkdir()
    for name, text in files.items():
        (directory / name).write_text(text)
    server = nxgate(config=FILES % (up.endpoint, directory, directory, directory))
    assert allowed(server, "a.x.test", "y.test", "a.y.test", "z.test", "no.test", "a.bad.x.test") == [
        "a.x.test", "y.test", "z.test"]


CLIENTS = """
[server]
listen = ["127.0.0.1:PORT", { address = "127.0.0.5:PORT", policy = "listener" }]
[upstreams.default]
servers = ["%s"]
[policies.default]
allow = ["default.test"]
[policies.ci]
allow = ["ci.test"]
[policies.one]
allow = ["one.test"]
[policies.listener]
allow = ["listener.test"]
[[clients]]
from = ["127.0.1.0/24"]
policy = "ci"
[[clients]]
from = ["127.0.1.7/32"]
policy = "one"
"""


@pytest.mark.parametrize("source, address, policy", [
    ("127.0.0.1", "127.0.0.1", "default"), ("127.0.1.6", "127.0.0.1", "ci"),
    ("127.0.1.7", "127.0.0.1", "one"), ("127.0.2.7", "127.0.0.1", "default"),
    ("127.0.1.7", "127.0.0.5", "listener")])
@pytest.mark.parametrize("tcp", [False, True])
def test_policy_by_client_and_listener(nxgate, up, source, address, policy, tcp):
    server = nxgate(config=CLIENTS % up.endpoint)
    resolved = [name for name in ("default", "ci", "one", "listener")
                if addresses(server.ask(make_query(name + ".test"), tcp=tcp, address=address,
                                        source=source))]
    assert resolved == [policy]


def test_one_clients_answers_are_no_way_around_anothers_policy(nxgate, up):
    server = nxgate(config=CLIENTS % up.endpoint)
    assert addresses(server.ask(make_query("ci.test"), source="127.0.1.6"))
    assert rcode(server.ask(make_query("ci.test"), source="127.0.0.1")) == "NXDOMAIN"


def test_ede_names_the_policy_of_the_client(nxgate, up):
    server = nxgate(config=CLIENTS % up.endpoint)
    response = server.ask(make_query("x.test", edns=True), source="127.0.1.6")
    assert ede(response) == [(15, "policy=ci rule=default")]


CONFIG = """
[server]
listen = ["127.0.0.1:PORT"]
[upstreams.default]
servers = ["%s"]
[policies.default]
allow = ["x.test"]
"""
SUPPRESSED = CONFIG + 'suppress-types = ["AAAA", "HTTPS", "TXT"]\n'


def test_suppressed_types_are_nodata_and_never_asked_for(nxgate, up):
    server = nxgate(config=SUPPRESSED % up.endpoint)
    for qtype in ("AAAA", "HTTPS", "TXT"):
        response = server.query("x.test", qtype, edns=True)
        assert rcode(response) == "NOERROR" and not response.answer and response.authority
        assert ede(response) == [(15, "policy=default rule=x.test suppress-types")]
    assert up.count() == 0
    assert allowed(server, "x.test") == ["x.test"]


def test_a_local_cname_is_no_way_around_a_suppressed_type(nxgate, up):
    server = nxgate(config=SUPPRESSED % up.endpoint + 'records = ["c.test CNAME x.test"]\n')
    response = server.query("c.test", "AAAA")
    assert rcode(response) == "NOERROR" and not response.answer and response.authority
    assert up.count() == 0
    assert allowed(server, "c.test") == ["c.test"]


def test_suppressed_type_of_a_denied_name_is_still_nxdomain(nxgate, up):
    assert rcode(nxgate(config=SUPPRESSED % up.endpoint).query("y.test", "AAAA")) == "NXDOMAIN"


def test_public_suffix_needs_force(nxgate, up):
    assert allowed(nxgate("--allow", "co.uk force", "--upstream", up.endpoint), "x.co.uk") == ["x.co.uk"]


ROUTES = """
[server]
listen = ["127.0.0.1:PORT"]
[upstreams.default]
servers = ["%s"]
[upstreams.corp]
servers = ["%s"]
[policies.default]
allow = ["x.test", "corp.test"]
routes = [{ names = ["corp.test", "denied.test"], upstream = "corp" }]
"""


def test_routes_choose_the_upstream_and_allow_nothing(nxgate, up, upstream):
    corp = upstream({"*": answer("@ 60 A 192.0.2.2")})
    server = nxgate(config=ROUTES % (up.endpoint, corp.endpoint))
    assert addresses(server.query("x.test")) == ["192.0.2.1"]
    assert addresses(server.query("a.corp.test")) == ["192.0.2.2"]
    assert rcode(server.query("a.denied.test")) == "NXDOMAIN"
    assert up.count() == 1 and corp.count() == 1


def test_denied_names_reach_no_upstream(nxgate, up):
    server = nxgate("--allow", "x.test", "--upstream", up.endpoint)
    for i in range(100):
        server.query(f"secret{i}.exfil.test", "TXT")
    assert up.count() == 0


@pytest.mark.parametrize("reply, expected", [("servfail", "SERVFAIL"), ("nxdomain", "NXDOMAIN")])
def test_on_upstream_failure(nxgate, port, reply, expected):
    server = nxgate(config=CONFIG % f"127.0.0.1:{port}" + f'on-upstream-failure = "{reply}"\n')
    response = server.query("x.test", edns=True)
    assert rcode(response) == expected and bool(response.authority) == (reply == "nxdomain")
    assert ede(response)[0][0] in (22, 23)


def test_a_second_question_is_no_way_in(nxgate, up):
    server = nxgate(config=CONFIG % up.endpoint)
    for first, second in (("x.test", "secret.test"), ("secret.test", "x.test")):
        query = make_query(first)
        query.question += make_query(second).question
        assert rcode(server.ask(query)) == "FORMERR"
    assert up.count() == 0


def test_records_in_a_query_go_nowhere(nxgate, up):
    query = make_query("x.test", edns=True)
    smuggled = dns.rrset.from_text("secret.test.", 60, "IN", "A", "192.0.2.99")
    for section in (query.answer, query.authority, query.additional):
        section.append(smuggled)
    response = nxgate(config=CONFIG % up.endpoint).ask(query)
    assert addresses(response) == ["192.0.2.1"]
    assert not any(b"secret" in received.wire.lower() for received in up.received)


@pytest.mark.parametrize("qclass", ["CH", "HS", "NONE", "ANY"])
def test_another_class_is_no_way_in(nxgate, up, qclass):
    assert rcode(nxgate(config=CONFIG % up.endpoint).ask(make_query("x.test", qclass=qclass))) == "REFUSED"
    assert up.count() == 0


def test_flags_of_a_query_change_no_verdict(nxgate, up):
    server = nxgate(config=CONFIG % up.endpoint)
    for flags in range(0, 0x0800, 0x10):
        wire = bytearray(make_query("secret.test").to_wire())
        wire[2:4] = flags.to_bytes(2, "big")
        assert server.exchange(bytes(wire))[3] & 0xf == 3, hex(flags)
    assert up.count() == 0
