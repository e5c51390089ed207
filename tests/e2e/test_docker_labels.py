"""Whose labels count: those of the container, never those that its image brings along."""
import json
import re
import socket

import pytest

from harness.engine import IMAGE
from harness.engine_upstream import ADDRESS, configured  # noqa: F401
from harness.timing import wait_for
from harness.upstream import answer

CONFIG = """
[policies.default]
allow = ["default.test", "both.test"]
[policies.open]
allow = ["*.test"]
[policies.ci]
allow = ["ci.test", "both.test"]
[policies.own]
allow = ["both.test"]
records = ["mine.own A 192.0.2.9", "mirror.own CNAME other.example"]
[policies.strict]
allow = ["both.test"]
deny-names = ["no.both.test", "led.example"]
suppress-types = ["TXT"]
[policies.walled]
allow = ["both.test"]
[policies.walled.egress]
check-names = []
[policies.ported]
allow = ["both.test:443"]
[policies.ported.egress]
check-names = []
[policies.packages]
presets = ["npm", "github"]
[policies.packages.egress]
check-names = []
[policies.firewalled]
allow = ["both.test"]
[policies.firewalled.egress]
check-names = []
[docker]
socket = "ENGINE"
[control]
socket = "CONTROL"
"""
OWN = ["--label", "nxgate.policy=open"]


@pytest.fixture
def watch(nxgate, configured, directory):  # noqa: F811
    def start(docker="", rules=""):
        text = CONFIG.replace("[control]", f"{docker}\n{rules}\n[control]")
        text = configured(text.replace("CONTROL", str(directory / "control.sock")))
        started = nxgate("--hook-socket", str(directory / "hook.sock"), config=text, command="docker")
        started.control = directory / "control.sock"
        return started

    return start


@pytest.fixture
def image_with(engine):
    """image_with("nxgate.policy=open", ...): an image that carries these labels."""
    made = []

    def make(*labels):
        name = f"labelled:{len(made)}"
        engine.docker("create", "--name", "maker", IMAGE)
        changes = [word for label in labels for word in ("-c", f"LABEL {label}")]
        engine.docker("commit", *changes, "maker", name)
        engine.docker("rm", "maker")
        made.append(name)
        return name

    yield make
    engine.clear()
    for name in made:
        engine._docker("rmi", "-f", name)


def status(container, qname, qtype="A"):
    return re.search(r"status: (\w+)", container.run("dig", "+tries=1", qname, qtype).stdout)[1]


def resolves(container):
    names = ("default.test", "open.test", "ci.test", "both.test")
    return {name[:-5] for name in names if status(container, name) == "NOERROR"}


def opened(container):
    return set(re.findall(rf"{ADDRESS} \. (\S+) \. (\S+)", container.rules()))


def attached(server, name, policy):
    """The log's words once it is attached by that policy."""
    server.wait_for_log(rf"attached {name} \(policy {policy}")
    return server.log_text()


ANY = 'label-policies = ["*"]'


@pytest.mark.parametrize("docker", ['attach = "all"', f'attach = "all"\n{ANY}', ANY],
                         ids=["none may", "any may", "any may, matched"])
def test_an_images_policy_label_chooses_nothing(engine, watch, image_with, docker):
    image = image_with("nxgate.policy=open")
    server = watch(docker)
    web = engine.run("web", image=image)
    attached(server, "web", "default")
    assert resolves(web) == {"default", "both"}
    server.wait_for_log("warning web: labels nxgate.policy=open are its image's: they choose no policy")


def test_a_container_that_ran_before_is_judged_by_its_own_labels_too(engine, watch, image_with):
    web = engine.run("web", image=image_with("nxgate.policy=open"))
    own = engine.run("own", *OWN)
    server = watch(f'attach = "all"\n{ANY}')
    attached(server, "web", "default")
    attached(server, "own", "open")
    assert resolves(web) == {"default", "both"} and "ci" in resolves(own)


