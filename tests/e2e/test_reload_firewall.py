"""A reload that breaks a choice of policy, or a firewall: closed, told, tried again."""
import contextlib
import json
import re
import subprocess
import time

import pytest

from harness.control import Control
from harness.nxgate import addresses, rcode, run
from harness.timing import wait_for
from harness.upstream import answer
from test_control import valid
from test_docker_egress import ADDRESS, ALLOWED, OTHER, REFUSED, fetch, sites  # noqa: F401
from test_egress import CONFIG, WEB, app, ask, attach, connect, outside, refused  # noqa: F401
from test_egress import OTHER as FAR
from test_engine_trouble import scripted  # noqa: F401
from test_egress_host import client, router  # noqa: F401
from test_egress_host import ask as ask_host
from test_egress_host import connect as connect_through

DOCKER = """
[upstreams.default]
servers = ["10.99.0.1:{port}"]
netns = "{netns}"
[docker]
socket = "{engine}"
label-policies = {labels}
[control]
socket = "{control}"
[policies.default]
allow = ["{allowed}"]
records = ["own.test A {address}"]
{default}
[policies.{ci}]
allow = ["{allowed}"]
[policies.{ci}.egress]
check-names = []
"""


def faults(server):
    return [each["text"] for each in json.loads(server.operate("status", "--json").stdout).get("faults", [])]


def metric(server, source):
    return int(re.search(rf'^nxgate_faults{{source="{source}"}} (\d+)$', server.operate("metrics").stdout, re.M)[1])


@pytest.fixture
def watch(nxgate, upstream, engine, sites, directory):  # noqa: F811
    server = upstream({ALLOWED: answer(f"@ 60 A {ADDRESS}")}, namespace=engine.outside, address="10.99.0.1")

    def text(ci="ci", labels=("*",), default=""):
        return DOCKER.format(port=server.port, netns=engine.outside.path, engine=engine.socket, ci=ci,
                             labels=json.dumps(labels), default=default, address=OTHER,
                             control=directory / "control.sock", allowed=ALLOWED)

    def start(**options):
        made = nxgate("--hook-socket", str(directory / "hook.sock"), config=text(**options), command="docker")
        made.control, made.text = directory / "control.sock", text
        return made

    return start


@pytest.mark.parametrize("default", ["", f'[policies.default.egress]\ncheck-names = []\nalways = ["{OTHER}"]'],
                         ids=["open default", "default with a firewall"])
@pytest.mark.parametrize("change", [{"ci": "renamed"}, {"labels": ["default"]}], ids=["renamed", "not allowed"])
def test_a_policy_that_a_reload_takes_away_closes_its_containers(engine, watch, change, default):
    server = watch()
    web = engine.run("web", "--label", "nxgate.policy=ci", network=engine.network("app_net"))
    server.wait_for_log("attached web .policy ci")
    assert fetch(web, ALLOWED) == "hello"
    assert fetch(web, OTHER) == REFUSED
    server.write_config(server.text(**change, default=default))
    assert "reloaded" in server.reload()
    server.wait_for_log("web: label nxgate.policy=ci: .*nothing can be resolved or reached")
    web.run("dig", "own.test", "+tries=1")
    for address in (OTHER, ADDRESS):
        assert fetch(web, address) == REFUSED
    assert [text for text in faults(server) if "web: label nxgate.policy=ci" in text]
    assert "label nxgate.policy=ci" in server.operate("health").stdout
    assert metric(server, "attachment") == 1
    server.write_config(server.text())
    assert "reloaded" in server.reload()
    wait_for(lambda: fetch(web, ALLOWED) == "hello", what="the policy that is back")
    assert fetch(web, OTHER) == REFUSED
    assert not faults(server) and metric(server, "attachment") == 0


def test_a_label_with_a_typing_mistake_is_closed_by_address_too(engine, watch):
    server = watch()
    web = engine.run("web", "--label", "nxgate.policy=cii", network=engine.network("app_net"))
    server.wait_for_log("attached web")
    assert fetch(web, OTHER) == REFUSED
    engine.run("guest", "--network", "container:web")
    time.sleep(1.5)
    assert fetch(web, OTHER) == REFUSED


def test_a_namespace_that_nobody_has_claimed_is_closed_by_address_too(scripted, namespace, nxgate,  # noqa: F811
                                                                      directory):
    server = nxgate("--hook-socket", str(directory / "hook.sock"), command="docker",
                    config=f'[policies.default]\n[docker]\nattach = "all"\nsocket = "{scripted.path}"\n')
    made = namespace("fresh")
    scripted.list, scripted.inspect["a" * 64] = (200, []), (500, {"message": "not yet"})
    web = scripted.add("a", "fresh", made)
    wait_for(lambda: "nxgate_egress" in made.run("nft", "list", "tables").stdout, what="its firewall")
    assert "attached fresh" not in server.log_text()
    scripted.list = None
    del scripted.inspect[web.id]
    scripted.event(web)
    server.wait_for_log("attached fresh")
    wait_for(lambda: "nxgate_egress" not in made.run("nft", "list", "tables").stdout, what="default's none")


def test_a_guest_with_a_bad_label_closes_the_namespace(engine, watch):
    server = watch()
    web = engine.run("web", "--label", "nxgate.policy=default", network=engine.network("app_net"))
    server.wait_for_log("attached web")
    assert fetch(web, OTHER) == "hello"
    engine.run("guest", "--network", "container:web", "--label", "nxgate.policy=cii")
    wait_for(lambda: fetch(web, OTHER) == REFUSED)
    assert any("guest: label nxgate.policy=cii" in text for text in faults(server))


