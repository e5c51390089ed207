"""The firewall that follows the allowed names, in plain network namespaces."""
import concurrent.futures
import contextlib
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import dns.exception
import dns.query
import pytest

from harness.control import Control
from harness.nxgate import BINARY, addresses, ede, make_query, rcode, run
from harness.sites import Sites
from harness.slow import Slow
from harness.timing import wait_for, within
from harness.upstream import answer, by_type, nodata
from test_control import valid

WEB = "203.0.113.7"
WEB6 = "2001:db8:5::7"
OTHER = "203.0.113.8"
METADATA = "169.254.169.254"
SILENT = "198.51.100.53"
SCRIPT = {
    "web.test": by_type(A=answer(f"@ 60 A {WEB}"), AAAA=answer(f"@ 60 AAAA {WEB6}")),
    "both.test": answer(f"@ 60 A {WEB}", f"@ 60 A {METADATA}"),
    "meta.test": answer(f"@ 60 A {METADATA}"),
    "alias.test": answer("@ 60 CNAME meta.test.", f"meta.test. 60 A {METADATA}"),
    "mapped.test": by_type(AAAA=answer(f"@ 60 AAAA ::ffff:{METADATA}")),
    "nat64.test": by_type(AAAA=answer("@ 60 AAAA 64:ff9b::a9fe:a9fe")),
    "home.test": answer("@ 60 A 192.168.1.1"),
    "chain.test": answer("@ 60 CNAME target.test.", f"target.test. 60 A {OTHER}"),
    "target.test": answer(f"@ 60 A {OTHER}"),
    "lone.test": answer("@ 60 CNAME target.test."),
    "_ssh._tcp.svc.test": answer("@ 60 SRV 0 0 22 target.test."),
    "mail.svc.test": answer("@ 60 MX 10 target.test."),
    "brief.test": answer(f"@ 1 A {WEB}"),
    "week.test": answer(f"@ 604800 A {WEB}"),
    "hint.test": by_type(HTTPS=answer(f"@ 60 HTTPS 1 . alpn=h2 ipv4hint={OTHER}")),
}


@pytest.fixture
def outside(namespace):
    """The world: web sites at some addresses, and the upstream."""
    world = namespace("outside")
    for address in (WEB, OTHER, METADATA, "192.168.1.1"):
        world.add_address(f"{address}/32")
    for address in (WEB6, "64:ff9b::a9fe:a9fe"):
        world.add_address(f"{address}/128")
    sites = Sites(world, (80, 443, 22, 853))
    yield world
    sites.close()


@pytest.fixture
def app(namespace, outside):
    inside = namespace("app")
    inside.join(outside, "10.77.0.2/24", "10.77.0.1/24")
    inside.add_address("2001:db8:77::2/64", "eth0")
    outside.add_address("2001:db8:77::1/64", "eth0")
    for family, gateway in (("-4", "10.77.0.1"), ("-6", "2001:db8:77::1")):
        subprocess.run(["ip", family, "-n", inside.name, "route", "add", "default", "via", gateway],
                       check=True)
    return inside


CONFIG = """
[upstreams.default]
servers = ["127.0.0.1:{port}"]
netns = "{netns}"
timeout = "{timeout}"

[policies.default]
allow = {allow}
records = ["home.own A 192.168.1.1", "mirror.own CNAME chain.test"]

[policies.default.egress]
check-names = []
{egress}
{more}
"""


@pytest.fixture
def attach(nxgate, upstream, outside):
    """attach(namespace, egress="...", allow=[...]): nxgate with a firewall; `text` makes another
    configuration of the same kind."""
    server = upstream(SCRIPT, namespace=outside)

    def text(egress="", allow=("test",), more="", timeout="5s"):
        return CONFIG.format(port=server.port, netns=outside.path, egress=egress,
                             allow=list(allow), more=more, timeout=timeout)

    def start(inside, *arguments, script=(), where=None, **options):
        server.script.update(script)
        where = where or ("--netns", inside.path)
        made = nxgate(*where, *arguments, config=text(**options), command="attach")
        made.text = text
        return made

    return start


