"""Names of a Swarm in an attached container: as Docker's own resolver has them, of all nodes."""
import json
import re
import time

import pytest

from harness.engine import Container, Engine
from harness.netns import Namespace
from harness.scripted_engine import scripted  # noqa: F401
from harness.timing import wait_for
from harness.upstream import answer

OVERLAY = "z8rjbjbxq1wzclygo8btagqti"
QUESTIONS = ["web", "web.overlay", "tasks.web", "shop", "tasks.shop", "rr", "tasks.rr", "alone", "tasks.alone",
             "nobody"]


@pytest.fixture(scope="module")
def manager():
    """An engine of its own: one that keeps containers alive can't be of a Swarm."""
    made = []

    def namespace(label):
        made.append(Namespace(label))
        return made[-1]

    engine = Engine(namespace)
    engine.docker("swarm", "init", "--advertise-addr", "10.99.0.2", "--listen-addr", "10.99.0.2:2377")
    engine.docker("network", "create", "-d", "overlay", "--attachable", "overlay")
    engine.docker("service", "create", "-d", "--name", "web", "--replicas", "2", "--network",
                  "name=overlay,alias=shop", "--no-resolve-image", "nxgate-test:1")
    engine.docker("service", "create", "-d", "--name", "rr", "--endpoint-mode", "dnsrr", "--network", "overlay",
                  "--no-resolve-image", "nxgate-test:1")
    wait_for(lambda: len(engine.docker("ps", "-q", "--filter", "label=com.docker.swarm.service.name").split()) == 3,
             60, "the services' tasks")
    yield engine
    engine.docker("service", "rm", "web", "rr")
    engine.docker("swarm", "leave", "--force")
    engine.stop()
    for each in made:
        each.delete()


def asked(container, *question):
    """The addresses, or names, in an answer."""
    done = container.run("dig", "+tries=2", "+time=2", "+short", *question)
    return sorted(line for line in done.stdout.splitlines() if not line.startswith(";"))


def attach(nxgate, upstream, engine, *arguments):
    server = upstream({"allowed.test": answer("@ 60 A 203.0.113.7")}, namespace=engine.outside, address="10.99.0.1")
    return nxgate(*arguments, "--engine", engine.socket, "--allow", "allowed.test", "--upstream",
                  f"10.99.0.1:{server.port}@{engine.outside.path}", command="attach", listen=[])


@pytest.fixture
def alone(manager):
    container = manager.run("alone", network="overlay")
    wait_for(lambda: len(asked(container, "tasks.web")) == 2, 30)
    yield container
    manager.docker("rm", "-f", "alone")


def test_names_are_those_of_dockers_own_resolver(manager, alone, nxgate, upstream):
    before = {name: asked(alone, name) for name in QUESTIONS}
    assert before["web"] and before["shop"] == before["web"] and len(before["tasks.shop"]) == 2
    reverse = {address: asked(alone, "-x", address) for address in before["tasks.web"] + before["rr"]}
    assert all(reverse.values())
    attach(nxgate, upstream, manager, "alone")
    wait_for(lambda: asked(alone, "shop"))
    assert {name: asked(alone, name) for name in QUESTIONS} == before
    assert {address: asked(alone, "-x", address) for address in reverse} == reverse
    assert asked(alone, "allowed.test") == ["203.0.113.7"]


def test_a_service_that_grows_is_followed(manager, alone, nxgate, upstream):
    attach(nxgate, upstream, manager, "alone")
    manager.docker("service", "scale", "-d", "web=3")
    try:
        wait_for(lambda: len(asked(alone, "tasks.web")) == 3, 60)
    finally:
        manager.docker("service", "scale", "-d", "web=2")
    wait_for(lambda: len(asked(alone, "tasks.web")) == 2, 60)


def test_a_task_is_attached_like_any_container(manager, nxgate, upstream):
    name = manager.docker("ps", "--format", "{{.Names}}", "--filter", "name=rr.1").strip()
    task = Container(manager, name)
    before = asked(task, "tasks.web")
    attach(nxgate, upstream, manager, name)
    wait_for(lambda: asked(task, "tasks.web") == before)
    assert "NXDOMAIN" in task.run("dig", "tired.com").stdout


def task(name, address):
    return {"Name": name, "EndpointID": "e", "EndpointIP": address, "Info": {"Host IP": "192.0.2.9"}}


