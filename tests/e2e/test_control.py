"""The control socket and the commands over it, against a running server."""
import json
import os
import random
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import dns.edns
import jsonschema
import pytest
import test_explain
from harness import upstream as scripted
from harness.control import Control
from harness.nxgate import BINARY, ROOT, SANITIZED, addresses, free_port, make_query, rcode, run
from harness.timing import wait_for, within
from harness.upstream import answer, nxdomain, silent

OPENAPI = json.loads((ROOT / "docs/openapi.json").read_text())
CONFIG = """
[server]
listen = ["127.0.0.1:PORT"]
[control]
socket = "{directory}/control.sock"
state = "{directory}/state"
metrics = "127.0.0.1:{metrics}"
[upstreams.default]
servers = ["{upstream}"]
[policies.default]
allow = ["good.test", "short.test"]
deny-names = ["no.good.test", "=exact.test"]
records = ["db.test A 10.0.0.5"]
[policies.ci]
allow = ["ci.test"]
[[clients]]
from = ["127.0.2.0/24"]
policy = "ci"
[policies.firewalled.egress]
"""


def valid(reply, method, path, status=200):
    """The reply's body, once it is as docs/openapi.json says."""
    assert reply.status == status, reply
    content = OPENAPI["paths"][path][method.lower()]["responses"][str(status)]["content"]
    body = json.loads(reply.body)
    schema = {**content["application/json"]["schema"], "components": OPENAPI["components"]}
    jsonschema.Draft202012Validator(schema).validate(body)
    return body


@pytest.fixture
def server(nxgate, upstream, directory):
    up = upstream({"*": answer("@ 60 A 192.0.2.1")})
    os.chmod(directory, 0o755)
    metrics = free_port()
    server = nxgate(config=CONFIG.format(directory=directory, upstream=up.endpoint, metrics=metrics))
    server.control = directory / "control.sock"
    server.state = directory / "state"
    server.metrics_port = metrics
    return server


@pytest.fixture
def control(server):
    with Control(server.control) as control:
        yield control


def test_every_path_answers_as_the_openapi_file_says(server, control):
    status = valid(control.ask("GET", "/v1/status"), "GET", "/v1/status")
    assert status["pid"] == server.pid and status["generation"] == 1
    assert {"name": "default", "rules": 4} in status["policies"]
    assert status["upstreams"][0]["servers"][0]["state"] == "not asked yet"
    valid(control.ask("GET", "/v1/health"), "GET", "/v1/health")
    assert valid(control.ask("GET", "/v1/attachments"), "GET", "/v1/attachments") == {"attachments": []}
    told = valid(control.ask("GET", "/v1/explain?name=www.good.test&type=AAAA"), "GET", "/v1/explain")
    assert 'allow "good.test"' in told["rule"]
    body = {"action": "allow", "rule": "=new.test", "policy": "ci", "for": "10m", "why": "a\ntry"}
    added = valid(control.ask("POST", "/v1/rules", body), "POST", "/v1/rules")
    assert added["by"] == "root" and added["why"] == "a try"
    assert valid(control.ask("GET", "/v1/rules"), "GET", "/v1/rules")["rules"] == [added]
    valid(control.ask("DELETE", "/v1/rules?rule=%3Dnew.test&policy=ci"), "DELETE", "/v1/rules")
    assert valid(control.ask("POST", "/v1/reload"), "POST", "/v1/reload") == {"generation": 2}
    valid(control.ask("POST", "/v1/flush?name=good.test"), "POST", "/v1/flush")
    assert control.ask("GET", "/metrics").status == 200