def ask(inside, qname, qtype="A", **options):
    return inside.call(lambda: dns.query.udp(make_query(qname, qtype, **options), SILENT,
                                             timeout=5))


def connect(inside, address, port=80, timeout=5):
    """Greeted, or the error."""
    def go():
        with socket.create_connection((address, port), timeout=timeout) as connection:
            return connection.recv(100)

    try:
        return inside.call(go)
    except OSError as error:
        return error


def refused(outcome):
    return isinstance(outcome, (ConnectionRefusedError, PermissionError))


def test_only_what_an_allowed_name_resolved_to_is_open(attach, app):
    attach(app)
    assert refused(connect(app, WEB))
    assert addresses(ask(app, "web.test")) == [WEB]
    assert connect(app, WEB) == b"hello"
    assert connect(app, WEB, 443) == b"hello"
    assert refused(connect(app, OTHER))


def test_more_than_can_be_noted_is_said(attach, app):
    server = attach(app)

    def flood():
        for port in range(2000, 6300):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, contextlib.suppress(OSError):
                udp.sendto(b"x", (OTHER, port))

    app.call(flood)
    server.wait_for_log("refused more than 4096 destinations within a minute")


def test_refused_at_once(attach, app):
    attach(app)
    connect(app, OTHER)
    began = time.monotonic()
    assert refused(connect(app, OTHER))
    assert time.monotonic() - began < 0.5


@pytest.mark.parametrize("always, reached", [("", False), (f'always = ["{OTHER}"]', True)], ids=["closed", "always"])
def test_an_address_that_a_denial_tells_is_opened_by_always_alone(attach, app, monkeypatch, always, reached):
    page = f'[policies.default]\ndeny = "address"\ndeny-addresses = ["{OTHER}"]\n'
    monkeypatch.setitem(globals(), "CONFIG", CONFIG.replace("[policies.default]\n", page, 1))
    attach(app, egress=always, allow=["web.test"])
    answered = ask(app, "evil.test")
    assert (rcode(answered), addresses(answered)) == ("NOERROR", [OTHER])
    assert (connect(app, OTHER) == b"hello") == reached


def test_ipv6_is_as_tight(attach, app):
    attach(app)
    assert refused(connect(app, WEB6))
    assert addresses(ask(app, "web.test", "AAAA")) == [WEB6]
    assert connect(app, WEB6) == b"hello"
    assert refused(connect(app, "64:ff9b::a9fe:a9fe"))


def test_without_the_table_there_is_no_firewall(attach, app):
    attach(app, egress='mode = "off"')
    assert connect(app, OTHER) == b"hello"


def test_ports_of_the_policy_and_of_a_rule(attach, app):
    attach(app, egress='ports = ["tcp/443"]', allow=["test", "chain.test:22"])
    ask(app, "web.test")
    assert refused(connect(app, WEB, 80))
    assert connect(app, WEB, 443) == b"hello"
    ask(app, "chain.test")
    assert connect(app, OTHER, 22) == b"hello", "the target inherits the ports"
    assert refused(connect(app, OTHER, 443))


def test_addresses_behind_an_alias_alone_are_opened(attach, app):
    attach(app, egress='ports = ["tcp/443"]', allow=["lone.test:22"])
    for _ in range(2):
        assert addresses(ask(app, "lone.test")) == [OTHER]
    assert connect(app, OTHER, 22) == b"hello"
    assert refused(connect(app, OTHER, 443))


def test_target_of_a_service_is_opened_at_the_port_of_its_record(attach, app):
    attach(app, egress='ports = ["tcp/443"]', allow=["svc.test"])
    assert rcode(ask(app, "target.test")) == "NXDOMAIN"
    ask(app, "_ssh._tcp.svc.test", "SRV")
    assert addresses(ask(app, "target.test")) == [OTHER]
    assert connect(app, OTHER, 22) == b"hello"
    assert refused(connect(app, OTHER, 443)), "nor at the policy's"


