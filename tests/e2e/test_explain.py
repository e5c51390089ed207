"""explain speaks the truth: the verdict it tells is the one that a server with the same file gives."""
import random
import re

import pytest
from harness.nxgate import SANITIZED, make_query, rcode, run

CONFIG = """
[server]
listen = ["127.0.0.1:PORT"]
[upstreams.default]
servers = ["{default}"]
[upstreams.corp]
servers = ["{corp}"]
[policies.default]
allow = ["a.test", "*.b.test", "=c.test", "d.c.test", "=a.b.c.d.test"]
deny-names = ["no.a.test", "*.d.c.test", "=b.d.test", "d.a.b.test"]
hosts-files = ["hosts"]
records = ["l.a.test A 10.0.0.1", "l.a.test A 10.0.0.2", "*.l.test AAAA fd00::1", "l.l.test TXT x",
           "c.l.test CNAME a.test", "d.l.test CNAME l.a.test", "b.l.test CNAME c.l.test"]
suppress-types = ["MX"]
routes = [{{ names = ["d.test", "a.a.test", "c.b.test"], upstream = "corp" }}]
[policies.nodata]
deny = "nodata"
allow = ["b.test", "l.test"]
suppress-types = ["A"]
[policies.refused]
deny = "refused"
allow = ["test force"]
deny-names = ["b.test", "*.a.a.test"]
upstream = "corp"
[policies.address]
deny = "address"
deny-addresses = ["192.0.2.80"]
deny-names = ["a.b.test"]
allow = ["=b.b.test"]
[[clients]]
from = ["127.0.1.0/24"]
policy = "nodata"
[[clients]]
from = ["127.0.1.128/25"]
policy = "refused"
[[clients]]
from = ["127.0.1.200/32"]
policy = "address"
"""
CLIENTS = ["127.0.0.1", "127.0.1.1", "127.0.1.129", "127.0.1.200"]
TYPES = ["A", "AAAA", "TXT", "MX", "ANY", "CNAME"]
LABELS = ["a", "b", "c", "d", "no", "l", "x", r"a\.b", "A"]


def told_apart(number):
    """Answers that show which upstream was asked."""
    rdata = {"A": f"192.0.2.{number}", "AAAA": f"2001:db8::{number}", "TXT": f'"{number}"',
             "MX": f"{number} mx.test.", "CNAME": f"n{number}.test."}
    return lambda received: received.reply(f"@ 60 {received.qtype} {rdata[received.qtype]}")


def explained(qname, qtype, client, config):
    done = run("explain", qname, "--type", qtype, "--client", client, "--config", config)
    assert done.returncode == 0, done.stderr
    return re.search(r"^verdict +(.*)$", done.stdout, re.MULTILINE)[1]


def summary(response, qtype):
    """What `explain` would have had to say of such an answer."""
    records = [rdata.to_text() for rrset in response.answer for rdata in rrset
               if rrset.rdtype != 5 or qtype == "CNAME"]
    if any("RFC8482" in record for record in records):
        return "ANY"
    if not records:
        return {"NOERROR": "NODATA"}.get(rcode(response), rcode(response))
    if records == ["192.0.2.80"]:
        return "the address 192.0.2.80"
    for number, name in ((1, "default"), (2, "corp")):
        if records[0].strip('"').rstrip(".") in (f"192.0.2.{number}", f"2001:db8::{number}",
                                                  str(number), f"{number} mx.test", f"n{number}.test"):
            return f"upstream {name}"
    return f"local: {len(records)}"


def promised(verdict):
    for pattern in (r"upstream (?:default|corp)(?= )", r"the address [\d.]+", r"local: \d+", r"\bANY\b",
                    r"NODATA", r"NXDOMAIN", r"REFUSED"):
        if found := re.search(pattern, verdict):
            return found[0]
    raise AssertionError(verdict)


def questions(count):
    dice = random.Random(3)
    asked = {(".".join([*dice.choices(LABELS, k=dice.randrange(5)), "test"]), dice.choice(TYPES),
              dice.choice(CLIENTS)) for _ in range(count * 2)}
    return sorted(asked)[:count] if count < 100 else dice.sample(sorted(asked), count)


def test_explain_agrees_with_the_answers(nxgate, upstream, directory):
    (directory / "hosts").write_text("10.0.0.3 x.l.a.test\n")
    default, corp = upstream({"*": told_apart(1)}), upstream({"*": told_apart(2)})
    config = directory / "n.toml"
    text = CONFIG.format(default=default.endpoint, corp=corp.endpoint)
    config.write_text(text.replace("PORT", "53"))
    server = nxgate(config=text.replace('"hosts"', f'"{directory}/hosts"'))
    kinds = set()
    for qname, qtype, client in questions(100 if SANITIZED else 600):
        verdict = explained(qname, qtype, client, config)
        response = server.ask(make_query(qname, qtype), source=client)
        assert promised(verdict) == summary(response, qtype), (qname, qtype, client, verdict)
        kinds.add(promised(verdict))
    assert {"upstream default", "upstream corp", "NODATA", "NXDOMAIN", "REFUSED", "ANY"} <= kinds


def test_explain_names_rule_place_and_upstream(directory):
    config = directory / "n.toml"
    config.write_text('[upstreams.default]\nservers = ["192.0.2.53"]\n[policies.default]\n'
                      'allow = ["a.test"]\ndeny-names = ["no.a.test"]\n')
    allowed = run("explain", "www.a.test", "--config", config).stdout
    assert f'allow "a.test" ({config}:4:10)' in allowed and "192.0.2.53" in allowed
    denied = run("explain", "x.no.a.test", "--config", config, "--type", "AAAA").stdout
    assert f'deny "no.a.test" ({config}:5:15)' in denied and "NXDOMAIN" in denied


def test_explain_names_the_line_of_a_list_file(directory):
    (directory / "a.list").write_text("# ours\n\n  =x.test # alone\n")
    told = run("explain", "x.test", "--allow-file", directory / "a.list", "--upstream", "192.0.2.53").stdout
    assert f'allow "=x.test" ({directory}/a.list:3:3)' in told


def test_explain_tells_the_route(directory):
    config = directory / "n.toml"
    config.write_text(CONFIG.format(default="192.0.2.53", corp="tcp://192.0.2.54").replace("PORT", "53"))
    (directory / "hosts").write_text("")
    told = run("explain", "x.a.a.test", "--config", config).stdout
    assert "corp (tcp://192.0.2.54:53)" in told and re.search(r"route +a\.a\.test and below", told)


@pytest.mark.parametrize("arguments, word", [
    (["a..b"], "a..b"), (["x.test", "--type", "NOPE"], "NOPE"), (["x.test", "--client", "10.0.0.300", "--allow", "y.test"], "10.0.0.300")])
def test_explain_refuses_what_cannot_be_asked(arguments, word):
    done = run("explain", *arguments)
    assert done.returncode in (1, 2) and word in done.stderr and not done.stdout
