"""How real programs take each answer: semantics.md section 1, with glibc and with musl."""
import pytest
from harness.lookup import GLIBC, Lookup
from harness.nxgate import SANITIZED
from harness.timing import within
from harness.upstream import answer, by_type, nodata, nxdomain

pytestmark = pytest.mark.skipif(SANITIZED, reason="it is about how the C libraries wait")

AT_ONCE = 1.0  # seconds; the next slower outcome takes five


def offline(inside):
    """A namespace whose programs ask 127.0.0.1 and nobody else."""
    inside.resolv_conf("nameserver 127.0.0.1\noptions timeout:2 attempts:2\n")
    (inside.etc / "nsswitch.conf").write_text("hosts: dns\n")
    (inside.etc / "hosts").write_text("")
    return inside


@pytest.fixture(params=["glibc", "musl"])
def client(request, namespace, musl_lookup):
    """client(qname) looks a name up by the server at 127.0.0.1:53 of client.namespace."""
    inside = offline(namespace(request.param))
    program = GLIBC if request.param == "glibc" else [musl_lookup]

    def lookup(qname):
        return Lookup(inside, *program, qname)
    lookup.namespace, lookup.libc = inside, request.param
    return lookup


def serve(nxgate, client, *arguments, config=None):
    if config:
        return nxgate(config=config.replace("NETNS", client.namespace.path))
    return nxgate(*arguments, listen=[f"127.0.0.1:53@{client.namespace.path}"])


def test_denied_name_fails_at_once(nxgate, client):
    serve(nxgate, client)
    found = client("www.example.com")
    assert found.output == "EAI_NONAME" and found.seconds < within(AT_ONCE)


@pytest.mark.parametrize("database", ["hosts", "ahosts", "ahostsv4", "ahostsv6"])
def test_getent_of_a_denied_name_fails_at_once(nxgate, namespace, database):
    inside = offline(namespace("getent"))
    nxgate(listen=[f"127.0.0.1:53@{inside.path}"])
    found = Lookup(inside, "getent", database, "www.example.com")
    assert not found.ok and found.output == "" and found.seconds < within(AT_ONCE)


def test_curl_to_a_denied_name_fails_at_once(nxgate, namespace):
    inside = offline(namespace("curl"))
    nxgate(listen=[f"127.0.0.1:53@{inside.path}"])
    found = Lookup(inside, "curl", "-sS", "--stderr", "-", "https://www.example.com/")
    assert "Could not resolve host" in found.output and found.seconds < within(AT_ONCE)


def test_ancestor_of_an_allowed_name_fails_at_once(nxgate, client):
    serve(nxgate, client, "--allow", "api.example.com", "--upstream", "127.0.0.1:1")
    found = client("example.com")
    assert not found.ok and found.output in ("EAI_NONAME", "EAI_NODATA", "Name has no usable address")
    assert found.seconds < within(AT_ONCE)


def test_allowed_name_resolves_with_both_families(nxgate, client, upstream):
    up = upstream({"x.test": by_type(A=answer("@ 60 A 192.0.2.1"),
                                     AAAA=answer("@ 60 AAAA 2001:db8::1"))}, namespace=client.namespace)
    serve(nxgate, client, "--allow", "x.test", "--upstream", f"{up.endpoint}@{client.namespace.path}")
    assert client("x.test").addresses == ["192.0.2.1", "2001:db8::1"]


SUPPRESSED = """
[server]
listen = ["127.0.0.1:53@NETNS"]
[policies.default]
records = ["x.test A 192.0.2.1"]
allow = ["y.test"]
suppress-types = ["AAAA"]
[upstreams.default]
servers = ["%s"]
netns = "NETNS"
"""


def test_suppressed_aaaa_leaves_the_a_usable(nxgate, client, upstream):
    up = upstream({"y.test": answer("@ 60 A 192.0.2.2")}, namespace=client.namespace)
    serve(nxgate, client, config=SUPPRESSED % up.endpoint)
    for qname, address in (("x.test", "192.0.2.1"), ("y.test", "192.0.2.2")):
        found = client(qname)
        assert found.addresses == [address] and found.seconds < within(AT_ONCE)


def test_refused_stalls_musl_which_is_why_it_is_not_the_default(nxgate, client):
    serve(nxgate, client, config='[server]\nlisten = ["127.0.0.1:53@NETNS"]\n'
                                 '[policies.default]\ndeny = "refused"\n')
    found = client("www.example.com")
    assert found.output == "EAI_AGAIN"
    assert found.seconds < within(AT_ONCE) if client.libc == "glibc" else found.seconds > 1.5


def test_silence_freezes_both(nxgate, client):
    serve(nxgate, client, config='[server]\nlisten = ["127.0.0.1:53@NETNS"]\n'
                                 '[policies.default]\ndeny = "drop"\n')
    found = client("www.example.com")
    assert found.output == "EAI_AGAIN" and found.seconds > 1.5


def test_dead_upstream_as_servfail_costs_musl_seconds(nxgate, client):
    serve(nxgate, client, "--allow", "x.test", "--upstream", f"127.0.0.1:1@{client.namespace.path}")
    found = client("x.test")
    assert found.output == "EAI_AGAIN"
    if client.libc == "glibc":
        assert found.seconds < within(AT_ONCE)
    else:
        assert found.seconds > 1.5


def test_dead_upstream_as_nxdomain_spares_musl_its_stall(nxgate, client):
    serve(nxgate, client, "--allow", "x.test", "--on-upstream-failure", "nxdomain",
          "--upstream", f"127.0.0.1:1@{client.namespace.path}")
    found = client("x.test")
    assert found.output == "EAI_NONAME" and found.seconds < within(AT_ONCE)


@pytest.mark.parametrize("aaaa, musl_fails", [(nxdomain(), True), (nodata(), False)],
                         ids=["NXDOMAIN", "NODATA"])
def test_aaaa_must_be_nodata_where_there_is_an_a(client, upstream, aaaa, musl_fails):
    """The client against such an upstream itself: why a suppressed type is never NXDOMAIN."""
    upstream({"x.test": by_type(A=answer("@ 60 A 192.0.2.1"), AAAA=aaaa)},
             port=53, namespace=client.namespace)
    found = client("x.test")
    if client.libc == "musl" and musl_fails:
        assert not found.ok
    else:
        assert found.addresses == ["192.0.2.1"]


def test_answer_without_question_is_ignored_by_glibc(client, upstream):
    """The netcat one-liner that this project replaces."""
    upstream({"*": lambda r: r.send(r.wire[:2] + b"\x81\x83" + bytes(8))},
             port=53, namespace=client.namespace)
    found = client("www.example.com")
    if client.libc == "glibc":
        assert found.output == "EAI_AGAIN" and found.seconds > 1.5
    else:
        assert found.seconds < within(AT_ONCE)


def test_dig_sees_the_reason(nxgate, namespace):
    inside = namespace("dig")
    nxgate(listen=[f"127.0.0.1:53@{inside.path}"])
    said = inside.run("dig", "@127.0.0.1", "www.example.com").stdout
    assert "status: NXDOMAIN" in said and "EDE: 15 (Blocked): (policy=default rule=default)" in said
    assert "(good)" in said and "WARNING" not in said