def test_target_without_a_port_has_those_of_the_rule(attach, app):
    attach(app, egress='ports = ["tcp/443"]', allow=["svc.test"])
    ask(app, "mail.svc.test", "MX")
    assert addresses(ask(app, "target.test")) == [OTHER]
    assert connect(app, OTHER, 443) == b"hello"
    assert refused(connect(app, OTHER, 22))


def test_port_of_a_record_that_the_rule_excludes_stays_closed(attach, app):
    attach(app, egress='ports = ["tcp/443"]', allow=["svc.test:80"])
    ask(app, "_ssh._tcp.svc.test", "SRV")
    assert addresses(ask(app, "target.test")) == []
    assert refused(connect(app, OTHER, 22)) and refused(connect(app, OTHER, 80))


FAR = by_type(A=answer(f"@ 5 A {OTHER}"))


def test_two_services_of_one_host_are_both_open(attach, app):
    attach(app, allow=["svc.test"], script={"_ssh._tcp.svc.test": answer("@ 300 SRV 0 0 22 far.example."),
                                            "_web._tcp.svc.test": answer("@ 60 SRV 0 0 443 far.example."),
                                            "far.example": FAR})
    ask(app, "_ssh._tcp.svc.test", "SRV")
    ask(app, "_web._tcp.svc.test", "SRV")
    assert addresses(ask(app, "far.example")) == [OTHER]
    assert connect(app, OTHER, 22) == connect(app, OTHER, 443) == b"hello"


@pytest.mark.parametrize("gone", ["removed", "denied"])
@pytest.mark.parametrize("qtype, record", [("SRV", "SRV 0 0 22"), ("MX", "MX 10")])
def test_service_of_a_name_that_is_gone_opens_nothing(attach, app, gone, qtype, record):
    """Also where an alias of another name leads to the same target."""
    server = attach(app, allow=["one.test:443", "two.test"], script={
        "al.one.test": answer("@ 300 CNAME far.example.", f"far.example. 5 A {OTHER}"),
        "_ssh._tcp.two.test": answer(f"@ 300 {record} far.example."), "far.example": FAR})
    ask(app, "_ssh._tcp.two.test", qtype)
    ask(app, "al.one.test")
    assert addresses(ask(app, "far.example")) == [OTHER]
    assert connect(app, OTHER, 443) == connect(app, OTHER, 22) == b"hello"
    if gone == "removed":
        new = server.text(allow=["one.test:443"])
    else:
        new = server.text(allow=["one.test:443", "two.test"]).replace(
            "records =", 'deny-names = ["_tcp.two.test"]\nrecords =')
    server.write_config(new)
    assert "reloaded" in server.reload()
    ask(app, "al.one.test")
    assert addresses(ask(app, "far.example")) == [OTHER]
    assert connect(app, OTHER, 443) == b"hello"
    assert refused(connect(app, OTHER, 22)) and refused(connect(app, OTHER, 80))


def test_protocol_of_a_service_is_that_of_the_records_owner(attach, app):
    attach(app, allow=["svc.test"], script={
        "plain.svc.test": answer("@ 60 CNAME _x._udp.svc.test.", "_x._udp.svc.test. 60 SRV 0 0 22 far.example."),
        "far.example": FAR})
    ask(app, "plain.svc.test", "SRV")
    assert addresses(ask(app, "far.example")) == [OTHER]
    assert refused(connect(app, OTHER, 22)), "tcp/22 by a record of _udp"


def test_a_target_that_is_asked_for_by_itself_inherits_too(attach, app):
    attach(app, egress='ports = ["tcp/443"]', allow=["chain.test:22"])
    ask(app, "chain.test")
    assert addresses(ask(app, "target.test")) == [OTHER]
    assert connect(app, OTHER, 22) == b"hello"
    assert refused(connect(app, OTHER, 443))


def test_what_a_target_leads_to_inherits_too(attach, app):
    script = {name: leads_on for name in ("was.test", "one.led.test", "two.led.test")}
    attach(app, script=script, egress='ports = ["tcp/443"]', allow=["was.test:22"])
    for qname in ("was.test", "one.led.test", "two.led.test"):
        assert rcode(ask(app, qname)) == "NOERROR"
    assert connect(app, OTHER, 22) == b"hello"
    assert refused(connect(app, OTHER, 443))


