"""What a client can tell the owner of an allowed zone by the names it asks for."""
import random

import pytest

from harness.nxgate import ede, make_query, rcode, run
from harness.timing import Stopwatch
from harness.upstream import answer

CONFIG = """
[server]
listen = ["127.0.0.1:PORT"]
[upstreams.default]
servers = ["{upstream}"]
[policies.default]
allow = ["*.tunnel.test", "example.com", "=exact.tunnel.test", {more}]
[policies.default.exfiltration]
{limits}
"""
#: Of what apt, pip, npm, cargo, go, git, docker and a browser ask for.
REAL = """
deb.debian.org security.debian.org cdn-fastly.deb.debian.org debian.map.fastlydns.net
archive.ubuntu.com ports.ubuntu.com esm.ubuntu.com _http._tcp.deb.debian.org dl-cdn.alpinelinux.org
pypi.org files.pythonhosted.org pypi.python.org bootstrap.pypa.io registry.npmjs.org
registry.yarnpkg.com nodejs.org index.crates.io static.crates.io static.rust-lang.org
proxy.golang.org sum.golang.org storage.googleapis.com go.dev rubygems.org repo.maven.apache.org
repo1.maven.org plugins.gradle.org services.gradle.org downloads.gradle-dn.com packagist.org
github.com api.github.com codeload.github.com objects.githubusercontent.com
raw.githubusercontent.com release-assets.githubusercontent.com pkg.actions.githubusercontent.com
productionresultssa0.blob.core.windows.net productionresultssa19.blob.core.windows.net
gitlab.com registry.gitlab.com bitbucket.org registry-1.docker.io auth.docker.io index.docker.io
production.cloudflare.docker.com
docker-images-prod.6aa30f8b08e16409b46e0173d6de2f56.r2.cloudflarestorage.com
ghcr.io quay.io cdn03.quay.io gcr.io us-docker.pkg.dev mcr.microsoft.com
westeurope.data.mcr.microsoft.com public.ecr.aws d2lk14jtvqry1q.cloudfront.net
prod-eu-central-1-starport-layer-bucket.s3.dualstack.eu-central-1.amazonaws.com
0f1e2d3c4b5a69788796a5b4c3d2e1f0.gr7.eu-west-1.eks.amazonaws.com
conda.anaconda.org huggingface.co cdn-lfs-us-1.hf.co download.pytorch.org api.openai.com
rr3---sn-4g5e6nzz.googlevideo.com clients2.googleusercontent.com
""".split()


@pytest.fixture
def limited(nxgate, upstream):
    server = upstream({"*": answer("@ 60 A 192.0.2.1"),
                       "alias.example.com": answer("@ 60 CNAME a.cdn.test.",
                                                   "a.cdn.test. 60 CNAME b.cdn.test.",
                                                   "b.cdn.test. 60 A 192.0.2.1")})

    def start(limits="", more=()):
        return nxgate("-v", config=CONFIG.format(
            upstream=server.endpoint, limits=limits,
            more=", ".join(f'"{rule} force"' for rule in more)))

    return start


def reason(response):
    return ede(response)[0][1]


def test_the_names_of_real_programs_pass(limited):
    server = limited(more=sorted({f"*.{name.rsplit('.', 1)[1]}" for name in REAL}))
    assert [name for name in REAL if rcode(server.query(name)) != "NOERROR"] == []


def resolved(server, names, **options):
    """How many of the names are."""
    return sum(rcode(server.ask(make_query(name), **options)) == "NOERROR" for name in names)


def test_new_names_are_bounded_and_others_are_not(limited):
    server = limited()
    with Stopwatch() as watch:
        outcomes = [server.query(f"n{i}.tunnel.test", edns=True) for i in range(200)]
    denied = [o for o in outcomes if rcode(o) == "NXDOMAIN"]
    assert all(rcode(o) == "NOERROR" for o in outcomes[:60])
    assert 200 - len(denied) <= 61 + watch.seconds, "60, and what was refilled meanwhile"
    assert {reason(o) for o in denied} == {"policy=default rule=exfiltration.new-names"}
    assert resolved(server, [f"n{i}.tunnel.test" for i in range(60)]) == 60, "they were asked before"
    assert rcode(server.query("n5.tunnel.test", "AAAA", tcp=True)) == "NOERROR"
    assert rcode(server.query("exact.tunnel.test")) == "NOERROR"
    assert rcode(server.query("www.example.com")) == "NOERROR", "another domain"
    assert "exfiltration.new-names" in server.wait_for_log(r" n199\.tunnel\.test A denied")


def test_another_address_of_the_same_host_is_no_new_client(limited):
    server = limited("new-names = 5")
    assert sum(resolved(server, [f"n{i}.tunnel.test"], source=f"127.0.{i}.1") for i in range(100)) < 20


@pytest.mark.parametrize("zone", ["lan", "github.io"])
def test_each_name_below_a_suffix_is_no_new_domain(limited, zone):
    server = limited("new-names = 5", more=[zone])
    assert resolved(server, [f"n{i}.{zone}" for i in range(100)]) < 20