def test_a_label_of_ones_own_goes_before_the_images(engine, watch, image_with):
    image = image_with("nxgate.policy=open")
    server = watch(ANY)
    web = engine.run("web", "--label", "nxgate.policy=ci", image=image)
    attached(server, "web", "ci")
    assert resolves(web) == {"ci", "both"}
    assert "its image's" not in server.log_text()


def test_the_same_label_at_both_cannot_be_told_apart_and_only_narrows(engine, watch, image_with):
    image = image_with("nxgate.policy=ci")
    server = watch(ANY)
    web = engine.run("web", "--label", "nxgate.policy=ci", image=image)
    attached(server, "web", "default")
    assert resolves(web) == {"both"}, "both the default and the operator's narrower one"


def test_an_images_allow_label_narrows_and_opens_nothing(engine, watch, image_with):
    image = image_with("nxgate.allow=both.test,open.test")
    server = watch()
    web = engine.run("web", image=image)
    attached(server, "web", "default")
    assert resolves(web) == {"both"}
    server.wait_for_log("restricted by nxgate.allow")


def test_a_presets_label_narrows_with_the_ports_of_its_rules(engine, watch):
    server = watch(ANY)
    labels = ["--label", "nxgate.policy=packages", "--label"]
    web = engine.run("web", *labels, "nxgate.presets=npm, pypi,npn")
    attached(server, "web", "packages")
    server.wait_for_log('warning web: label nxgate.presets: "npn": no such preset .did you mean "npm".*')
    assert status(web, "registry.npmjs.org") == "NOERROR"
    assert status(web, "github.com") == status(web, "pypi.org") == "NXDOMAIN"
    assert opened(web) == {("tcp", "443")}
    both = engine.run("both", *labels, "nxgate.presets=npm", "--label", "nxgate.allow=api.github.com")
    attached(server, "both", "packages")
    assert status(both, "registry.npmjs.org") == status(both, "api.github.com") == "NOERROR"
    assert status(both, "github.com") != "NXDOMAIN" and status(both, "codeload.github.com") == "NXDOMAIN"


def test_an_images_presets_label_narrows_too(engine, watch, image_with):
    server = watch()
    web = engine.run("web", image=image_with("nxgate.presets=npm"))
    attached(server, "web", "default")
    assert resolves(web) == set()
    server.wait_for_log("restricted by nxgate.presets")


@pytest.mark.parametrize("rule, labels", [
    ('project = "shop"', ["com.docker.compose.project=shop"]),
    ('project = "shop"\nservice = "web"', ["com.docker.compose.project=shop", "com.docker.compose.service=web"]),
    ('label = "tier=ci"', ["tier=ci"]),
], ids=["project", "service", "label"])
@pytest.mark.parametrize("docker", ["", 'attach = "all"'], ids=["matched", "all"])
def test_rules_are_not_matched_by_an_images_labels(engine, watch, image_with, docker, rule, labels):
    server = watch(docker, f'[[docker.containers]]\n{rule}\npolicy = "open"')
    web = engine.run("web", image=image_with(*labels))
    attached(server, "web", "default")
    assert resolves(web) == {"default", "both"}
    server.wait_for_log(f"warning web: labels .*{re.escape(labels[0])}.* are its image's")
    own = engine.run("own", *[word for label in labels for word in ("--label", label)])
    attached(server, "own", "open")
    assert "ci" in resolves(own)


def test_compose_2_leaves_its_labels_on_images_too(engine, watch, image_with):
    """Then the container names the image that it is made of, which an image can't do of itself."""
    labels = ["com.docker.compose.project=shop", "com.docker.compose.service=web"]
    image = image_with(*labels)
    identity = engine.docker("image", "inspect", "-f", "{{.Id}}", image).strip()
    server = watch("", '[[docker.containers]]\nproject = "shop"\npolicy = "ci"')
    web = engine.run("web", "--label", labels[0], "--label", labels[1], "--label",
                     f"com.docker.compose.image={identity}", image=image)
    attached(server, "web", "ci")
    assert resolves(web) == {"ci", "both"}
    liar = engine.run("liar", image=image_with(*labels, f"com.docker.compose.image={identity}"))
    attached(server, "liar", "default")
    assert resolves(liar) == {"both"}, "ci must allow as well"