def test_always_and_never(attach, app):
    attach(app, egress=f'always = ["{OTHER} tcp/80"]\nnever = ["{WEB}"]')
    assert connect(app, OTHER, 80) == b"hello"
    assert refused(connect(app, OTHER, 443))
    answered = ask(app, "web.test", edns=True)
    assert (rcode(answered), addresses(answered)) == ("NOERROR", [])
    assert "egress=never" in ede(answered)[0][1]
    assert refused(connect(app, WEB))


@pytest.mark.parametrize("qname, qtype", [("meta.test", "A"), ("alias.test", "A"),
                                          ("mapped.test", "AAAA"), ("nat64.test", "AAAA")])
def test_metadata_is_out_of_reach_by_whatever_name(attach, app, qname, qtype):
    attach(app)
    answered = ask(app, qname, qtype)
    assert (rcode(answered), addresses(answered)) == ("NOERROR", [])
    assert refused(connect(app, METADATA))
    assert refused(connect(app, f"::ffff:{METADATA}"))
    assert refused(connect(app, "64:ff9b::a9fe:a9fe"))


def test_one_bad_address_is_cut_out_of_an_answer(attach, app):
    attach(app)
    assert addresses(ask(app, "both.test")) == [WEB]
    assert addresses(ask(app, "both.test")) == [WEB], "from the cache as well"


def test_private_addresses_are_cut_from_upstream_answers(attach, app):
    attach(app, egress='never = ["private"]')
    assert addresses(ask(app, "home.test")) == []
    assert refused(connect(app, "192.168.1.1"))


def test_hints_open_the_way_or_are_stripped(attach, app):
    server = attach(app)
    assert str(ask(app, "hint.test", "HTTPS").answer[0][0]).endswith(f'ipv4hint="{OTHER}"')
    assert connect(app, OTHER) == b"hello"
    server.write_config(server.text(egress="strip-hints = true"))
    assert "reloaded" in server.reload()
    assert "ipv4hint" not in str(ask(app, "hint.test", "HTTPS").answer[0][0])


def test_names_of_ones_own_are_open(attach, app):
    attach(app, egress='never = ["metadata"]')
    assert addresses(ask(app, "home.own")) == ["192.168.1.1"]
    assert connect(app, "192.168.1.1") == b"hello"


def test_an_address_closes_when_its_time_is_over_but_not_its_connections(attach, app):
    attach(app, egress='grace = "1s"')
    ask(app, "brief.test")
    connection = app.call(lambda: socket.create_connection((WEB, 80), timeout=5))
    with connection:
        assert connection.recv(5) == b"hello"
        deadline = time.monotonic() + 15
        while not refused(connect(app, WEB)):
            assert time.monotonic() < deadline, "it stays open"
            time.sleep(0.2)
        connection.send(b"still")
        assert connection.recv(5) == b"still"


def test_a_cached_answer_opens_the_way_again_after_expiry(attach, app):
    attach(app, egress='grace = "1s"\nmax-ttl = "1s"')
    assert ask(app, "web.test").answer[0].ttl <= 1
    time.sleep(3)
    assert refused(connect(app, WEB))
    ask(app, "web.test")
    assert connect(app, WEB) == b"hello"


def test_long_ttls_are_capped(attach, app):
    attach(app)
    assert ask(app, "week.test").answer[0].ttl == 3600


def test_a_name_then_its_address_works_every_time_under_load(attach, app):
    attach(app)

    def one(_):
        ask(app, "web.test")
        return connect(app, WEB)

    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        outcomes = list(pool.map(one, range(1000)))
    assert [o for o in outcomes if o != b"hello"] == []


