"""Learning under a firewall: the ports that programs use stand in the proposed rules."""
import os
import subprocess
from pathlib import Path

import pytest
from harness.nxgate import addresses
from harness.sites import Sites
from harness.upstream import answer
from test_egress import SILENT, WEB, app, ask, attach, connect, outside
from test_learn import proposed, rules

__all__ = ["app", "attach", "outside"]


ONE, TWO, THREE = 8001, 8002, 8003


@pytest.fixture
def curl(app, outside):
    """curl(name, port): its exit status, from inside; web servers are outside at three ports."""
    sites = Sites(outside, (ONE, TWO, THREE), page=b"hello")
    folder = Path(f"/etc/netns/{app.name}")
    folder.mkdir(parents=True)
    (folder / "resolv.conf").write_text(f"nameserver {SILENT}\noptions timeout:2 attempts:1\n")

    def run(name, port):
        done = subprocess.run(["ip", "netns", "exec", app.name, "curl", "-sS", "-4", "-m", "20",
                               f"http://{name}:{port}/"], capture_output=True, text=True, check=False)
        assert done.returncode != 0 or done.stdout == "hello"
        return done.returncode

    yield run
    (folder / "resolv.conf").unlink()
    os.rmdir(folder)
    sites.close()


RESOLVES_NOT, REFUSED = 6, 7


def test_what_was_learnt_with_ports_is_enough_and_no_more(attach, app, curl):
    server = attach(app, allow=[])
    assert curl("web.test", ONE) == RESOLVES_NOT
    server.operate("learn", "start")
    assert [curl("web.test", port) for port in (ONE, TWO)] == [0, 0]
    ask(app, "target.test")
    server.operate("learn", "stop")
    assert curl("web.test", ONE) == RESOLVES_NOT
    list_ = rules(proposed(server))
    assert list_ == ["=target.test", f"=web.test:tcp/{ONE},tcp/{TWO}"], "where nothing was connected to, there is no port"
    server.write_config(server.text(allow=list_))
    assert "reloaded" in server.reload()
    assert [curl("web.test", port) for port in (ONE, TWO, THREE)] == [0, 0, REFUSED]


def test_a_port_that_the_policy_refuses_is_seen_as_well(attach, app, curl):
    server = attach(app, allow=[], egress=f'ports = ["tcp/{ONE}"]')
    server.operate("learn", "start")
    assert [curl("web.test", port) for port in (ONE, TWO)] == [0, REFUSED]
    assert rules(proposed(server)) == [f"=web.test:tcp/{ONE},tcp/{TWO}"]


def test_the_diff_tells_of_ports_that_are_closed(attach, app, curl):
    server = attach(app, allow=["*.test"], egress=f'ports = ["tcp/{ONE}"]')
    server.operate("learn", "start", "--deny")
    assert [curl("web.test", port) for port in (ONE, TWO)] == [0, REFUSED]
    diff = proposed(server, "--diff")
    wanted = f"=web.test:tcp/{ONE},tcp/{TWO}"
    assert f"+ {wanted} " in diff and f"#   tcp/{TWO} is currently closed" in diff and "- *.test" not in diff
    server.write_config(server.text(allow=["*.test", wanted], egress=f'ports = ["tcp/{ONE}"]'))
    server.reload()
    assert curl("web.test", TWO) == 0
    assert rules(proposed(server, "--diff")) == ["- *.test"], "another rule does its work"


def test_names_of_one_address_share_its_ports(attach, app, curl):
    server = attach(app, allow=[], script={"twin.test": answer(f"@ 60 A {WEB}")})
    server.operate("learn", "start")
    assert addresses(ask(app, "twin.test")) == [WEB]
    assert curl("web.test", ONE) == 0
    assert rules(proposed(server)) == [f"=twin.test:tcp/{ONE}", f"=web.test:tcp/{ONE}"]


def test_ports_are_learnt_while_the_policy_is_enforced(attach, app, curl):
    server = attach(app, allow=["web.test"])
    server.operate("learn", "start", "--deny")
    assert curl("web.test", ONE) == 0
    assert curl("other.test", ONE) == RESOLVES_NOT
    assert rules(proposed(server)) == ["=other.test", f"=web.test:tcp/{ONE}"]
    server.operate("learn", "forget")
    assert rules(proposed(server)) == []


def test_without_learning_nothing_is_noted(attach, app):
    server = attach(app)
    ask(app, "web.test")
    assert connect(app, WEB) == b"hello"

    def noted():
        return "elements" in subprocess.run(
            ["ip", "netns", "exec", app.name, "nft", "list", "set", "inet", "nxgate_egress", "flows4"],
            capture_output=True, text=True, check=True).stdout

    assert not noted()
    server.operate("learn", "start")
    assert connect(app, WEB) == b"hello"
    assert noted()