def on_overlay(container):
    return {**container.inspected(), "NetworkSettings": {"Networks": {"overlay": {
        "NetworkID": OVERLAY, "IPAddress": "10.0.1.7", "Aliases": [container.id[:12]]}}}}


def described(**more):
    """A network, with a service on another node."""
    return {"Name": "overlay", "Id": OVERLAY, "Scope": "swarm", "Driver": "overlay", "Services": {
        "": {"VIP": "<nil>", "Tasks": [task("far", "10.0.1.8")]},
        "shop_db": {"VIP": "10.0.1.5", "Tasks": [task("shop_db.1.z", "10.0.1.6")]},
        "web": {"VIP": "10.0.1.2", "Tasks": [task("web.1.x", "10.0.1.3"), task("web.2.y", "10.0.1.4")]}}, **more}


@pytest.fixture
def worker(scripted, namespace, nxgate):
    """worker(ANSWERS): an engine with one container on a Swarm's network, attached."""
    def start(network, services=(503, {"message": "This node is not a swarm manager."})):
        app = namespace("app")
        container = scripted.add("a", "app", app, labels={"com.docker.stack.namespace": "shop"})
        scripted.inspect[container.id] = (200, on_overlay(container))
        scripted.others = {f"/networks/{OVERLAY}": network, "/services": services}
        server = nxgate(container.id, "--engine", scripted.path, command="attach", listen=[])
        return app, server

    return start


def asked_in(namespace, *question):
    return sorted(namespace.run("dig", "+tries=1", "+time=2", "+short", "@127.0.0.11", *question).stdout.split())


def faults(server):
    return [each["text"] for each in json.loads(server.operate("status", "--json").stdout).get("faults", [])]


def test_a_worker_knows_other_nodes_and_says_what_it_cannot_know(worker):
    app, server = worker((200, described()))
    line = server.wait_for_log("only a manager node can list them")
    assert re.search(r"app: overlay: other names \(aliases\) of services", line)
    assert asked_in(app, "web") == ["10.0.1.2"]
    assert asked_in(app, "tasks.web") == ["10.0.1.3", "10.0.1.4"]
    assert asked_in(app, "far") == ["10.0.1.8"]
    assert asked_in(app, "shop_db") == asked_in(app, "db") == ["10.0.1.5"], "as the stack's file calls it"
    assert asked_in(app, "tasks.db") == ["10.0.1.6"]
    assert asked_in(app, "-x", "10.0.1.3") == ["web.1.x.overlay."]
    assert any("only a manager node can list them" in text for text in faults(server))
    assert server.log_text().count("only a manager node") == 1


def test_an_engine_that_does_not_tell_is_told_of(worker):
    app, server = worker((200, {**described(), "Services": None}))
    server.wait_for_log("app: overlay: the engine doesn't say which services and containers other nodes have")
    assert asked_in(app, "web") == []


def test_what_was_known_holds_while_the_engine_says_nothing(worker, scripted):
    services = [{"ID": "s", "Spec": {"Name": "web", "TaskTemplate": {
        "Networks": [{"Target": OVERLAY, "Aliases": ["shop"]}, {"Target": "another", "Aliases": ["not-here"]}]}}}]
    app, server = worker((200, described()), (200, services))
    wait_for(lambda: asked_in(app, "shop") == ["10.0.1.2"])
    assert asked_in(app, "tasks.shop") == ["10.0.1.3", "10.0.1.4"]
    assert asked_in(app, "not-here") == []
    assert faults(server) == []
    scripted.others[f"/networks/{OVERLAY}"] = (500, {"message": "something is wrong"})
    wait_for(lambda: any("something is wrong" in text for text in faults(server)))
    assert asked_in(app, "tasks.web") == ["10.0.1.3", "10.0.1.4"]
    scripted.others[f"/networks/{OVERLAY}"] = (200, described(Services={
        "web": {"VIP": "", "Tasks": [task("web.1.x", "10.0.1.5")]}}))
    wait_for(lambda: asked_in(app, "web") == ["10.0.1.5"])
    assert asked_in(app, "far") == []


def test_a_network_of_this_engine_alone_is_asked_about_once(worker, scripted):
    app, server = worker((200, described(Scope="local", Services=None)))
    wait_for(lambda: any(f"/networks/{OVERLAY}" in each for each in scripted.requests))
    server.operate("status")
    time.sleep(3)
    assert sum(f"/networks/{OVERLAY}" in each for each in scripted.requests) == 1
    assert faults(server) == [] and not any("/services" in each for each in scripted.requests)