def test_where_a_cname_leads_is_a_new_name(limited):
    server = limited("new-names = 1")
    assert rcode(server.query("example.com")) == "NOERROR"
    assert rcode(server.query("alias.example.com")) == "NOERROR"
    assert rcode(server.query("b.cdn.test")) == "NOERROR"
    assert rcode(server.query("a.cdn.test")) == "NXDOMAIN"


def test_a_reload_gives_no_new_budget(limited):
    server = limited("new-names = 5")
    for i in range(5):
        assert rcode(server.query(f"n{i}.tunnel.test")) == "NOERROR"
    server.reload()
    assert rcode(server.query("late.tunnel.test")) == "NXDOMAIN"


def tunnel_names():
    """As iodine and dnscat2 write full packets: base 32 or hexadecimal digits, label after label."""
    dice = random.Random(7)
    for digits, longest in (("abcdefghijklmnopqrstuvwxyz012345", 57), ("0123456789abcdef", 60)):
        for _ in range(20):
            labels = ["".join(dice.choices(digits, k=longest)) for _ in range(3)]
            yield ".".join(labels + ["tunnel.test"])


def test_full_packets_of_tunnels_are_denied_at_once(limited):
    server = limited()
    for name in tunnel_names():
        response = server.query(name, "TXT", edns=True)
        assert rcode(response) == "NXDOMAIN"
        assert reason(response) == "policy=default rule=exfiltration.entropy"


@pytest.mark.parametrize("limits, qname, qtype, why", [
    ("", "paaqc5zs8x2mvk7yd0rjh1wteg4bnfu6l3o9iaxqz7cd.k8m2vw5rj1ytd0xhg4bnfu6z3lsqeo9c7ipa."
         "2zv8x5mk7ydw0rjh1teg4bnfu6l3o9iaxqcs.tunnel.test", "TXT", "entropy"),
    ("longest-label = 20", "a" * 21 + ".tunnel.test", "A", "longest-label"),
    ("", "a.tunnel.test", "NULL", "types"),
])
def test_tunnels_are_denied_and_explain_says_the_same(limited, limits, qname, qtype, why):
    server = limited(limits)
    response = server.query(qname, qtype, edns=True)
    assert rcode(response) == ("NOERROR" if why == "types" else "NXDOMAIN")
    assert response.answer == []
    assert reason(response) == f"policy=default rule=exfiltration.{why}"
    kind = "TYPE10" if qtype == "NULL" else qtype
    explained = run("explain", qname, "--type", kind, "--config", server.config).stdout
    assert f"exfiltration.{why}" in explained


def test_without_the_table_there_is_no_limit(nxgate, upstream):
    server = upstream({"*": answer("@ 60 A 192.0.2.1")})
    plain = nxgate("--allow", "*.tunnel.test", "--upstream", server.endpoint)
    assert all(rcode(plain.query(f"n{i}.tunnel.test")) == "NOERROR" for i in range(100))


@pytest.mark.parametrize("limits, place", [
    ("new-names = -1", "from 0 to 1000000"), ("longest-label = 64", "from 1 to 63"),
    ("longest-label = 0", "from 1 to 63"), ("entropy = 2001", "from 0 to 2000"),
    ('types = ["BOGUS"]', "BOGUS"), ("entropie = 5", 'did you mean "entropy"'),
])
def test_slips_are_refused_with_their_place(tmp_path, limits, place):
    path = tmp_path / "nxgate.toml"
    path.write_text(CONFIG.format(upstream="127.0.0.1:1", limits=limits, more="").replace("PORT", "5353"))
    done = run("check", path)
    assert done.returncode == 1
    assert f"{path}:" in done.stderr and place in done.stderr


RESTARTED = """
[upstreams.default]
servers = ["10.99.0.1:{upstream}"]
netns = "{outside}"
[policies.default]
allow = ["*.tunnel.test"]
[policies.default.exfiltration]
new-names = 5
[docker]
socket = "{engine}"
attach = "all"
"""


def test_a_restart_of_a_container_gives_no_new_budget(nxgate, upstream, engine, directory):
    """A program that ends is started again by the engine, as often as it likes."""
    up = upstream({"*": answer("@ 60 A 192.0.2.1")}, namespace=engine.outside, address="10.99.0.1")
    nxgate("--hook-socket", directory / "hook.sock", command="docker", config=RESTARTED.format(
        upstream=up.port, outside=engine.outside.path, engine=engine.socket))
    network = engine.network("budget_net")
    containers = [engine.run(name, network=network, command=["sleep", "1000"])
                  for name in ("leaky", "other")]

    def told(container, prefix):
        return [container.run("dig", "+short", "+tries=1", f"{prefix}{i}.tunnel.test").stdout.strip()
                for i in range(8)].count("192.0.2.1")

    leaky, other = containers
    assert told(leaky, "a") <= 6
    for again in range(3):
        before = leaky.pid
        engine.docker("restart", "-t", "0", "leaky")
        assert leaky.pid != before
        assert told(leaky, f"b{again}x") <= 3, "what was refilled meanwhile"
    assert told(other, "c") >= 5, "each has its own"
