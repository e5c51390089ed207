"""An engine that answers late, oddly or not at all: who can be held is held, and the rest is told."""
import http.client
import json
import re
import socket
import time

import pytest

from harness.engine import IMAGE
from harness.nxgate import SANITIZED
from harness.scripted_engine import scripted  # noqa: F401
from harness.timing import wait_for
from harness.told import health

CONFIG = """
[policies.default]
[docker]
attach = "all"
socket = "ENGINE"
[control]
socket = "CONTROL"
"""


@pytest.fixture
def watch(nxgate, directory):
    """watch(socket of the engine): `nxgate docker`, which attaches all."""

    def start(socket_path):
        text = CONFIG.replace("ENGINE", str(socket_path)).replace("CONTROL", f"{directory}/control.sock")
        server = nxgate("--hook-socket", str(directory / "hook.sock"), config=text, command="docker")
        server.control = directory / "control.sock"
        return server

    return start


def unattached(server):
    """By name: why, and the reason."""
    listed = json.loads(server.operate("status", "--json").stdout)["unattached"]
    return {each["name"]: (each["why"], each["reason"]) for each in listed}


def gated(container):
    return "nxgate" in container.namespace.run("nft", "list", "ruleset").stdout


def test_an_odd_entry_is_left_out_alone(scripted, namespace, watch):
    web = scripted.add("a", "web", namespace("web"))
    scripted.list = 200, [{"Id": "abc", "Names": ["/short"], "State": "running"},
                          {**web.listed(), "Id": "b" * 64, "Names": ["/numbered"],
                           "Labels": {"nxgate.policy": 7}}, web.listed()]
    server = watch(scripted.path)
    assert gated(web)
    odd = unattached(server)
    assert odd["short"][0] == odd["numbered"][0] == "undescribed"
    assert "64 hexadecimal digits" in odd["short"][1]
    code, text = health(server)
    assert code == 1 and "1 of 3 attached" in text and "short" in text
    assert len(re.findall("an invalid entry", server.log_text())) == 2
    assert re.search(r'nxgate_unattached{reason="undescribed",wanted="true"} 2',
                     server.operate("metrics").stdout)


@pytest.mark.parametrize("how", ["hang", (500, {"message": "no"}), (200, b"[]"), (200, b"{")],
                         ids=["hangs", "500", "array", "half"])
def test_a_description_that_does_not_come_delays_and_opens_nobody(scripted, namespace, watch, how):
    web, other = (scripted.add(digit, digit, namespace(digit)) for digit in "ab")
    scripted.inspect[web.id] = how
    before = time.monotonic()
    server = watch(scripted.path)
    assert time.monotonic() - before < (20 if SANITIZED else 3)
    assert gated(other)
    assert gated(web), "by its entry in the list, and its process"
    assert health(server)[0] == 0
    del scripted.inspect[web.id]
    asked = len([each for each in scripted.requests if web.id in each])
    wait_for(lambda: len([each for each in scripted.requests if web.id in each]) > asked, 20,
             "another inspection")
    assert server.log_text().count("attached a ") == 1


def test_many_that_hang_delay_nobody(scripted, namespace, watch):
    for digit in "bcdef0123456789":
        scripted.inspect[scripted.add(digit, digit, namespace(digit)).id] = "hang"
    web = scripted.add("a", "web", namespace("web"))
    before = time.monotonic()
    watch(scripted.path)
    assert time.monotonic() - before < (20 if SANITIZED else 5)
    assert all(map(gated, scripted.containers)), web


def test_one_that_starts_and_is_not_described_is_told(scripted, namespace, watch):
    server = watch(scripted.path)
    web = scripted.add("a", "web", namespace("web"))
    scripted.inspect[web.id] = 500, {"message": "no such thing"}
    scripted.event(web)
    wait_for(lambda: web.id[:12] in unattached(server), 10)
    why, reason = unattached(server)[web.id[:12]]
    assert why == "undescribed" and f"GET /containers/{web.id}/json: " in reason
    assert "no such thing" in reason
    assert health(server)[0] == 1
    del scripted.inspect[web.id]
    # It may have been closed before, by its namespace alone.
    server.wait_for_log("attached web ")
    assert gated(web)
    wait_for(lambda: health(server)[0] == 0, 10)