@pytest.mark.parametrize("method, path, body, status, word", [
    ("GET", "/v1/explain", None, 400, "name"),
    ("GET", "/v1/explain?name=x.test&type=NOPE", None, 400, "NOPE"),
    ("GET", "/v1/explain?name=x.test&client=web", None, 404, "web"),
    ("GET", "/v1/watch?name=a..b", None, 400, "a..b"),
    ("GET", "/v1/watch?policy=none", None, 404, "no such policy"),
    ("GET", "/v1/watch?client=web", None, 404, "nxgate attachments"),
    ("POST", "/v1/flush?name=a..b", None, 400, "a..b"),
    ("POST", "/v1/rules", {"action": "allow", "rule": "com"}, 400, "force"),
    ("POST", "/v1/rules", {"action": "grant", "rule": "x.test"}, 400, "grant"),
    ("POST", "/v1/rules", {"action": "allow", "rule": "x.test", "for": "soon"}, 400, "soon"),
    ("POST", "/v1/rules", {"action": "allow", "rule": "x.test", "for": "5m", "save": True}, 400, "--save"),
    ("POST", "/v1/rules", {"action": "allow", "rule": "x.test", "shoe": 1}, 400, "shoe"),
    ("POST", "/v1/rules", {"action": "allow", "rule": "x.test", "policy": "none"}, 404, "none"),
    ("DELETE", "/v1/rules?rule=x.test", None, 404, "x.test"),
])
def test_what_is_wrong_with_a_request_is_said(control, method, path, body, status, word):
    told = valid(control.ask(method, path, body), method, path.split("?")[0], status)
    assert word in told["error"]


@pytest.mark.parametrize("command, words", [
    ("allow a..b", "a..b"), ("allow com", "force"), ("allow x.test --for 5s --save", "--save"),
    ("flush a..b", "a..b"), ("deny x.test:22", "ports")])
def test_what_no_server_would_do_is_a_mistake_on_the_command_line(server, command, words):
    done = server.operate(*command.split(), check=False)
    assert done.returncode == 2 and words in done.stderr
    done = server.operate(*command.split(), "--json", check=False)
    assert done.returncode == 2 and words in json.loads(done.stdout)["error"]


def test_what_is_no_request_harms_nobody(server, control):
    assert control.ask("GET", "/v1/none").status == 404
    assert control.ask("PUT", "/v1/status").status == 405
    for junk in (b"\0" * 100, b"GET", b"GET / HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n",
                 b"POST /v1/rules HTTP/1.1\r\nContent-Length: 3\r\n\r\n[1]", b"GET //%zz HTTP/1.1\r\n\r\n"):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(server.control))
            client.sendall(junk)
            client.shutdown(socket.SHUT_WR)
            client.settimeout(within(5))
            while client.recv(4096):
                pass
    assert server.operate("health").stdout == "ok\n"


def test_explain_says_what_thousands_of_answers_are(nxgate, upstream, directory):
    (directory / "hosts").write_text("10.0.0.3 x.l.a.test\n")
    default, corp = upstream({"*": test_explain.told_apart(1)}), upstream({"*": test_explain.told_apart(2)})
    text = test_explain.CONFIG.format(default=default.endpoint, corp=corp.endpoint)
    text = text.replace('"hosts"', f'"{directory}/hosts"')
    server = nxgate(config=text)
    dice = random.Random(6)
    kinds = set()
    with Control(server.control) as control:
        for turn in range(300 if SANITIZED else 4000):
            if turn % 200 == 150:  # what is decided meanwhile as well
                rule = ".".join([*dice.choices(test_explain.LABELS[:7], k=dice.randrange(1, 4)), "test"])
                body = {"action": dice.choice(["allow", "deny"]), "rule": dice.choice(["", "=", "*."]) + rule,
                        "policy": dice.choice(["default", "nodata", "refused"])}
                assert control.ask("POST", "/v1/rules", body).status == 200
            qname = ".".join([*dice.choices(test_explain.LABELS, k=dice.randrange(5)), "test"])
            qtype, client = dice.choice(test_explain.TYPES), dice.choice(test_explain.CLIENTS)
            told = control.explain(qname, qtype, client)
            response = server.ask(make_query(qname, qtype), source=client)
            kind = test_explain.promised(told["verdict"])
            assert kind == test_explain.summary(response, qtype), (told, response.to_text())
            kinds.add(kind)
    assert {"upstream default", "upstream corp", "NODATA", "NXDOMAIN", "REFUSED", "ANY"} <= kinds


def refusing(code, extended):
    """An rcode with an Extended DNS Error."""
    def act(received):
        response = received.response(rcode=code)
        response.use_edns(0, 0, 1232, options=[dns.edns.EDEOption(extended)])
        received.send(response.to_wire())
    return act


LAST = {"good.test": ("NOERROR", None, None), "gone.test": ("NXDOMAIN", None, None),
        "filtered.test": ("NXDOMAIN", 15, None), "bogus.test": ("SERVFAIL", 6, "no usable answer"),
        "quiet.test": (None, None, "timeout")}


