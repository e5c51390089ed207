"""Connections whose names are checked are seen: as they come, while they are open, in numbers."""
import contextlib
import json
import re
import socket
import ssl
import subprocess

import pytest
from harness.control import Control
from harness.nxgate import BINARY, run
from harness.terminal import Terminal
from harness.timing import wait_for
from harness.tls import tls_client
from test_control import OPENAPI, valid
from test_names import (  # noqa: F401 (fixtures)
    OTHER, SHARED, app, ask, attach, get, greet, outside, site, talk, web)
from test_dnstap import path, reader  # noqa: F401 (fixtures)

import jsonschema

CONNECTION = {"$ref": "#/components/schemas/ConnectionEvent", "components": OPENAPI["components"]}


@pytest.fixture
def running(app, site, attach):
    """nxgate with a TLS server behind it, and names that were asked for."""
    site()
    made = attach(app)
    ask(app, "good.test")
    return made


@contextlib.contextmanager
def held(app, name="good.test", address=SHARED):
    """An open connection: what it gets is what it said."""
    def begin():
        plain = socket.create_connection((address, 443), timeout=5)
        inner = tls_client().wrap_socket(plain, server_hostname=name)
        inner.recv(100)
        return inner
    inner = app.call(begin)
    try:
        yield inner
    finally:
        inner.close()


@contextlib.contextmanager
def watching(running, *arguments):
    command = [BINARY, "watch", "--control", running.control, *arguments]
    with Control(running.control) as control:
        before = control.readers()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        wait_for(lambda: control.readers() > before, what="the reader's tap")
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def refuse(app, name="bad.test"):
    with pytest.raises(ssl.SSLError):
        greet(app, SHARED, name)


def lines(process):
    return [json.loads(line) for line in process.communicate(timeout=20)[0].splitlines()]


def checked(event):
    jsonschema.Draft202012Validator(CONNECTION).validate(event)
    return event


def test_watch_shows_each_decision_and_each_end(app, running):
    with watching(running, "--json", "--count", "3") as seen:
        refuse(app)
        greet(app, SHARED, "good.test")
        denied, opened, ended = map(checked, lines(seen))
    assert (denied["what"], denied["verdict"], denied["name"]) == ("denied", "name-denied", "bad.test")
    assert (denied["rule"], denied["why"]) == ("default", "the name isn't allowed")
    assert denied["server"] == f"{SHARED}:443" and denied["policy"] == "default"
    assert denied["client"] == "10.77.0.2" and denied["container"] == app.path
    assert (opened["what"], opened["verdict"], opened["rule"]) == ("opened", "allowed", "good.test")
    assert opened["number"] == ended["number"] != denied["number"]
    assert ended["what"] == "ended" and ended["sent"] > 200 and ended["received"] > 500


def test_watch_reads_well_and_selects(app, running):
    with watching(running, "--denied", "--count", "1") as denied, \
            watching(running, "--name", "good.test", "--json", "--count", "1") as named, \
            watching(running, "--client", app.path, "--policy", "default", "--count", "3") as text:
        refuse(app)
        greet(app, SHARED, "good.test")
        assert re.fullmatch(rf"\d\d:\d\d:\d\d {app.path} denied    connect  443   bad.test at "
                            rf"{SHARED}:443 \(the name isn't allowed, default\)\n",
                            denied.communicate(timeout=20)[0])
        assert [each["what"] for each in lines(named)] == ["opened"]
        told = text.communicate(timeout=20)[0]
    assert re.search(r"opened +connect +443 +good\.test at \S+ \(good\.test\)$", told, re.M)
    assert re.search(r"ended +connect .* \(\S+ B sent, \S+ \w+ received, \d\.\d{3} s, good\.test\)$",
                     told, re.M)


def test_a_server_that_refuses_is_a_failure(app, attach, outside):
    running = attach(app)
    ask(app, "good.test")
    with watching(running, "--json", "--count", "1") as seen:
        with pytest.raises(OSError):
            greet(app, SHARED, "good.test")
        failed, = map(checked, lines(seen))
    assert (failed["what"], failed["verdict"]) == ("failed", "allowed")
    assert "refused" in failed["why"]
    assert status(running)["failed"] == 1