def test_those_that_start_are_closed_before_the_engine_says_who_they_are(scripted, namespace, watch):
    server = watch(scripted.path)
    scripted.list = "hang"
    for digit in "abcde":
        web = scripted.add(digit, digit, namespace(digit))
        wait_for(lambda: gated(web), 0.5, "a gate")
    assert "attached" not in server.log_text()
    scripted.list = None
    for web in scripted.containers:
        scripted.event(web)
        server.wait_for_log(f"attached {web.name} ")


@pytest.mark.parametrize("how", [(500, {"message": "no"}), (200, b"[nonsense]"), (200, {})],
                         ids=["500", "nonsense", "object"])
def test_a_list_that_does_not_come_is_told(scripted, namespace, watch, how):
    web = scripted.add("a", "web", namespace("web"))
    scripted.list = how
    server = watch(scripted.path)
    code, text = health(server)
    assert code == 1 and "GET /containers/json: " in text
    assert "canceled" not in server.log_text()
    scripted.list = None
    wait_for(lambda: gated(web), 10)
    assert health(server)[0] == 0


def test_garbage_among_events_hides_none(scripted, namespace, watch):
    server = watch(scripted.path)
    web = scripted.add("a", "web", namespace("web"))
    scripted.tell("garbage\n{\"Type\": 7}\n" + "[" * 100_000 + "\n")
    scripted.event(web)
    wait_for(lambda: gated(web), 10)
    server.wait_for_log("invalid event from the Docker engine")
    assert len([each for each in scripted.requests if "/events" in each]) == 1


@pytest.mark.skipif(SANITIZED, reason="it takes a minute")
def test_a_lost_event_heals_within_a_minute(scripted, namespace, watch):
    server = watch(scripted.path)
    scripted.add("a", "web", namespace("web"))
    assert "attached web" not in server.log_text()
    server.wait_for_log("attached web", timeout=75)


class Api(http.client.HTTPConnection):
    """The engine's, for what its command line can't say."""

    def __init__(self, path):
        super().__init__("docker", timeout=120)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(120)
        self.sock.connect(self._path)

    def run(self, name, labels):
        for target, body in ((f"/containers/create?name={name}", {"Image": IMAGE, "Labels": labels}),
                             (f"/containers/{name}/start", None)):
            self.request("POST", target, body=json.dumps(body) if body else None,
                         headers={"Content-Type": "application/json"})
            answer = self.getresponse()
            assert answer.status in (201, 204), answer.read()
            answer.read()


def test_labels_of_six_megabytes_are_no_way_out(engine, watch):
    api = Api(engine.socket)
    for number in range(6):
        api.run(f"heavy{number}", {"x": "l" * (6 << 20), "nxgate.allow": "a.test"})
    server = watch(engine.socket)
    for number in range(6, 12):
        api.run(f"heavy{number}", {"x": "l" * (6 << 20), "nxgate.allow": "a.test"})
    light = engine.run("light", command=["sh", "-c", "nslookup first.test; sleep 1000"])
    for name in ("light", *(f"heavy{number}" for number in range(12))):
        server.wait_for_log(f"attached {name} ")
    assert "NXDOMAIN" in wait_for(light.logs)
    assert health(server)[0] == 0
    assert len(re.findall(r'attached heavy\d+ \(policy default restricted to "a.test"\)',
                          server.log_text())) == 12
    with open(f"/proc/{server.pid}/status") as status:
        peak = int(re.search(r"VmHWM:\s+(\d+) kB", status.read())[1])
    assert peak < (1 << 20 if SANITIZED else 200 << 10), "nothing of the labels is kept"