def test_explain_tells_the_last_exchange_with_the_upstream(nxgate, upstream):
    up = upstream({"good.test": answer("@ 60 A 192.0.2.1"), "gone.test": nxdomain(), "quiet.test": silent(),
                   "filtered.test": refusing("NXDOMAIN", 15), "bogus.test": refusing("SERVFAIL", 6)})
    server = nxgate("--upstream", up.endpoint, "--allow", "test")
    for qname, (code, extended, failure) in LAST.items():
        before = server.operate("explain", qname).stdout
        assert re.search(r"^exchange none is remembered", before, re.M), before
        server.query(qname)
        with Control(server.control) as control:
            last = valid(control.ask("GET", f"/v1/explain?name={qname}"), "GET", "/v1/explain")["last_exchange"]
            other = json.loads(control.ask("GET", f"/v1/explain?name={qname}&type=TXT").body)
        assert (last["server"], last["transport"]) == (up.endpoint, "udp") and 0 <= last["seconds_ago"] < within(10)
        assert (last.get("rcode"), last.get("extended_error"), last.get("failure")) == (code, extended, failure)
        assert "last_exchange" not in other, "that was another type"
        text = server.operate("explain", qname).stdout
        assert re.search(rf"^exchange {re.escape(up.endpoint)} \(udp\), \d+ s ago: {code or failure}", text, re.M), text
    assert "EDE 6 (DNSSEC Bogus)" in server.operate("explain", "bogus.test").stdout
    denied = server.operate("explain", "tired.com").stdout
    assert "exchange" not in denied and "firewall" not in denied
    address = server.operate("explain", "2001:db8::7").stdout
    assert "no firewall of nxgate's is in the way" in address


def test_explain_tells_the_server_that_answered_after_another_had_failed(nxgate, upstream):
    bad, good = upstream({"*": scripted.rcode("REFUSED")}), upstream({"*": answer("@ 60 A 192.0.2.1")})
    server = nxgate("--upstream", bad.endpoint, "--upstream", f"tcp://{good.endpoint}", "--allow", "test")
    server.query("a.test")
    assert f"{good.endpoint} (tcp), 0 s ago: NOERROR" in server.operate("explain", "a.test").stdout


def test_allow_and_deny_hold_from_the_next_query_on(server):
    assert rcode(server.query("x.new.test")) == "NXDOMAIN"
    server.operate("allow", "new.test", "--why", "needed by the build")
    assert addresses(server.query("x.new.test")) == ["192.0.2.1"]
    assert rcode(server.ask(make_query("x.new.test"), source="127.0.2.1")) == "NXDOMAIN"
    server.operate("deny", "x.new.test")
    assert rcode(server.query("x.new.test")) == "NXDOMAIN"
    assert addresses(server.query("y.new.test")) == ["192.0.2.1"]
    server.operate("allow", "=exact.test")
    assert addresses(server.query("exact.test")) == ["192.0.2.1"], "over a denial of the same name"
    server.operate("allow", "good.test")
    assert rcode(server.query("no.good.test")) == "NXDOMAIN", "a longer rule stands"
    server.operate("deny", "short.test")
    assert rcode(server.query("short.test")) == rcode(server.query("x.short.test")) == "NXDOMAIN"
    assert server.reload()
    assert addresses(server.query("y.new.test")) == ["192.0.2.1"], "kept over a reload"
    listed = server.operate("rules").stdout
    assert "needed by the build" in listed and "by root" in listed
    server.operate("allow", "new.test", "--remove")
    assert rcode(server.query("y.new.test")) == "NXDOMAIN"
    server.operate("deny", "=new.test")
    refused = server.operate("deny", "new.test", "--remove", check=False)
    assert refused.returncode == 1 and refused.stderr.endswith("; there is =new.test\n")


def test_the_ports_of_an_added_rule_are_shown(server):
    told = server.operate("allow", "=git.test:tcp/443,22", "--for", "1h").stdout
    assert told.startswith("allow =git.test:tcp/443,tcp/22,udp/22 in the policy default until ")
    assert " =git.test:tcp/443,tcp/22,udp/22 " in server.operate("rules").stdout
    rule, = json.loads(server.operate("rules", "--json").stdout)["rules"]
    assert rule["rule"] == "=git.test:tcp/443,tcp/22,udp/22"
    assert server.operate("allow", rule["rule"], "--remove").returncode == 0


