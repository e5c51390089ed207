"""`container:NAME` as the network namespace of a listener and of upstreams: followed, whatever becomes of the container."""
import json
import re
import subprocess
import time

import pytest

from harness.nxgate import addresses, rcode, run
from harness.timing import wait_for
from harness.upstream import answer

NAME, ADDRESS = "allowed.test", "203.0.113.7"

LISTENING = """
[server]
listen = ["127.0.0.1:PORT", "127.0.0.1:53@container:web"]

[docker]
socket = "ENGINE"

[policies.default]
records = ["allowed.test A 203.0.113.7"]
"""
ASKING = """
[server]
listen = ["127.0.0.1:PORT"]

[docker]
socket = "ENGINE"

[upstreams.inside]
servers = ["127.0.0.11"]
netns = "container:web"

[policies.default]
allow = ["db"]
upstream = "inside"
"""


@pytest.fixture
def serve(engine, nxgate):
    def start(config):
        return nxgate(config=config.replace("ENGINE", engine.socket))

    return start


def asked_inside(container, qname=NAME):
    done = container.run("dig", "+tries=1", "+time=1", "+short", "@127.0.0.1", qname)
    return done.stdout.strip()


def faults(server):
    return [each["text"] for each in json.loads(server.operate("status", "--json").stdout).get("faults", [])
            if each["source"] == "containers"]


def test_a_listener_follows_its_container(engine, serve):
    web = engine.run("web")
    server = serve(LISTENING)
    server.wait_for_log("listening on 127.0.0.1:53@container:web$")
    wait_for(lambda: asked_inside(web) == ADDRESS)
    since = len(server.log)
    engine.docker("restart", "-t", "0", "web")
    server.wait_for_log("listening on 127.0.0.1:53@container:web again", since=since)
    wait_for(lambda: asked_inside(web) == ADDRESS)
    engine.docker("rm", "-f", "web")
    server.wait_for_log("container web doesn't exist; waiting for it: listener 127.0.0.1:53")
    assert faults(server) == ["container web doesn't exist; waiting for it: listener 127.0.0.1:53"]
    assert addresses(server.query(NAME)) == [ADDRESS], "the other listener goes on"
    since = len(server.log)
    new = engine.run("web")
    server.wait_for_log("listening on 127.0.0.1:53@container:web again", since=since)
    wait_for(lambda: asked_inside(new) == ADDRESS)
    wait_for(lambda: not faults(server))


def test_one_that_does_not_exist_yet_is_told_and_awaited(engine, serve):
    server = serve(LISTENING)
    server.wait_for_log("container web doesn't exist; waiting for it: listener 127.0.0.1:53")
    engine.docker("create", "--name", "web", "nxgate-test:1")
    server.wait_for_log("container web isn't running; waiting for it")
    engine.docker("start", "web")
    server.wait_for_log("listening on 127.0.0.1:53@container:web$")
    server.wait_for_log("container web is there, for listener 127.0.0.1:53")


def test_a_port_that_is_taken_in_there_is_told(engine, serve):
    web = engine.run("web")
    holder = subprocess.Popen(["nsenter", "-t", str(web.pid), "-n", "/usr/bin/python3", "-c", """
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("127.0.0.1", 53)); print(flush=True); time.sleep(1000)
"""], stdout=subprocess.PIPE)
    try:
        holder.stdout.readline()
        server = serve(LISTENING)
        told = server.wait_for_log("127.0.0.1:53@container:web/udp is in use by another program")
        assert "nsenter -n -t $(docker inspect -f '{{.State.Pid}}' web) ss -lunp" in told
        time.sleep(2.5)
        assert server.log_text().count("is in use by another program") == 1, "told once"
    finally:
        holder.kill()
        holder.wait()
    server.wait_for_log("listening on 127.0.0.1:53@container:web$")


def test_upstreams_follow_theirs(engine, serve):
    network = engine.network("app_net")
    db = engine.run("db", network=network)
    server = serve(ASKING)
    server.wait_for_log("container web doesn't exist; waiting for it: upstream inside")
    assert rcode(server.query("db")) == "SERVFAIL"
    engine.run("web", network=network)

    def resolves():
        return addresses(server.query("db")) == [db.address(network)]

    wait_for(resolves, 20)
    engine.docker("restart", "-t", "0", "web")
    server.operate("flush")
    wait_for(resolves, 20)


