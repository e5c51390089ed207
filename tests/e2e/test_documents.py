"""Every configuration in the documents is good, and those of the recipes do what their text says of names."""
import re
import subprocess

import pytest
from harness.nxgate import BINARY, ROOT, SANITIZED, addresses, make_query, rcode
from harness.timing import wait_for
from harness.upstream import answer
from harness.wayout import table

pytestmark = pytest.mark.skipif(SANITIZED, reason="it is about documents")


def configurations(document):
    """[(the heading before it, the text)]."""
    text = (ROOT / "docs" / document).read_text()
    return [(re.findall(r"^## (.*)|\A", text[:block.start()], re.M)[-1], block[1])
            for block in re.finditer(r"^```toml\n(.*?)^```$", text, re.M | re.S)]


RECIPES = dict(configurations("recipes.md"))
#: In these each configuration goes on with those before it.
GROWING = {"egress.md"}


def to_check():
    """(document, heading, text) of each configuration."""
    for path in sorted((ROOT / "docs").glob("*.md")):
        before = ""
        for heading, text in configurations(path.name):
            yield path.name, heading, before + text
            before += text if path.name in GROWING else ""


@pytest.mark.parametrize("document, heading, text", to_check())
def test_each_configuration_is_good(directory, document, heading, text):
    for name in ("web.list", "ads.txt"):
        (directory / name).write_text("a.test\n")
    (directory / "nxgate.toml").write_text(text)
    done = subprocess.run([BINARY, "check", directory / "nxgate.toml"], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, f"{document}, {heading}: {done.stderr}"


def sources():
    """The code with its adjacent texts joined, and with `{}` where values are put between them."""
    found = []
    for path in sorted((ROOT / "src").rglob("*.cc")):
        if not path.stem.endswith(("_test", "_fuzz", "_bench")):
            text = re.sub(r'"\s*\n\s*"', "", path.read_text())
            found.append(re.sub(r'"\s*\+[^";]*\+\s*"', "{}", text))
    return "\n".join(found)


def messages():
    """What troubleshooting.md says that nxgate writes: the first cells of its table of messages."""
    part = (ROOT / "docs/troubleshooting.md").read_text().split("## By message")[1].split("\n## ")[0]
    return [each for cell in re.findall(r"^\| (`.*?`) \|", part, re.M) for each in re.findall(r"`(.*?)`", cell)]


def test_each_message_in_troubleshooting_is_one_of_ours():
    code, quoted = sources(), messages()
    assert len(quoted) > 10
    for message in quoted:
        pieces = [re.escape(piece.replace('"', '\\"')) for piece in message.split("...")]
        assert re.search('[^"\n]*'.join(pieces), code), f"nothing in src/ writes: {message}"


def threat_model():
    return (ROOT / "docs/threat-model.md").read_text()


def test_the_threat_model_has_the_attempts_of_the_tests():
    """`python3 -m harness.wayout` prints them."""
    told = re.search(r"<!-- attempts -->\n(.*?)\n<!-- end -->", threat_model(), re.S)
    assert told[1] == table()


def test_what_else_the_threat_model_says_is_shown():
    rows = re.findall(r"^\|.*\|$", threat_model().split("<!-- end -->")[1].split("## Not stopped")[0], re.M)
    assert len(rows) > 2
    for row in rows[2:]:
        shown = re.findall(r"`(test_\w+\.py)::(test_\w+)`", row.split("|")[3])
        assert shown, row
        for file, test in shown:
            assert f"\ndef {test}(" in (ROOT / "tests/e2e" / file).read_text(), f"no {test} in {file}"


def here(recipe, *replacements):
    """A recipe, listening at the test's port, with what it names replaced by what the test has."""
    text = re.sub(r"^listen = .*$", 'listen = ["127.0.0.1:PORT"]', RECIPES[recipe], flags=re.M)
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    return text


def test_the_offline_test_environment(nxgate):
    server = nxgate(config=here("Offline test environment"))
    assert addresses(server.query("api.test")) == ["10.0.0.5"]
    assert addresses(server.query("a.b.cdn.test")) == ["10.0.0.6"]
    assert "5432 db.test." in server.query("_postgres._tcp.test", "SRV").to_text()
    assert rcode(server.query("www.example.com")) == "NXDOMAIN"


def test_the_home_lab(nxgate, upstream):
    up = upstream({"*": answer("@ 60 A 192.0.2.1")})
    server = nxgate(config=here("Home lab", ('"9.9.9.9", "149.112.112.112"', f'"{up.endpoint}"'),
                                ("192.168.1.64/26", "127.0.0.2/32")))
    assert addresses(server.query("www.example.com")) == ["192.0.2.1"]
    assert rcode(server.query("stats.doubleclick.net")) == "NXDOMAIN"
    assert addresses(server.query("nas.lan")) == ["192.168.1.10"]
    assert "nas.lan." in server.query("10.1.168.192.in-addr.arpa", "PTR").to_text()
    child = "127.0.0.2"
    assert addresses(server.ask(make_query("en.wikipedia.org"), source=child)) == ["192.0.2.1"]
    assert rcode(server.ask(make_query("www.example.com"), source=child)) == "NXDOMAIN"


def test_names_of_one_network_in_another(engine, nxgate):
    network = engine.network("app_net")
    engine.run("web", network=network)
    db = engine.run("db", "--network-alias", "db.test", network=network)
    server = nxgate(config=here("Names of one network in another") +
                    f'[docker]\nsocket = "{engine.socket}"\n')
    server.wait_for_log("container web is there, for upstream docker")
    wait_for(lambda: addresses(server.query("db.test")) == [db.address(network)], 20)
    assert rcode(server.query("www.example.com")) == "NXDOMAIN"


def test_a_list_is_learnt_as_getting_started_says(nxgate, namespace, upstream, directory):
    job = namespace("job")
    job.resolv_conf("nameserver 127.0.0.11\n")
    up = upstream({"*": answer("@ 60 A 192.0.2.1")})
    server = nxgate("--netns", job.name, "--upstream", up.endpoint, command="attach", listen=[])
    assert "resolving everything" in server.operate("learn", "start").stdout
    assert "status: NOERROR" in job.run("dig", "www.example.com").stdout
    (directory / "web.list").write_text(server.operate("learn", "propose").stdout)
    server.operate("learn", "stop")
    assert "status: NXDOMAIN" in job.run("dig", "www.example.com").stdout
    server.stop()

    text = dict(configurations("getting-started.md"))["A list you don't know yet"]
    config = directory / "nxgate.toml"
    config.write_text(text + f'[upstreams.default]\nservers = ["{up.endpoint}"]\n')
    nxgate("--netns", job.name, "--config", config, command="attach", listen=[])
    assert "status: NOERROR" in job.run("dig", "www.example.com").stdout
    assert "status: NXDOMAIN" in job.run("dig", "other.example.com").stdout