def test_a_later_request_that_is_denied(app, web, attach):
    running = attach(app)
    ask(app, "good.test")
    with watching(running, "--json", "--count", "3") as seen:
        assert "403 Forbidden" in talk(app, get("/one", "good.test"), get("/two", "bad.test"))
        opened, denied, ended = map(checked, lines(seen))
    assert [each["what"] for each in (opened, denied, ended)] == ["opened", "denied", "ended"]
    assert opened["number"] == denied["number"] == ended["number"]
    assert (opened["name"], denied["name"]) == ("good.test", "bad.test")
    now = status(running)
    assert (now["opened"], now["denied"]) == (1, 1)


def test_what_is_no_name_is_told_as_it_was_said(app, web, attach):
    running = attach(app)
    ask(app, "good.test")
    with watching(running, "--json", "--count", "2") as seen:
        for host in (b"\xff_%00", b"\x1b[31m"):
            talk(app, b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
        first, second = map(checked, lines(seen))
    for each in (first, second):
        assert each["what"] == "denied" and each["policy"] == "default" and each["why"]
        assert each.get("name", "").isascii()


def test_dnstap_and_learning_have_none(app, site, attach, reader, path):
    site()
    capture = reader(path=path)
    running = attach(app, egress=f'\n[query-log.dnstap]\nto = "{path}"')
    running.operate("learn", "start", "--deny")
    wait_for(lambda: json.loads(running.operate("status", "--json").stdout)["dnstap"]["connected"])
    ask(app, "good.test")
    refuse(app)
    greet(app, SHARED, "good.test")
    wait_for(lambda: status(running)["open"] == 0)
    assert "bad.test" not in running.operate("learn", "propose").stdout
    running.stop()
    assert [line.split()[0] for line in capture.lines()] == ["CQ", "CR"]


def status(running):
    return json.loads(running.operate("status", "--json").stdout)["connections"]


@pytest.mark.parametrize("choice, logged", [
    ("all", ["denied", "denied", "opened", "ended"]), ("denied", ["denied", "denied"]),
    ("first-seen", ["denied", "opened"])])
def test_the_query_log_has_them(app, site, nxgate, attach, directory, choice, logged):
    site()
    directory.chmod(0o777)
    log = directory / "queries"
    made = attach(app, egress=f'\n[query-log]\npath = "{log}"\nqueries = "{choice}"\nskip = ["also.test"]')
    ask(app, "good.test")
    refuse(app)
    refuse(app)
    refuse(app, "also.test")
    greet(app, SHARED, "good.test")
    wait_for(lambda: status(made)["open"] == 0)
    made.stop()
    events = [json.loads(line) for line in log.read_text().splitlines()]
    connections = [checked(each) for each in events if each.get("event") == "connection"]
    assert [each["what"] for each in connections] == logged


def test_they_are_counted(app, running):
    refuse(app)
    refuse(app)
    with held(app) as inner:
        app.call(lambda: inner.sendall(b"x" * 100_000))
        got = 0
        while got < 100_000:
            got += len(app.call(lambda: inner.recv(65536)))
        now = status(running)
        assert (now["open"], now["opened"], now["denied"], now["failed"]) == (1, 1, 2, 0)
        assert now["sent"] > 100_000 and now["received"] > 100_000, "while it is open"
        text = running.operate("metrics").stdout
        assert re.search(r"^connections +1 open, 1 opened, 2 denied, 0 failed, 0 turned away$",
                         running.operate("status").stdout, re.M)
    assert 'nxgate_connections_total{policy="default",verdict="denied"} 2\n' in text
    assert 'nxgate_connections_total{policy="default",verdict="opened"} 1\n' in text
    assert "nxgate_connections_open 1\n" in text
    assert "nxgate_connections_turned_away_total 0\n" in text
    assert float(re.search(r'nxgate_connection_bytes_total{direction="sent"} (\S+)', text)[1]) > 100_000
    wait_for(lambda: status(running)["open"] == 0)


def test_open_ones_are_listed(app, running):
    assert running.operate("connections").stdout == "no connections whose names are checked are open\n"
    with held(app), held(app):
        with Control(running.control) as control:
            reply = valid(control.ask("GET", "/v1/connections"), "GET", "/v1/connections")
            valid(control.ask("GET", "/v1/status"), "GET", "/v1/status")
        first, second = reply["connections"]
        assert first["number"] < second["number"] and first["name"] == "good.test"
        assert first["server"] == f"{SHARED}:443" and first["client"].startswith("10.77.0.2:")
        assert first["container"] == app.path and first["sent"] > 0 and first["received"] > 0
        text = running.operate("connections").stdout
        assert re.search(rf"^10\.77\.0\.2:\d+ +good\.test +{SHARED}:443 +default +{app.path} +00:0\d ",
                         text, re.M)
        assert json.loads(running.operate("connections", "--json").stdout)["connections"][0]["number"] \
            == first["number"]
    wait_for(lambda: "no connections" in running.operate("connections").stdout)


def explained(running, *arguments):
    return running.operate("explain", "--connect", *arguments).stdout


def fact(text, what):
    return re.search(rf"^{what} +(.*)$", text, re.M)[1]


def test_explain_tells_what_a_connection_would_meet(app, running):
    client = ("--client", app.path)
    text = explained(running, "good.test", *client)
    assert fact(text, "verdict") == "allowed at an address that the client was told"
    assert 'allow "good.test"' in fact(text, "rule") and fact(text, "check") == "the name in TLS"
    assert re.fullmatch(rf"{SHARED}: allowed, open for \d+ s more", fact(text, "address"))
    assert fact(explained(running, "good.test:443", "--address", SHARED, *client), "verdict") == "allowed"
    told = explained(running, "good.test", "--address", OTHER, *client)
    assert fact(told, "verdict") == "denied: the client wasn't told this address for this name"
    assert "it must ask nxgate" in fact(told, "help")
    assert "denied until" in fact(explained(running, "also.test", *client), "verdict")
    assert fact(explained(running, "bad.test", *client), "verdict") == "denied: the name isn't allowed"
    assert "no name" in fact(explained(running, SHARED, *client), "verdict")
    assert "alone" in fact(explained(running, "good.test:22", *client), "verdict")
    assert "no firewall" in fact(explained(running, "good.test"), "verdict")
    with Control(running.control) as control:
        path = f"/v1/explain/connection?connect=good.test&client={app.path}"
        valid(control.ask("GET", path), "GET", "/v1/explain/connection")
        valid(control.ask("GET", "/v1/explain/connection?connect=a..b"), "GET", "/v1/explain/connection", 400)
        valid(control.ask("GET", "/v1/explain/connection?connect=a.b&client=x"), "GET",
              "/v1/explain/connection", 404)


def test_explain_by_a_configuration_alone(directory):
    config = directory / "n.toml"
    config.write_text('[upstreams.default]\nservers = ["192.0.2.53"]\n[policies.default]\n'
                      'allow = ["a.test", "b.test:tcp/22"]\n[policies.default.egress]\n')
    told = run("explain", "--connect", "a.test", "--config", config).stdout
    assert "allowed at each address that the client is told" in told
    assert f'allow "a.test" ({config}:4:10)' in told
    assert "the name isn't allowed at this port" in run("explain", "--connect", "b.test", "--config", config).stdout
    as_json = json.loads(run("explain", "--connect", "x.test", "--config", config, "--json").stdout)
    assert as_json["verdict"] == "denied: the name isn't allowed"


@pytest.mark.parametrize("arguments, words", [
    (["--connect", "a..b"], "a..b"), (["--connect", "a.test:x"], "NAME:PORT"),
    (["a.test", "--connect", "a.test"], "expected a NAME, or --connect"), ([], "expected a NAME, or --connect"),
    (["a.test", "--address", "192.0.2.1"], "--address needs --connect"),
    (["--connect", "a.test", "--address", "x"], "--address: \"x\""),
    (["--connect", "a.test", "--address", "192.0.2.1", "--allow", "a.test"], "only a running server")])
def test_what_cannot_be_explained_is_said(arguments, words):
    done = run("explain", *arguments)
    assert done.returncode == 2 and words in done.stderr.replace("`", "")


def test_top_counts_refused_connections_by_name(app, running):
    with Terminal(BINARY, "top", env={"NXGATE_CONTROL": running.control}) as top:
        with Control(running.control) as control:
            wait_for(lambda: control.readers() > 0, what="the reader's tap")
        for _ in range(3):
            refuse(app)
        text = top.wait_for(lambda text: re.search(r"> +3 bad\.test", text))
        assert re.search(r"> +3 bad\.test .*:443 name-denied", text)
        top.press("e")
        pane = top.wait_for("press any key to return")
        assert "denied: the name isn't allowed" in pane and f"address  {SHARED}" in pane