def test_a_rotating_pool_of_addresses(attach, app, outside):
    """Each answer has some of 200 addresses; whichever a client picks is open."""
    pool = [f"203.0.113.{n}" for n in range(20, 220)]
    for address in pool:
        outside.add_address(f"{address}/32")
    turn = itertools.count()

    def rotate(received):
        first = next(turn) * 20
        received.reply(*(f"@ 1 A {pool[(first + i) % len(pool)]}" for i in range(20)))

    attach(app, script={**SCRIPT, "pool.test": rotate})
    seen = set()
    for _ in range(12):
        told = addresses(ask(app, "pool.test"))
        assert len(told) == 20
        seen.update(told)
        assert all(connect(app, address) == b"hello" for address in told[::8])
        time.sleep(1.1)
    assert len(seen) > 100


def test_a_reload_is_a_diff(attach, app):
    """No refused connection of what stays allowed, no hole for the rest."""
    server = attach(app)
    ask(app, "web.test")
    ask(app, "chain.test")
    assert connect(app, OTHER) == b"hello"
    ended, wrong = threading.Event(), []

    def hammer(address, expected):
        while not ended.is_set():
            outcome = connect(app, address)
            if (outcome == b"hello") != expected:
                wrong.append((address, outcome))

    threads = [threading.Thread(target=hammer, args=(WEB, True)),
               threading.Thread(target=hammer, args=(METADATA, False))]
    for thread in threads:
        thread.start()
    for round_ in range(5):
        allow = ["web.test", f"new{round_}.test"]
        server.write_config(server.text(allow=allow, egress=f'grace = "{60 + round_}s"'))
        assert "reloaded" in server.reload()
        time.sleep(0.3)
    ended.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    deadline = time.monotonic() + 5
    while not refused(connect(app, OTHER)):
        assert time.monotonic() < deadline, "chain.test isn't allowed any more"
        time.sleep(0.1)


def test_a_crash_leaves_it_closed_and_the_next_start_takes_over(attach, app, nxgate):
    server = attach(app)
    ask(app, "web.test")
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    assert refused(connect(app, OTHER))
    assert connect(app, WEB) == b"hello", "for its time"
    nxgate("--netns", app.path, config=server.text(), command="attach")
    assert connect(app, WEB) == b"hello", "no gap"
    assert refused(connect(app, OTHER))


def rules(inside):
    return inside.run("nft", "list", "ruleset", check=True).stdout


@pytest.mark.parametrize("egress", ['fail = "open"', 'mode = "audit"'])
def test_a_stop_leaves_no_trace_where_it_shall_open(attach, app, egress):
    before = rules(app)
    server = attach(app, egress=egress)
    assert "nxgate_egress" in rules(app)
    server.stop()
    assert rules(app) == before
    assert connect(app, OTHER) == b"hello"


@pytest.mark.parametrize("egress", ["", 'fail = "closed"', 'mode = "audit"\nfail = "closed"'])
def test_a_firewall_that_enforces_outlives_a_stop(attach, app, egress):
    server = attach(app, egress=egress)
    server.stop()
    assert "stays closed, as its policy default says" in server.log_text()
    assert "audit" in egress or refused(connect(app, OTHER))
    done = run("detach", "--netns", app.path)
    assert done.returncode == 0, done.stderr
    assert connect(app, OTHER) == b"hello"


def test_what_is_refused_is_told_with_the_name_behind_it(attach, app):
    server = attach(app, egress='ports = ["tcp/443"]')
    ask(app, "web.test")
    connect(app, WEB, 22)
    connect(app, OTHER, 80)
    server.wait_for_log(rf"refused tcp/22 of {WEB} \(web\.test\)")
    server.wait_for_log(rf"refused tcp/80 of {OTHER} \(no allowed name resolved to it\)")


def test_an_audit_lets_pass_and_tells(attach, app):
    server = attach(app, egress='mode = "audit"\nnever = ["metadata"]')
    with app.call(lambda: socket.create_connection((OTHER, 80), timeout=5)) as connection:
        assert connection.recv(5) == b"hello"
        assert addresses(ask(app, "meta.test")) == [METADATA], "answers stay as they are"
        line = server.wait_for_log(rf"would refuse tcp/80 of {OTHER}")
        assert re.search(rf"\(no allowed name resolved to it\), by \S+ \(pid {os.getpid()}\)$", line)