def test_a_denial_leaves_no_ancestor_behind(server):
    """`short.test` made `test` an ancestor of something allowed only together with others."""
    for name in ("good.test", "short.test", "db.test"):
        server.operate("deny", name)
    assert rcode(server.query("test")) == "NXDOMAIN"


def test_what_is_allowed_for_a_while_ends_by_itself(server):
    server.operate("allow", "brief.test", "--for", "1s")
    assert addresses(server.query("brief.test")) == ["192.0.2.1"]
    wait_for(lambda: rcode(server.query("brief.test")) == "NXDOMAIN", what="the end of the rule")
    assert "no rule" in server.operate("rules").stdout


def test_what_is_saved_outlives_a_restart(server, nxgate):
    told = server.operate("allow", "=kept.test", "--save", "--why", "for good # and all").stdout
    saved = server.state / "default/allow.d/saved.list"
    assert str(saved) in told
    line = saved.read_text().splitlines()[-1]
    assert re.fullmatch(r"=kept\.test  # \d{4}-\d\d-\d\d \d\d:\d\d UTC, root: for good # and all", line)
    configured = server.config.read_text()
    server.operate("deny", "gone.good.test", "--save")
    server.operate("deny", "=kept.test", "--save", "--policy", "ci")
    assert server.config.read_text() == configured
    server.stop()
    again = nxgate(config=configured, port=server.port)
    again.control = server.control
    assert addresses(again.query("kept.test")) == ["192.0.2.1"]
    assert again.operate("explain", "kept.test").stdout.count("saved.list:2:1")
    assert 'deny "gone.good.test"' in again.operate("explain", "gone.good.test").stdout
    again.operate("allow", "=kept.test", "--remove")
    assert "NXDOMAIN" in again.operate("explain", "kept.test").stdout
    assert "=kept.test" not in saved.read_text()


def test_nothing_is_saved_without_a_directory(nxgate):
    server = nxgate()
    done = server.operate("allow", "x.test", "--save", check=False)
    assert done.returncode == 1 and "[control] state" in done.stderr
    assert rcode(server.query("x.test")) == "NXDOMAIN", "nor is it done by half"


def test_a_state_directory_that_is_gone_is_told_with_a_cure(server):
    shutil.rmtree(server.state)
    done = server.operate("allow", "x.test", "--save", check=False)
    assert done.returncode == 1 and "No such file" in done.stderr and "restart nxgate" in done.stderr
    server.state.mkdir()
    os.chown(server.state, 65534, 65534)
    assert server.operate("allow", "x.test", "--save").returncode == 0


def test_reload_and_flush(server):
    assert addresses(server.query("a.good.test")) == ["192.0.2.1"]
    told = server.operate("status").stdout
    assert ": 4 rules\n" in told and ": 1 rule\n" in told and " 1 answer, " in told
    assert server.operate("flush", "b.good.test").stdout == "0 answers flushed\n"
    assert server.operate("flush", "good.test").stdout == "1 answer flushed\n"
    assert server.operate("reload").stdout == "reloaded: generation 2\n"


def test_a_refused_reload_tells_every_fault(server, control):
    good = server.config.read_text()
    server.write_config(good + "[policies.more]\nallow = [\"a..b\"]\nwrong = 1\n")
    refused = server.operate("reload", check=False)
    *faults, last = refused.stderr.splitlines()
    line = len(good.splitlines()) + 2
    assert [fault.partition(": ")[0] for fault in faults] == [
        f"{server.config}:{line}:10", f"{server.config}:{line + 1}:1"]
    assert refused.returncode == 1 and not refused.stdout and "still serving generation 1" in last
    as_json = server.operate("reload", "--json", check=False)
    told = json.loads(as_json.stdout)["faults"]
    assert as_json.returncode == 1 and [f"{x['file']}:{x['line']}:{x['column']}: {x['text']}" for x in told] == faults
    server.write_config(good.replace("[control]", "workers = 7\n[control]"))
    sealed = valid(control.ask("POST", "/v1/reload"), "POST", "/v1/reload", 409)
    assert sealed["faults"] == [{"text": "server.workers can't change while running; restart to change it"}]
    assert "\nserver.workers can't" in "\n" + server.operate("reload", check=False).stderr


