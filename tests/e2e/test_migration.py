"""docs/migration.md tells the truth: what dnsmasq answers by the old lines, nxgate answers by the new."""
import subprocess

import dns.exception
import dns.query
import dns.rdatatype
import pytest
from harness.nxgate import SANITIZED, free_port, make_query
from harness.timing import wait_for
from harness.upstream import answer

pytestmark = pytest.mark.skipif(SANITIZED, reason="it is about a document")

#: (dnsmasq's lines, nxgate's policies.default, the questions both are asked). {default} and {corp} are
#: servers with different answers.
ROWS = {
    "deny all": ("address=/#/", "", ["any.test A", "any.test AAAA"]),
    "a server for all": ("server={default}", 'allow = [". force"]', ["www.corp.example A"]),
    "a server for a name": ("address=/#/\nserver=/corp.test/{corp}", """
allow = ["corp.test"]
routes = [{{ names = ["corp.test"], upstream = "corp" }}]""", ["www.corp.test A", "other.test A"]),
    "no to a name": ("server={default}\naddress=/ads.test/\nlocal=/lan/", """
allow = [". force"]
deny-names = ["ads.test", "lan"]""", ["www.ads.test A", "nas.lan A", "www.corp.example A"]),
    "all below": ("address=/#/\naddress=/dev.test/10.0.0.5", """
records = ["dev.test A 10.0.0.5", "*.dev.test A 10.0.0.5"]""",
                  ["dev.test A", "a.b.dev.test A", "else.test A"]),
    "host": ("address=/#/\nhost-record=db.test,10.0.0.7", """
records = ["db.test A 10.0.0.7", "7.0.0.10.in-addr.arpa PTR db.test"]""",
             ["db.test A", "7.0.0.10.in-addr.arpa PTR"]),
    "alias": ("address=/#/\nhost-record=db.test,10.0.0.7\ncname=alias.test,db.test", """
records = ["db.test A 10.0.0.7", "alias.test CNAME db.test"]""", ["alias.test A"]),
    "other types": ("address=/#/\ntxt-record=t.test,hello\nsrv-host=_x._tcp.test,db.test,5432\n"
                    "mx-host=m.test,db.test,10\nptr-record=8.0.0.10.in-addr.arpa,db.test", """
records = ["t.test TXT hello", "_x._tcp.test SRV 0 0 5432 db.test", "m.test MX 10 db.test",
           "8.0.0.10.in-addr.arpa PTR db.test"]""",
                    ["t.test TXT", "_x._tcp.test SRV", "m.test MX", "8.0.0.10.in-addr.arpa PTR"]),
    "hosts file": ("address=/#/\naddn-hosts={hosts}", 'hosts-files = ["{hosts}"]',
                   ["nas.test A", "9.0.0.10.in-addr.arpa PTR"]),
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
    default, corp = (upstream({"*": answer(f"@ 60 A {each}")}).endpoint for each in ("192.0.2.1", "192.0.2.2"))
    hosts = directory / "hosts"
    hosts.write_text("10.0.0.9 nas.test\n")
    port = dnsmasq(old.format(default=default.replace(":", "#"), corp=corp.replace(":", "#"), hosts=hosts))
    server = nxgate(config=f"""
[server]
listen = ["127.0.0.1:PORT"]
[upstreams.default]
servers = ["{default}"]
[upstreams.corp]
servers = ["{corp}"]
[policies.default]
{new.format(hosts=hosts)}
""")
    for question in questions:
        assert ask(server.port, question) == ask(port, question), question