def test_an_unknown_policy_in_a_label_is_an_error_that_names_those_there_are(engine, watch):
    server = watch(ANY)
    web = engine.run("web", "--label", "nxgate.policy=opne")
    server.wait_for_log("error web: label nxgate.policy=opne: no such policy; nothing can be resolved or reached; "
                        "there is ci, default, .*open")
    assert resolves(web) == set()


def test_by_default_no_label_chooses(engine, watch):
    server = watch()
    web = engine.run("web", *OWN)
    server.wait_for_log("web: label nxgate.policy=open: docker.label-policies doesn't let labels choose it")
    assert resolves(web) == set()


def test_a_guest_with_another_label_holds_both(engine, watch):
    server = watch(ANY)
    owner = engine.run("owner", "--label", "nxgate.policy=ci")
    attached(server, "owner", "ci")
    assert resolves(owner) == {"ci", "both"}
    engine.run("guest", "--network", "container:owner", "--label", "nxgate.policy=strict")
    server.wait_for_log("owner: policy ci, also restricted by strict from now on")
    server.wait_for_log("warning owner: guest shares its namespace, and its own policy would be strict")
    assert resolves(owner) == {"both"}
    assert status(owner, "no.both.test") == "NXDOMAIN"
    assert "ANSWER: 0" in owner.run("dig", "both.test", "TXT").stdout
    listed = json.loads(server.operate("attachments", "--json").stdout)["attachments"]
    assert listed[0]["held_to"] == ["strict"]
    assert "also restricted by strict" in server.operate("attachments").stdout
    engine.docker("rm", "-f", "guest")
    wait_for(lambda: resolves(owner) == {"ci", "both"})


def test_a_guest_that_asks_for_nothing_has_its_owners(engine, watch):
    server = watch(f'attach = "all"\n{ANY}')
    owner = engine.run("owner", "--label", "nxgate.policy=ci")
    engine.run("guest", "--network", "container:owner")
    attached(server, "owner", "ci")
    wait_for(lambda: resolves(owner) == {"ci", "both"})
    assert "shares its namespace" not in server.log_text()


@pytest.fixture
def walled_by_guest(engine, watch):
    """walled_by_guest(policy): an owner without a firewall, whose guest's policy has one."""

    def start(policy):
        server = watch(ANY)
        owner = engine.run("owner", "--label", "nxgate.policy=ci")
        engine.run("guest", "--network", "container:owner", "--label", f"nxgate.policy={policy}")
        server.wait_for_log(f"also restricted by {policy}")
        wait_for(lambda: "nxgate_egress" in owner.rules())
        return owner

    return start


def test_a_guests_firewall_holds_where_the_owner_has_none(walled_by_guest):
    owner = walled_by_guest("walled")
    assert resolves(owner) == {"both"}
    assert owner.run("nc", "-w", "2", "10.99.0.1", "9").returncode != 0
    assert ADDRESS in owner.rules()


def test_a_guests_denial_is_lifted_by_nothing_that_the_owner_was_led_to(engine, watch, configured):  # noqa: F811
    configured.script["both.test"] = answer("@ 60 CNAME led.example.", f"led.example. 60 A {ADDRESS}")
    server = watch(ANY)
    owner = engine.run("owner", "--label", "nxgate.policy=ci")
    attached(server, "owner", "ci")
    assert status(owner, "both.test") == status(owner, "led.example") == "NOERROR"
    engine.run("guest", "--network", "container:owner", "--label", "nxgate.policy=strict")
    server.wait_for_log("also restricted by strict")
    assert status(owner, "both.test") == "NOERROR"
    assert status(owner, "led.example") == "NXDOMAIN"


def test_ports_of_a_guests_rule_hold(walled_by_guest):
    owner = walled_by_guest("ported")
    assert status(owner, "both.test") == "NOERROR"
    assert opened(owner) == {("tcp", "443"), ("udp", "443")}


