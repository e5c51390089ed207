"""docs/migration.md tells the truth: what dnsmasq answers by the old lines, nxgate answers by the new."""
import subprocess

import dns.message
import dns.query
import dns.rdatatype
import pytest
from harness.nxgate import SANITIZED, free_port, make_query
from harness.timing import wait_for
from harness.upstream import answer

pytestmark = pytest.mark.skipif(SANITIZED, reason="it is about a document")

#: (dnsmasq's lines, keys of policies.default, the questions both are asked).
ROWS = {
    "deny all": ("", "", ["any.test A", "any.test AAAA"]),
    "server of a name": ("server=/corp.test/{server}", """
allow = ["corp.test"]
routes = [{{ names = ["corp.test"], upstream = "default" }}]""", ["www.corp.test A", "other.test A"]),
    "no to a name": ("server={upstream}\naddress=/ads.test/", """
allow = [". force"]
deny-names = ["ads.test"]""", ["www.ads.test A", "www.corp.test A"]),
    "all below": ("address=/dev.test/10.0.0.5", """
records = ["dev.test A 10.0.0.5", "*.dev.test A 10.0.0.5"]""",
                  ["dev.test A", "a.b.dev.test A", "else.test A"]),
    "host": ("host-record=db.test,10.0.0.7", """
records = ["db.test A 10.0.0.7", "7.0.0.10.in-addr.arpa PTR db.test"]""",
             ["db.test A", "7.0.0.10.in-addr.arpa PTR"]),
    "alias": ("host-record=db.test,10.0.0.7\ncname=alias.test,db.test", """
records = ["db.test A 10.0.0.7", "alias.test CNAME db.test"]""", ["alias.test A"]),
    "other types": ("txt-record=t.test,hello\nsrv-host=_x._tcp.test,db.test,5432\nmx-host=m.test,db.test,10", """
records = ["t.test TXT hello", "_x._tcp.test SRV 0 0 5432 db.test", "m.test MX 10 db.test"]""",
                    ["t.test TXT", "_x._tcp.test SRV", "m.test MX"]),
    "hosts file": ("addn-hosts={hosts}", 'hosts-files = ["{hosts}"]', ["nas.test A", "9.0.0.10.in-addr.arpa PTR"]),
}


@pytest.fixture
def dnsmasq(directory):
    started = []

    def start(lines):
        port = free_port()
        config = directory / "dnsmasq.conf"
        config.write_text(f"no-daemon\nno-resolv\nno-hosts\nport={port}\nlisten-address=127.0.0.1\n"
                          f"bind-interfaces\nuser=root\n{lines}\n")
        started.append(subprocess.Popen(["dnsmasq", f"--conf-file={config}"], stderr=subprocess.DEVNULL))
        wait_for(lambda: answers(port), what="dnsmasq's answer")
        return port

    yield start
    for each in started:
        each.terminate()
        each.wait(10)


def answers(port):
    try:
        return ask(port, "any.test A", timeout=0.2) is not None
    except (OSError, dns.exception.Timeout):
        return False


def ask(port, question, timeout=5):
    """What a client goes by: the status, and the records without their TTLs."""
    reply = dns.query.udp(make_query(*question.split(), edns=False), "127.0.0.1", port=port, timeout=timeout)
    records = {(rrset.name, dns.rdatatype.to_text(rrset.rdtype), rdata.to_text())
               for rrset in reply.answer for rdata in rrset}
    return reply.rcode(), records


@pytest.mark.parametrize("old, new, questions", ROWS.values(), ids=ROWS)
def test_both_give_the_same_answer(nxgate, upstream, dnsmasq, directory, old, new, questions):
    up = upstream({"*": answer("@ 60 A 192.0.2.1")})
    hosts = directory / "hosts"
    hosts.write_text("10.0.0.9 nas.test\n")
    values = {"server": up.endpoint.replace(":", "#"), "upstream": up.endpoint.replace(":", "#"),
              "hosts": hosts}
    deny_rest = "" if "{upstream}" in old else "address=/#/\n"
    port = dnsmasq(deny_rest + old.format(**values))
    server = nxgate(config='[server]\nlisten = ["127.0.0.1:PORT"]\n'
                           f'[upstreams.default]\nservers = ["{up.endpoint}"]\n'
                           f"[policies.default]\n{new.format(**values)}\n")
    for question in questions:
        assert ask(server.port, question) == ask(port, question), question