def test_dns_in_disguise_is_closed(attach, app):
    attach(app)
    ask(app, "web.test")
    assert refused(connect(app, WEB, 853))


def test_a_firewall_that_is_taken_away_comes_back(attach, app):
    server = attach(app)
    subprocess.run(["ip", "netns", "exec", app.name, "nft", "delete", "table", "inet",
                    "nxgate_egress"], check=True)
    server.wait_for_log("nxgate's firewall was removed by another program")
    assert refused(connect(app, OTHER))


@pytest.mark.parametrize("egress, complaint", [
    ('mode = "on"', 'expected "off", "audit" or "enforce"'),
    ('ports = ["https"]', "expected a port"),
    ('always = ["10.0.0.0/8 tcp"]', "expected a port"),
    ('never = ["10.0.0.1/8"]', "10.0.0.1/8"),
    ('grace = "0s"', "expected a second or more"),
    ('grce = "1s"', 'did you mean "grace"'),
])
def test_bad_settings_are_refused_with_their_place(tmp_path, egress, complaint):
    path = tmp_path / "nxgate.toml"
    path.write_text(CONFIG.format(port=1, netns="", egress=egress, allow=["a.test"], more="", timeout="5s"))
    done = run("check", path)
    assert done.returncode == 1
    assert f"{path}:" in done.stderr
    assert complaint in done.stderr


def test_a_rule_added_while_running_opens_and_closes_the_way(attach, app):
    server = attach(app, allow=["other.test"])
    assert rcode(ask(app, "web.test")) == "NXDOMAIN"
    server.operate("allow", "web.test", "--for", "10m")
    assert addresses(ask(app, "web.test")) == [WEB]
    assert connect(app, WEB) == b"hello"
    assert "with a firewall" in server.operate("attachments").stdout
    told = server.operate("explain", "web.test", "--client", app.path).stdout
    assert "allowed" in told and "`nxgate allow` by root" in told
    server.operate("allow", "web.test", "--remove")
    assert rcode(ask(app, "web.test")) == "NXDOMAIN"
    wait_for(lambda: refused(connect(app, WEB)), what="the end of the opening")
    unknown = server.operate("explain", "web.test", "--client", "nobody", check=False)
    assert unknown.returncode == 1 and "nxgate attachments" in unknown.stderr


def test_explain_tells_what_is_open_and_what_was_refused(attach, app):
    server = attach(app, egress='ports = ["tcp/443"]', allow=["web.test", "chain.test:22"])

    def told(name):
        with Control(server.control) as control:
            reply = control.ask("GET", f"/v1/explain?name={name}&client={app.path}")
            return valid(reply, "GET", "/v1/explain")["firewall"]

    assert told("web.test") == {"mode": "enforce", "open": [], "refused": []}
    ask(app, "web.test")
    ask(app, "chain.test")
    assert connect(app, WEB, 443) == b"hello" and refused(connect(app, WEB, 80))
    view = told("web.test")
    (opened,), (refusal,) = view["open"], view["refused"]
    assert (opened["address"], opened["port"], opened["name"]) == (WEB, "tcp/443", "web.test")
    assert 60 < opened["seconds_left"] <= 120, "TTL and grace"
    assert (refusal["address"], refusal["port"]) == (WEB, "tcp/80") and refusal["packets"] > 0
    text = server.operate("explain", "web.test", "--client", app.path).stdout
    assert re.search(rf"^firewall {WEB} tcp/443: open for \d+ s more, by web.test$", text, re.M), text
    assert re.search(rf"^firewall {WEB} tcp/80: refused in the last minute, packets: \d+$", text, re.M), text
    by_target = told("chain.test")
    assert {(each["address"], each["port"]) for each in by_target["open"]} == {(OTHER, "tcp/22"), (OTHER, "udp/22")}
    # The same by the address.
    assert [each["name"] for each in told(WEB)["open"]] == ["web.test"]
    refused(connect(app, METADATA, 80))
    assert [each["port"] for each in told(METADATA)["refused"]] == ["tcp/80"] and told(METADATA)["open"] == []
    assert "nothing is open by this" in server.operate("explain", METADATA, "--client", app.path).stdout