def test_another_container_takes_the_name(engine, serve):
    old = engine.run("web")
    server = serve(LISTENING)
    wait_for(lambda: asked_inside(old) == ADDRESS)
    new = engine.run("next")
    engine.docker("rename", "web", "old")
    engine.docker("rename", "next", "web")
    old.name, new.name = "old", "web"
    wait_for(lambda: asked_inside(new) == ADDRESS, 20)
    assert asked_inside(old) != ADDRESS


@pytest.mark.parametrize("options, words", [
    (["--network", "host"], "container web uses the host's network"),
])
def test_the_hosts_namespace_is_no_containers(engine, serve, options, words):
    engine.run("web", *options)
    server = serve(LISTENING)
    server.wait_for_log(words)


def test_one_that_shares_anothers_namespace(engine, serve):
    base = engine.run("base")
    engine.run("web", "--network", "container:base")
    server = serve(LISTENING)
    server.wait_for_log("listening on 127.0.0.1:53@container:web$")
    wait_for(lambda: asked_inside(base) == ADDRESS)


def test_the_server_itself_gets_no_rights(engine, serve):
    engine.run("web")
    server = serve(LISTENING)
    server.wait_for_log("listening on 127.0.0.1:53@container:web$")
    kept = re.search(r"CapEff:\s+(\w+)", open(f"/proc/{server.pid}/status").read())[1]
    assert int(kept, 16) == 0
    kept = re.search(r"CapEff:\s+(\w+)", open(f"/proc/{server.helper}/status").read())[1]
    assert int(kept, 16) & (1 << 12) == 0, "no NET_ADMIN"


def test_on_the_command_line(engine, nxgate):
    engine.run("web")
    server = nxgate("--listen", "127.0.0.1:53@container:web", "--record", f"{NAME} A {ADDRESS}",
                    environment={"DOCKER_HOST": f"unix://{engine.socket}"})
    server.wait_for_log("listening on 127.0.0.1:53@container:web$")


def test_beside_attached_containers(engine, nxgate):
    """What the helper may do for a named container is no right to change its rules, and the other way round."""
    network = engine.network("app_net")
    engine.run("db", network=network)
    web, job = engine.run("web", network=network), engine.run("job")
    server = nxgate("job", command="attach", config=ASKING.replace("ENGINE", engine.socket))
    server.wait_for_log("container web is there")
    wait_for(lambda: engine.docker("inspect", "-f",
                                   "{{(index .NetworkSettings.Networks \"app_net\").IPAddress}}", "db").strip()
             in job.run("dig", "+short", "db").stdout, 20)
    assert "nxgate" not in web.rules()


def test_an_attached_container_is_not_asked_in(engine):
    engine.run("web")
    done = run("attach", "web", "--engine", engine.socket, "--allow", NAME, "--upstream", "127.0.0.11@container:web")
    assert done.returncode == 1
    assert "upstream default is queried from the container web" in done.stderr


def test_an_engine_that_is_not_there_is_told(nxgate, directory):
    server = nxgate(config=LISTENING.replace("ENGINE", f"{directory}/none.sock"))
    server.wait_for_log(f"container web can't be looked for: no Docker engine at {directory}/none.sock")


@pytest.mark.parametrize("text", ["container:", "container:-web", "container:a/b", "container:a b", "container:a?b"])
def test_bad_names_are_refused_with_their_place(directory, text):
    config = directory / "bad.toml"
    config.write_text(f'[server]\nlisten = ["127.0.0.1:53@{text}"]\n')
    done = run("check", config)
    assert done.returncode != 0
    assert f"{config}:2:11: " in done.stderr and "the name of a container" in done.stderr
    config.write_text(f'[upstreams.a]\nservers = ["192.0.2.1"]\nnetns = "{text}"\n')
    done = run("check", config)
    assert done.returncode != 0
    assert f"{config}:3:9: " in done.stderr and "the name of a container" in done.stderr


def test_attach_takes_the_name_alone():
    done = run("attach", "--netns", "container:web", "--allow", NAME)
    assert done.returncode == 1 and "write `nxgate attach web`" in done.stderr
