"""What one client asked for is not told to another by a TTL that has begun to run."""
import time

import pytest
from harness.nxgate import make_query, rcode, run
from harness.upstream import answer

CONFIG = """
[server]
listen = ["127.0.0.1:PORT"]
[cache]
{scope}
[upstreams.default]
servers = ["{upstream}"]
[policies.web]
allow = ["test"]
[policies.ci]
allow = ["test"]
[[clients]]
from = ["127.0.1.0/24", "10.87.0.0/24"]
policy = "web"
[[clients]]
from = ["127.0.2.0/24"]
policy = "ci"
"""


@pytest.fixture
def start(nxgate, upstream):
    up = upstream({"*": answer("@ 600 A 192.0.2.1")})

    def begin(scope):
        text = f'scope = "{scope}"' if scope else ""
        server = nxgate(config=CONFIG.format(scope=text, upstream=up.endpoint))
        server.asked = lambda: up.count()
        return server

    return begin


def ttl(server, source, name="secret.test"):
    response = server.ask(make_query(name), source=source)
    assert rcode(response) == "NOERROR"
    return response.answer[0].ttl


@pytest.mark.parametrize("scope, apart", [("shared", False), ("policy", True), ("", True)])
def test_one_policy_sees_nothing_of_another(start, scope, apart):
    server = start(scope)
    assert ttl(server, "127.0.1.1") == 600
    time.sleep(2.1)
    assert (ttl(server, "127.0.2.1") == 600) is apart
    assert ttl(server, "127.0.1.2") < 600, "those of one policy share"
    assert server.asked() == (2 if apart else 1)


def test_questions_in_flight_are_apart_too(nxgate, upstream):
    """Who joins a question of somebody else's would have the answer before its own could be there."""
    from harness.upstream import after
    up = upstream({"*": after(0.1, answer("@ 600 A 192.0.2.1"))})
    server = nxgate(config=CONFIG.format(scope="", upstream=up.endpoint))
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda source: ttl(server, source), ("127.0.1.1", "127.0.2.1")))
    assert up.count() == 2


def test_a_flush_reaches_every_part(start):
    server = start("policy")
    for source in ("127.0.1.1", "127.0.2.1"):
        ttl(server, source)
    assert server.operate("flush", "secret.test").stdout == "2 answers flushed\n"


def test_a_reload_changes_who_shares(start):
    server = start("shared")
    ttl(server, "127.0.1.1")
    server.write_config(server.config.read_text().replace('"shared"', '"policy"'))
    server.reload()
    ttl(server, "127.0.2.1")
    assert server.asked() == 2


def test_another_word_is_refused(tmp_path):
    path = tmp_path / "nxgate.toml"
    path.write_text('[cache]\nscope = "mine"\n')
    done = run("check", path)
    assert done.returncode == 1 and '"shared", "policy", "client"' in done.stderr


ATTACHED = """
[cache]
scope = "{scope}"
[upstreams.default]
servers = ["{upstream}"]
[policies.default]
allow = ["test"]
[policies.default.exfiltration]
new-names = {names}
"""


@pytest.fixture
def attach(nxgate, upstream, namespace):
    """Two namespaces, attached by one policy, and a question to each."""
    up = upstream({"*": answer("@ 600 A 192.0.2.1")})
    places = namespace("a"), namespace("b")

    def begin(scope, names=0):
        server = nxgate(*(word for place in places for word in ("--netns", place.name)),
                        config=ATTACHED.format(scope=scope, names=names, upstream=up.endpoint),
                        command="attach")
        server.asked = lambda: up.count()
        return server, places

    return begin


def dig(place, name):
    """The TTL of the answer, or its status."""
    told = place.run("dig", "+tries=1", "+time=5", "@127.0.0.11", name).stdout
    lines = [line for line in told.splitlines() if line.startswith(name) and "\tA\t" in line]
    return int(lines[0].split()[1]) if lines else told


@pytest.mark.parametrize("scope, apart", [("policy", False), ("client", True)])
def test_attached_namespaces_of_one_policy(attach, scope, apart):
    server, (one, other) = attach(scope)
    assert dig(one, "secret.test.") == 600
    time.sleep(2.1)
    assert (dig(other, "secret.test.") == 600) is apart
    assert server.asked() == (2 if apart else 1)
    assert dig(one, "secret.test.") < 600


def test_a_namespace_made_anew_has_the_budget_of_before(attach):
    server, (place, other) = attach("policy", names=5)
    assert [isinstance(dig(place, f"n{i}.tunnel.test."), int) for i in range(5)] == [True] * 5
    assert "NXDOMAIN" in dig(place, "n5.tunnel.test.")
    place.delete()
    server.wait_for_log(f"detached .*{place.name}")
    since = len(server.log)
    place.recreate()
    server.wait_for_log(f"attached .*{place.name}", since=since)
    assert "NXDOMAIN" in dig(place, "n6.tunnel.test."), "no new budget"
    assert isinstance(dig(other, "m0.tunnel.test."), int), "each has its own"