def test_who_asks_is_told_by_the_name_of_the_attachment(attach, app):
    server = attach(app)
    watcher = subprocess.Popen([BINARY, "watch", "--client", app.path, "--json", "--count", "1"],
                               stdout=subprocess.PIPE, text=True,
                               env={**os.environ, "NXGATE_CONTROL": str(server.control)})
    with Control(server.control) as control:
        wait_for(lambda: control.readers() > 0, what="the watcher's tap")
    ask(app, "web.test")
    assert json.loads(watcher.communicate(timeout=within(10))[0])["container"] == app.path


def test_what_was_opened_and_refused_is_counted_by_policy(attach, app):
    server = attach(app)

    def counted(name, *labels):
        words = ",".join(['policy="default"', *labels])
        return int(re.search(rf"^nxgate_egress_{name}_total{{{words}}} (\d+)$", server.operate("metrics").stdout,
                             re.M)[1])

    assert counted("admissions") == 0
    ask(app, "web.test")
    ask(app, "web.test")
    assert connect(app, WEB) == b"hello"
    for _ in range(3):
        assert refused(connect(app, OTHER))
    wait_for(lambda: counted("refused_packets", 'mode="enforce"') == 3, what="three refusals")
    assert counted("admissions") == 1, "the second answer found it open"
    assert counted("refused_packets", 'mode="audit"') == 0
    server.write_config(server.text('mode = "audit"'))
    server.reload()
    wait_for(lambda: connect(app, OTHER) == b"hello", what="the audit")
    wait_for(lambda: counted("refused_packets", 'mode="audit"') >= 1, what="what would have been refused")
    assert counted("refused_packets", 'mode="enforce"') >= 3


def leads_on_to(target):
    return answer(f"@ 60 CNAME {target}.", f"{target}. 60 A {OTHER}")


def leads_on(received):
    """Two names that lead to each other, and one that leads there."""
    target = {"was.test": "one.led.test", "one.led.test": "two.led.test", "two.led.test": "one.led.test"}
    to = target[received.qname.lower()]
    received.reply(f"@ 60 CNAME {to}.", f"{to}. 60 A {OTHER}")


@pytest.mark.parametrize("how", ["reload", "deny"])
def test_what_a_name_led_to_goes_with_it(attach, app, how):
    script = {name: leads_on for name in ("was.test", "one.led.test", "two.led.test")}
    server = attach(app, script=script, allow=["was.test", "web.test"])
    assert rcode(ask(app, "one.led.test")) == "NXDOMAIN"
    assert rcode(ask(app, "was.test")) == "NOERROR"
    assert rcode(ask(app, "one.led.test")) == rcode(ask(app, "two.led.test")) == "NOERROR"
    assert connect(app, OTHER) == b"hello"
    if how == "deny":
        server.operate("deny", "was.test")
    else:
        server.write_config(server.text(allow=["web.test"]))
        assert "reloaded" in server.reload()
    for qname in ("was.test", "one.led.test", "two.led.test"):
        assert rcode(ask(app, qname)) == "NXDOMAIN"
    wait_for(lambda: refused(connect(app, OTHER)))
    if how == "deny":
        server.operate("allow", "was.test")
        assert rcode(ask(app, "was.test")) == rcode(ask(app, "one.led.test")) == "NOERROR"


def test_what_a_name_led_to_goes_with_a_limit_that_denies_it(attach, app):
    script = {"longer.was.test": leads_on_to("led.test"), "led.test": answer(f"@ 60 A {OTHER}")}
    server = attach(app, script=script, allow=["was.test"])
    assert rcode(ask(app, "longer.was.test")) == rcode(ask(app, "led.test")) == "NOERROR"
    assert connect(app, OTHER) == b"hello"
    limits = "[policies.default.exfiltration]\nlongest-label = 5"
    server.write_config(server.text(allow=["was.test"], more=limits))
    assert "reloaded" in server.reload()
    assert rcode(ask(app, "longer.was.test")) == rcode(ask(app, "led.test")) == "NXDOMAIN"
    wait_for(lambda: refused(connect(app, OTHER)))