def watching(server, *arguments):
    process = subprocess.Popen([BINARY, "watch", *arguments], stdout=subprocess.PIPE, text=True,
                               env={**os.environ, "NXGATE_CONTROL": str(server.control)})
    with Control(server.control) as control:
        wait_for(lambda: control.readers() > 0, what="the watcher's tap")
    return process


def test_watch_shows_what_is_asked_for(server):
    plain = watching(server, "--count", "2")
    denied = watching(server, "--denied", "--json", "--count", "1")
    elsewhere = watching(server, "--client", "127.0.2.0/24", "--json", "--count", "1")
    time.sleep(0.2)
    server.query("good.test")
    server.query("bad.test")
    server.ask(make_query("ci.test"), source="127.0.2.7", tcp=True)
    shown = plain.communicate(timeout=within(10))[0].splitlines()
    assert "forwarded" in shown[0] and "good.test" in shown[0] and "\x1b" not in shown[0]
    assert "denied" in shown[1] and "bad.test" in shown[1] and len(shown[1]) <= 80
    assert re.search(r", \d+\.\d{3} ms\)$", shown[1]) and ", 0.000 ms)" not in shown[1]
    event = json.loads(denied.communicate(timeout=within(10))[0])
    assert (event["name"], event["verdict"], event["rcode"], event["rule"]) == (
        "bad.test", "denied", "NXDOMAIN", "default")
    assert 0 < event["ms"] < within(1000)
    schema = {**OPENAPI["components"]["schemas"]["Event"], "components": OPENAPI["components"]}
    jsonschema.Draft202012Validator(schema).validate(event)
    event = json.loads(elsewhere.communicate(timeout=within(10))[0])
    assert (event["client"], event["policy"], event["transport"]) == ("127.0.2.7", "ci", "tcp")


def test_watch_waits_for_nobody_that_is_not_there(server):
    for arguments, status, words in ((["--policy", "none"], 1, "no such policy"),
                                     (["--client", "web"], 1, "nxgate attachments"), (["--name", "a..b"], 2, "a..b")):
        done = server.operate("watch", *arguments, check=False)
        assert done.returncode == status and words in done.stderr