@contextlib.contextmanager
def held(inside, table):
    """Somebody else owns the table of that name, so that no firewall can be put up."""
    holder = subprocess.Popen(["ip", "netns", "exec", inside.name, "nft", "-i"], stdin=subprocess.PIPE,
                              stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, text=True)
    holder.stdin.write(f"add table inet {table} {{ flags owner; }}\n")
    holder.stdin.flush()
    wait_for(lambda: table in inside.run("nft", "list", "tables").stdout, what="the owned table")
    try:
        yield
    finally:
        holder.stdin.close()
        holder.wait(10)


def test_a_firewall_that_fails_at_a_reload_is_told_tried_again_and_nothing_resolves(attach, app):  # noqa: F811
    server = attach(app, egress='mode = "off"')
    assert addresses(ask(app, "web.test")) == [WEB]
    with held(app, "nxgate_egress"):
        server.write_config(server.text())
        done = server.operate("reload", check=False)
        assert done.returncode == 1 and "cannot set up the firewall" in done.stdout + done.stderr
        with Control(server.control) as control:
            told = valid(control.ask("POST", "/v1/reload"), "POST", "/v1/reload", 503)
            assert app.path in told["firewalls"][0]
            listed = valid(control.ask("GET", "/v1/attachments"), "GET", "/v1/attachments")["attachments"][0]
            assert not listed["egress"] and "cannot set up" in listed["egress_error"]
            valid(control.ask("GET", "/v1/status"), "GET", "/v1/status")
        assert rcode(ask(app, "web.test")) == "SERVFAIL"
        assert "firewall FAILED" in server.operate("attachments").stdout
        assert any("retries every second" in text for text in faults(server)) and metric(server, "attachment") == 1
        assert "its firewall could not be set as its policy says" in " ".join(server.operate("health").stdout.split())
        time.sleep(2.5)
        assert server.log_text().count("its firewall could not be set as its policy says") == 1
    wait_for(lambda: refused(connect(app, FAR)), what="the firewall")
    wait_for(lambda: "with a firewall" in server.operate("attachments").stdout)
    assert not faults(server)
    assert addresses(ask(app, "web.test")) == [WEB]
    assert connect(app, WEB) == b"hello"


HOST = """
[server]
listen = ["0.0.0.0:PORT"]
[upstreams.default]
servers = ["10.99.0.1:{port}"]
[policies.a]
allow = ["test"]
[policies.a.egress]
check-names = []
mode = "{a}"
[policies.b]
allow = ["test"]
[policies.b.egress]
check-names = []
mode = "{b}"
[policies.c]
[policies.c.egress]
check-names = []
[[clients]]
from = ["10.5.1.0/24"]
policy = "a"
[[clients]]
from = ["10.5.2.0/24"]
policy = "b"
[[clients]]
from = ["10.5.3.0/24"]
policy = "c"
"""


def test_one_firewall_of_the_host_that_fails_leaves_the_others(nxgate, upstream, outside, router,  # noqa: F811
                                                                     client):  # noqa: F811
    names = upstream({"web.test": answer(f"@ 60 A {WEB}")}, namespace=outside, address="10.99.0.1")
    first, second = client("one", "10.5.1.2", "10.5.1.1"), client("two", "10.5.2.2", "10.5.2.1")
    text = lambda **modes: HOST.format(port=names.port, **modes)  # noqa: E731
    server = nxgate(config=text(a="off", b="off"), namespace=router)
    assert connect_through(second, FAR) == b"hello"
    with held(router, "nxgate_egress_a"):
        server.write_config(text(a="enforce", b="enforce"))
        done = server.operate("reload", check=False)
        assert done.returncode == 1 and "policy a: cannot set up the firewall" in done.stdout + done.stderr
        assert refused(connect_through(second, FAR)), "b is as good as ever"
        assert rcode(ask_host(first, server, "web.test", "10.5.1.1")) == "SERVFAIL"
        assert "a: FAILED" in server.operate("status").stdout
        with Control(server.control) as control:
            valid(control.ask("GET", "/v1/status"), "GET", "/v1/status")
        assert any("policy a: cannot set up" in text for text in faults(server)) and metric(server, "firewall") == 1
    wait_for(lambda: refused(connect_through(first, FAR)), what="the firewall of a")
    wait_for(lambda: not faults(server))
    ask_host(first, server, "web.test", "10.5.1.1")
    assert connect_through(first, WEB) == b"hello"


def ranges(count):
    return json.dumps([f"{10 + i // 65536}.{i // 256 % 256}.{i % 256}.0/24" for i in range(count)])


def test_more_ranges_than_a_firewall_takes_are_refused_with_their_place(tmp_path, attach, app):  # noqa: F811
    path = tmp_path / "nxgate.toml"
    most = CONFIG.format(port=1, netns=app.path, egress=f"never = {ranges(16384)}", allow=["a.test"], more="",
                         timeout="5s")
    path.write_text(most)
    assert run("check", path).returncode == 0
    path.write_text(most.replace("never", 'always = ["192.0.2.1"]\nnever'))
    done = run("check", path)
    assert done.returncode == 1 and re.search(rf"{path}:\d+:\d+: a firewall of 16385 ranges", done.stderr)
    server = attach(app)
    server.write_config(server.text(egress=f"never = {ranges(16385)}"))
    assert "rejected" in server.reload()
    assert refused(connect(app, FAR))
    server.write_config(server.text(egress=f"never = {ranges(16384)}"))
    # The file's change may have been noticed already, so that this reload is one more.
    assert "reloaded: generation" in server.operate("reload").stdout and not faults(server), "the kernel takes as many"