def test_of_two_names_that_lead_to_one_the_other_is_enough(attach, app):
    script = {"old.test": answer("@ 86400 CNAME led.test.", f"led.test. 86400 A {OTHER}"),
              "new.test": leads_on_to("led.test"), "led.test": answer(f"@ 60 A {OTHER}")}
    server = attach(app, script=script, allow=["old.test", "new.test"])
    for qname in ("old.test", "new.test"):
        assert addresses(ask(app, qname)) == [OTHER]
    server.write_config(server.text(allow=["new.test"]))
    assert "reloaded" in server.reload()
    for qname in ("new.test", "led.test"):
        assert addresses(ask(app, qname)) == [OTHER]
    assert connect(app, OTHER) == b"hello"


def test_what_a_target_opened_outlives_a_restart(attach, app, nxgate):
    server = attach(app, script={"was.test": leads_on_to("led.test"), "led.test": answer(f"@ 60 A {OTHER}")},
                    allow=["was.test"])
    for qname in ("was.test", "led.test"):
        assert addresses(ask(app, qname)) == [OTHER]
    server.process.send_signal(signal.SIGUSR2)
    server.process.wait(timeout=10)
    attach(app, allow=["was.test"])
    assert connect(app, OTHER) == b"hello"


def test_an_alias_of_the_operators_leads_only_who_asks_for_it(attach, app):
    attach(app, allow=["web.test"])
    assert addresses(ask(app, "mirror.own")) == [OTHER]
    assert connect(app, OTHER) == b"hello"
    assert rcode(ask(app, "chain.test")) == rcode(ask(app, "target.test")) == "NXDOMAIN"


@pytest.fixture
def slow():
    return Slow(f"@ 86400 A {OTHER}")


@pytest.mark.parametrize("how", ["reload", "deny", "reload of the timeout too"])
def test_what_was_asked_before_its_name_went_opens_nothing(attach, app, slow, how):
    server = attach(app, script={"slow.test": slow}, allow=["slow.test", "web.test"])

    def take_away():
        if how == "deny":
            server.operate("deny", "slow.test")
            return
        server.write_config(server.text(allow=["web.test"], timeout="5s" if how == "reload" else "50ms"))
        assert "reloaded" in server.reload()

    assert rcode(slow.while_it_waits(lambda: ask(app, "slow.test"), take_away)) == "SERVFAIL"
    assert refused(connect(app, OTHER))
    assert rcode(ask(app, "slow.test")) == "NXDOMAIN"


def test_what_was_asked_before_a_reload_that_leaves_its_name_opens(attach, app, slow):
    server = attach(app, script={"slow.test": slow}, allow=["slow.test", "web.test"])

    def reload():
        server.write_config(server.text(allow=["slow.test"]))
        assert "reloaded" in server.reload()

    assert addresses(slow.while_it_waits(lambda: ask(app, "slow.test"), reload)) == [OTHER]
    assert connect(app, OTHER) == b"hello"


def test_what_was_asked_before_its_process_ended_opens_nothing(attach, app, slow):
    process = app.popen("sleep", "1000")
    wait_for(lambda: os.readlink(f"/proc/{process.pid}/ns/net") != os.readlink("/proc/self/ns/net"))
    server = attach(app, script={"slow.test": slow}, allow=["slow.test"], where=("--pid", process.pid))

    def end():
        process.kill()
        process.wait()
        server.wait_for_log(f"detached pid {process.pid}, which has ended")

    with contextlib.suppress(dns.exception.Timeout):
        slow.while_it_waits(lambda: ask(app, "slow.test"), end)
    server.wait_for_log(f"detached pid {process.pid}")
    assert OTHER not in app.run("nft", "list", "ruleset").stdout
    assert refused(connect(app, OTHER))
