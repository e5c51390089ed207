"""Why a question was decided is told alike by the extended error, the log, the query log, `watch`, dnstap
and `explain`."""
import json
import os
import re
import subprocess

import pytest
from harness.control import Control
from harness.dnstap import Capture, field
from harness.nxgate import BINARY, ede, make_query
from harness.timing import wait_for
from harness.upstream import answer

CONFIG = """
[server]
listen = ["127.0.0.1:PORT"]
[query-log]
path = "{directory}/queries.log"
[query-log.dnstap]
to = "{directory}/dnstap.sock"
messages = "responses"
[upstreams.default]
servers = ["{upstream}"]
[policies.ci]
allow = ["good.test", "=alias.test", "*.deep.bad.test"]
deny-names = ["bad.test", "no.good.test"]
records = ["db.test A 10.0.0.5"]
suppress-types = ["TXT"]
[policies.ci.exfiltration]
longest-label = 20
[[clients]]
from = ["127.0.0.1/32"]
policy = "ci"
"""
INSIDE, OUTSIDE = "127.0.0.1", "127.0.0.9"
LONG = "x" * 21 + ".good.test"
#: client, qname, qtype: rule, how `explain` says it, whether the reply has an extended error of it
REASONS = {
    (INSIDE, "www.good.test", "A"): ("good.test", r'allow "good\.test" \(\S+:\d+:\d+\)', False),
    (INSIDE, "alias.test", "A"): ("=alias.test", r'allow "=alias\.test" \(\S+:\d+:\d+\)', False),
    (INSIDE, "cdn.example", "A"): ("granted", "granted: an allowed name points to this one", False),
    (INSIDE, "no.good.test", "A"): ("no.good.test", r'deny "no\.good\.test" \(\S+:\d+:\d+\)', True),
    (INSIDE, "bad.test", "A"): ("bad.test", r'deny "bad\.test" \(\S+:\d+:\d+\)', True),
    (INSIDE, "x.deep.bad.test", "A"): ("*.deep.bad.test", r'allow "\*\.deep\.bad\.test" \(.*\)', False),
    (INSIDE, "www.good.test", "TXT"): ("good.test", r'allow "good\.test" \(\S+:\d+:\d+\)', True),
    (INSIDE, "other.example", "AAAA"): ("default", "default: no rule matches this name", True),
    (INSIDE, "test", "A"): ("ancestor", "ancestor: no rule .* name below it is allowed or local", True),
    (INSIDE, "db.test", "A"): ("local data", "local data", False),
    (INSIDE, LONG, "A"): ("exfiltration.longest-label", r"exfiltration\.longest-label", True),
    (OUTSIDE, "www.good.test", "A"): ("no policy", "no policy: none covers this client", True),
}


@pytest.fixture
def capture(directory):
    os.chmod(directory, 0o777)
    reader = Capture(directory, path=directory / "dnstap.sock")
    yield reader
    reader.stop()


@pytest.fixture
def server(nxgate, upstream, directory, capture):
    up = upstream({"alias.test": answer("@ 60 CNAME cdn.example.", "cdn.example 60 A 192.0.2.2"),
                   "*": answer("@ 60 A 192.0.2.1")})
    server = nxgate("-v", config=CONFIG.format(directory=directory, upstream=up.endpoint))
    with Control(server.control) as control:
        wait_for(lambda: "nxgate_dnstap_connected 1" in control.ask("GET", "/metrics").body,
                 what="the reader of dnstap")
    return server


def watcher(server, count):
    process = subprocess.Popen([BINARY, "watch", "--json", "--count", str(count)], text=True,
                               stdout=subprocess.PIPE,
                               env={**os.environ, "NXGATE_CONTROL": str(server.control)})
    with Control(server.control) as control:
        wait_for(lambda: control.readers() > 2, what="the watcher's tap beside those of both logs")
    return process


def events(text):
    """{(client, name, type): the event}"""
    lines = [json.loads(line) for line in text.splitlines()]
    return {(line["client"], line["name"], line["type"]): line for line in lines}


def test_every_output_tells_the_same_reason(server, directory, capture):
    watching = watcher(server, len(REASONS))
    replies = {each: server.ask(make_query(each[1], each[2], edns=True), source=each[0]) for each in REASONS}
    watched = events(watching.communicate(timeout=60)[0])
    with Control(server.control) as control:
        explained = {(client, name, qtype): control.explain(name, qtype, client)
                     for client, name, qtype in REASONS}
    server.stop()
    logged = events((directory / "queries.log").read_text())
    tapped = capture.decoded()
    for (each, (rule, full, extended)), frame in zip(REASONS.items(), tapped, strict=True):
        client, name, qtype = each
        policy = "none" if client == OUTSIDE else "ci"
        suffix = " suppress-types" if qtype == "TXT" else ""
        text = "no policy covers this client" if client == OUTSIDE else f"policy=ci rule={rule}{suffix}"
        for event in (logged[each], watched[each]):
            assert (event["rule"], event.get("policy", "none")) == (rule, policy)
        assert logged[each] == watched[each]
        assert explained[each]["policy"] == policy
        assert re.fullmatch(full, explained[each]["rule"]), explained[each]
        assert [word for _, word in ede(replies[each])] == ([text] if extended else [])
        assert re.search(rf"{re.escape(client)}:\d+ {re.escape(name)} {qtype} .* \({re.escape(text)}\) [\d.]+ ms$",
                         server.log_text(), re.M), each
        assert field(frame, "rule") == text