@pytest.mark.parametrize("label, ports", [
    ("both.test:22", {("tcp", "22"), ("udp", "22")}), ("both.test", {("ip", "0")})], ids=["ports", "any"])
def test_ports_of_an_allow_label_restrict(engine, watch, label, ports):
    server = watch(ANY)
    web = engine.run("web", "--label", "nxgate.policy=walled", "--label", f"nxgate.allow={label}")
    attached(server, "web", "walled")
    assert status(web, "both.test") == "NOERROR"
    assert opened(web) == ports


def test_without_ports_in_common_there_is_no_address(engine, watch):
    server = watch(ANY)
    web = engine.run("web", "--label", "nxgate.policy=ported", "--label", "nxgate.allow=both.test:80")
    attached(server, "web", "ported")
    answered = web.run("dig", "+tries=1", "both.test").stdout
    assert "status: NOERROR" in answered and "ANSWER: 0" in answered
    assert "egress=no ports in common" in answered
    assert opened(web) == set()


@pytest.mark.parametrize("who", ["owner", "guest"])
def test_the_operators_own_records_are_restricted_too(engine, watch, who):
    server = watch(ANY)
    web = engine.run("web", "--label", "nxgate.policy=own")
    attached(server, "web", "own")
    assert status(web, "mine.own") == status(web, "mirror.own") == "NOERROR"
    if who == "guest":
        engine.run("guest", "--network", "container:web", "--label", "nxgate.policy=ci")
        server.wait_for_log("also restricted by ci")
    else:
        web = engine.run("narrow", "--label", "nxgate.policy=own", "--label", "nxgate.allow=both.test")
        attached(server, "narrow", "own")
    assert status(web, "both.test") == status(web, "localhost") == "NOERROR"
    assert status(web, "mine.own") == status(web, "mirror.own") == "NXDOMAIN"


def test_two_guests_with_one_firewall_and_other_labels_get_what_both_allow(engine, watch):
    server = watch(ANY)
    owner = engine.run("owner", "--label", "nxgate.policy=ci")
    for name, label in (("one", "both.test,ci.test"), ("two", "both.test")):
        engine.run(name, "--network", "container:owner", "--label", "nxgate.policy=walled",
                   "--label", f"nxgate.allow={label}")
    server.wait_for_log("also restricted by walled.*walled")
    assert resolves(owner) == {"both"}


def test_a_guest_that_starts_while_nxgate_does_restricts(engine, watch, directory):
    owner = engine.run("owner", "--label", "nxgate.policy=ci")
    engine.docker("create", "--name", "guest", "--network", "container:owner", "--label", "nxgate.policy=strict",
                  IMAGE, "sleep", "1000")
    guest = engine.docker("inspect", "-f", "{{.Id}}", "guest").strip()
    server = watch(ANY)
    with socket.socket(socket.AF_UNIX) as hook:
        hook.settimeout(10)
        hook.connect(str(directory / "hook.sock"))
        hook.sendall(f"{owner.pid} {guest}\n".encode())
        assert hook.recv(200) == b"\n", "nothing is wrong"
    assert server.process.poll() is None
    assert status(owner, "no.both.test") == status(owner, "ci.test") == "NXDOMAIN"


def test_two_firewalls_cannot_both_be_held_so_nothing_resolves(engine, watch):
    server = watch(ANY)
    owner = engine.run("owner", "--label", "nxgate.policy=walled")
    engine.run("guest", "--network", "container:owner", "--label", "nxgate.policy=firewalled")
    server.wait_for_log("error owner: the policies walled and firewalled in one namespace each have a firewall")
    assert resolves(owner) == set()


def test_nor_can_those_of_two_guests(engine, watch):
    server = watch(ANY)
    owner = engine.run("owner", "--label", "nxgate.policy=ci")
    engine.run("one", "--network", "container:owner", "--label", "nxgate.policy=walled")
    engine.run("two", "--network", "container:owner", "--label", "nxgate.policy=firewalled")
    server.wait_for_log("error owner: the policies (walled and firewalled|firewalled and walled) in one namespace")
    assert resolves(owner) == set()
    assert "fault" in server.operate("status").stdout