def test_watch_says_that_the_server_has_ended(server):
    process = subprocess.Popen([BINARY, "watch"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                               env={**os.environ, "NXGATE_CONTROL": str(server.control)})
    with Control(server.control) as control:
        wait_for(lambda: control.readers() > 0, what="the watcher's tap")
    server.stop()
    told = process.communicate(timeout=within(10))[1]
    assert process.returncode == 1 and told == "nxgate: the server has stopped\n"


def test_a_stalled_reader_delays_no_answer(server):
    """Ten thousand lines a second for somebody who doesn't read."""
    def p99(seconds):
        times = []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.connect(("127.0.0.1", server.port))
            client.settimeout(within(2))
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                began = time.monotonic()
                for _ in range(100):
                    client.send(make_query("bad.test").to_wire())
                for _ in range(100):
                    client.recv(4096)
                times.append(time.monotonic() - began)
                time.sleep(max(0, 0.01 - times[-1]))
        return sorted(times)[int(len(times) * 0.99)]
    before = p99(1)
    with socket.socket(socket.AF_UNIX) as stalled:
        stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stalled.connect(str(server.control))
        stalled.sendall(b"GET /v1/watch HTTP/1.1\r\nHost: x\r\n\r\n")
        assert stalled.recv(15) == b"HTTP/1.1 200 OK"
        rss = server.rss_kib()
        during = p99(3)
        assert server.operate("health").stdout == "ok\n"
        metrics = server.operate("metrics").stdout
    assert during < before + within(0.05)
    assert float(re.search(r"^nxgate_events_dropped_total (\S+)", metrics, re.M)[1]) > 0
    assert SANITIZED or server.rss_kib() < rss + 32 * 1024


def test_without_a_server_or_without_permission_it_says_what_to_do(nxgate, directory):
    env = {**os.environ, "NXGATE_CONTROL": str(directory / "none.sock")}
    for command in (["status"], ["watch"], ["allow", "x.test"], ["reload"], ["explain", "x.test"], ["health"]):
        done = run(*command, env=env)
        assert done.returncode == 1 and "no nxgate is running" in done.stderr and "--control" in done.stderr
    server = nxgate()
    done = server.operate("status", check=False, user="daemon", group="daemon", extra_groups=[])
    assert done.returncode == 1 and "no permission" in done.stderr and "control.group" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_an_ordinary_user_has_a_socket_of_his_own_and_finds_it(nxgate, directory):
    directory.chmod(0o755)
    runtime = directory / "runtime"
    runtime.mkdir()
    shutil.chown(runtime, "daemon", "daemon")
    server = nxgate(config='[server]\nlisten = ["127.0.0.1:PORT"]\n[control]\n', user="daemon",
                    environment={"XDG_RUNTIME_DIR": str(runtime)})
    assert (runtime / "nxgate/control.sock").is_socket()
    user = {"user": "daemon", "group": "daemon", "extra_groups": [], "check": False, "text": True,
            "capture_output": True}
    for command in (["status"], ["explain", "x.test"], ["health"], ["rules"], ["metrics"]):
        done = subprocess.run([BINARY, *command], env={"XDG_RUNTIME_DIR": str(runtime)}, **user)
        assert done.returncode == 0 and (command != ["status"] or f"pid {server.pid}" in done.stdout), done
    other = subprocess.run([BINARY, "status"], env={"XDG_RUNTIME_DIR": str(directory)}, **user)
    assert other.returncode == 1 and "/run/nxgate/control.sock" in other.stderr, "that of the system"
    server.stop()
    assert not (runtime / "nxgate/control.sock").exists()


def test_the_socket_of_another_server_is_left_where_it_is(nxgate, directory):
    path = directory / "shared.sock"
    first = nxgate("--control", path, "--user", "root")
    path.unlink()
    second = nxgate("--control", path, "--user", "root")
    first.stop()
    second.control = path
    assert second.operate("health").returncode == 0
    second.stop()
    assert not path.exists()


def test_without_a_group_the_socket_is_roots_alone(nxgate):
    server = nxgate()
    mode = Path(server.control).stat()
    assert (oct(mode.st_mode & 0o777), mode.st_uid) == ("0o600", 0)
    for user, group in (("daemon", "root"), ("nobody", "nogroup")):
        done = server.operate("allow", "x.test", check=False, user=user, group=group, extra_groups=[])
        assert done.returncode == 1 and "no permission" in done.stderr, user


def test_the_group_may_use_the_socket(nxgate, directory):
    os.chmod(directory, 0o755)
    path = directory / "control.sock"
    server = nxgate(config=f'[server]\nlisten = ["127.0.0.1:PORT"]\n[control]\nsocket = "{path}"\n'
                           'group = "games"\n')
    server.control = path
    assert oct(path.stat().st_mode & 0o777) == "0o660"
    assert server.operate("status", user="daemon", group="games", extra_groups=[]).returncode == 0
    for group in ("root", "daemon"):
        done = server.operate("status", check=False, user="daemon", group=group, extra_groups=[])
        assert done.returncode == 1 and "no permission" in done.stderr, group


def test_a_clean_stop_takes_the_socket_away(nxgate, directory):
    directory.chmod(0o777)
    path = directory / "control.sock"
    server = nxgate("--control", path)
    assert path.is_socket()
    server.stop()
    assert not path.exists()


def test_a_second_server_leaves_the_socket_to_the_first(nxgate, server):
    done = run("serve", "--listen", "127.0.0.1:1053", "--control", server.control)
    assert done.returncode == 1 and "another nxgate is listening on" in done.stderr
    assert server.operate("health").stdout == "ok\n"


def test_all_text_fits_80_columns(server):
    server.query("good.test")
    server.operate("allow", "=registry.packages.example.test:tcp/443", "--for", "10m", "--policy", "firewalled",
                   "--why", "the build of the release needs it until its own registry is there again, says Anna")
    for command in (["status"], ["rules"], ["attachments"], ["explain", "good.test"], ["reload"], ["flush"]):
        for line in server.operate(*command).stdout.splitlines():
            assert len(line) <= 80, line


METRICS = """
nxgate_amendments nxgate_answers_total nxgate_attachments nxgate_build_info nxgate_cache_bytes
nxgate_cache_entries nxgate_cache_evictions_total nxgate_cache_hits_total nxgate_cache_limit_bytes
nxgate_connection_bytes_total nxgate_connections_open nxgate_connections_total
nxgate_connections_turned_away_total nxgate_dnstap_answers_total nxgate_dnstap_connected
nxgate_egress_admissions_total nxgate_egress_failures_total nxgate_egress_filtered_addresses_total
nxgate_egress_refused_packets_total nxgate_events_dropped_total
nxgate_exfiltration_denials_total nxgate_faults nxgate_forwarded_questions_total nxgate_generation
nxgate_limits_reached_total
nxgate_policy_learning nxgate_prompt_answer_seconds nxgate_queries_total nxgate_query_log_lost_lines_total
nxgate_refused_messages_total nxgate_reloads_total nxgate_replies_total
nxgate_stale_answers_total nxgate_tcp_connections nxgate_tcp_memory_bytes nxgate_unattached
nxgate_upstream_exchanges_total nxgate_upstream_failures_total
nxgate_upstream_rtt_seconds nxgate_upstream_up nxgate_upstream_wait_seconds nxgate_waiting_queries nxgate_watchers
""".split()


def test_metrics_are_those_that_dashboards_know(server, control):
    server.query("good.test")
    server.query("bad.test", tcp=True)
    text = control.ask("GET", "/metrics").body
    assert re.findall(r"^# TYPE (\S+)", text, re.M) and sorted(re.findall(r"^# TYPE (\S+)", text, re.M)) == METRICS
    for family in METRICS:
        assert re.search(rf"^# HELP {family} \S.*\.$", text, re.M) and re.search(rf"^{family}[_{{ ]", text, re.M)
    assert 'nxgate_answers_total{policy="default",verdict="forwarded",transport="udp"} 1\n' in text
    assert 'nxgate_answers_total{policy="default",verdict="denied",transport="tcp"} 1\n' in text
    assert 'nxgate_replies_total{rcode="NXDOMAIN",transport="tcp"} 1\n' in text
    assert "nxgate_upstream_wait_seconds_count 1\n" in text
    assert "nxgate_prompt_answer_seconds_count 0\n" in text, "one was forwarded, one came by TCP"
    server.query("good.test")
    server.query("bad.test")
    wait_for(lambda: 'nxgate_prompt_answer_seconds_bucket{le="+Inf"} 2\n' in control.ask("GET", "/metrics").body)
    text = control.ask("GET", "/metrics").body
    assert 0 < float(re.search(r"^nxgate_prompt_answer_seconds_sum (\S+)$", text, re.M)[1]) < within(1)
    samples = json.loads(server.operate("metrics", "--json").stdout)["metrics"]
    assert {"name": "nxgate_answers_total", "value": 1,
            "labels": {"policy": "default", "verdict": "forwarded", "transport": "udp"}} in samples
    assert len(samples) == len(re.findall(r"^[^#\n]", server.operate("metrics").stdout, re.M))
    open_text = control.ask("GET", "/metrics", accept="application/openmetrics-text").body
    assert open_text.endswith("# EOF\n") and "# TYPE nxgate_queries counter\n" in open_text
    over_tcp = subprocess.run(["curl", "-s", f"http://127.0.0.1:{server.metrics_port}/metrics"],
                              capture_output=True, text=True, check=True).stdout
    assert "nxgate_build_info" in over_tcp
    elsewhere = subprocess.run(["curl", "-s", "-w", "%{http_code}",
                                f"http://127.0.0.1:{server.metrics_port}/v1/status"],
                               capture_output=True, text=True, check=True).stdout
    assert elsewhere.endswith("404")


def test_the_dashboard_asks_for_metrics_that_there_are():
    dashboard = json.loads((ROOT / "examples/grafana-dashboard.json").read_text())
    asked = set(re.findall(r"nxgate_\w+", json.dumps(dashboard)))
    known = set(METRICS) | {f"nxgate_{histogram}_seconds_{part}" for histogram in ("upstream_wait", "prompt_answer")
                            for part in ("bucket", "sum", "count")}
    assert asked and asked <= known
