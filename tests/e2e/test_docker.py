"""`nxgate attach` to containers of a real engine: the freeze, and its end."""
import concurrent.futures
import re
import subprocess
from pathlib import Path

import pytest

from harness.engine import IMAGE
from harness.nxgate import BINARY, ROOT, SANITIZED, run
from harness.timing import wait_for, within
from harness.upstream import answer, by_type

ALLOWED, ADDRESS = "allowed.test", "203.0.113.7"
LOOKUPS = {
    "glibc": ["getent", "ahosts", "tired.com"],
    "musl": ["musl-lookup", "tired.com"],
    "busybox": ["nslookup", "tired.com"],
}


@pytest.fixture
def attach(nxgate, upstream, engine):
    """attach(container, ...): nxgate, attached to it, with one allowed name."""
    server = upstream({ALLOWED: answer(f"@ 60 A {ADDRESS}")}, namespace=engine.outside,
                      address="10.99.0.1")

    def start(*arguments):
        return nxgate(*arguments, "--engine", engine.socket, "--allow", ALLOWED, "--upstream",
                      f"10.99.0.1:{server.port}@{engine.outside.path}", command="attach", listen=[])

    return start


def ask(container, qname, *options):
    """The status dig tells, and the addresses."""
    done = container.run("dig", "+tries=1", "+time=3", qname, *options)
    status = re.search(r"status: (\w+)", done.stdout)
    return (status and status[1],
            re.findall(r"\sIN\s+A{1,4}\s+(\S+)", done.stdout.partition("ANSWER SECTION")[2]))


def assert_gated(container, *options):
    """A denied name is denied and an allowed one resolves, whatever server is asked how."""
    for how in options or ([], ["@1.1.1.1"], ["@8.8.8.8", "+tcp"]):
        assert ask(container, "tired.com", *how) == ("NXDOMAIN", [])
        assert ask(container, ALLOWED, *how) == ("NOERROR", [ADDRESS])


@pytest.mark.skipif(SANITIZED, reason="half a minute of waiting, the same in every build")
def test_the_freeze_and_its_end(engine, attach):
    web = engine.run("web", network=engine.network("app_net"))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        frozen = dict(zip(LOOKUPS, pool.map(lambda words: web.timed(*words)[1],
                                            LOOKUPS.values())))
    if int(engine.version().split(".")[0]) < 28:  # which asks nobody when the host names nobody
        assert all(seconds > 4 for seconds in frozen.values()), frozen
    attach("web")
    thawed = {libc: web.timed(*words)[1] for libc, words in LOOKUPS.items()}
    assert all(seconds < 1 for seconds in thawed.values()), thawed


def test_on_a_network_of_ones_own(engine, attach):
    web = engine.run("web", network=engine.network("app_net"))
    attach("web")
    assert_gated(web)


@pytest.mark.parametrize("options", [[], ["--network", "none"]], ids=["bridge", "none"])
def test_on_the_networks_that_are_always_there(engine, attach, options):
    web = engine.run("web", *options)
    attach("web")
    assert_gated(web, ["@8.8.8.8"], ["@1.1.1.1", "+tcp"])


def test_on_an_internal_network(engine, attach):
    web = engine.run("web", network=engine.network("inner", "--internal"))
    attach("web")
    assert_gated(web)


def test_with_ipv6(engine, attach):
    web = engine.run("web", network=engine.network("six", "--ipv6", "--subnet", "fd00:77::/64"))
    attach("web")
    assert_gated(web, [], ["@2606:4700:4700::1111"], ["@2606:4700:4700::1111", "+tcp"])


def test_neighbours_have_their_names(engine, attach):
    network = engine.network("app_net")
    db = engine.run("db", "--network-alias", "database", network=network)
    web = engine.run("web", "--link", "db:primary", network=network)
    attach("web")
    address = db.address(network)
    for name in ("db", "database", "primary", "db.app_net", "database.app_net", db.id[:12]):
        assert ask(web, name) == ("NOERROR", [address]), name
    assert ask(web, "web") == ("NOERROR", [web.address(network)])
    assert ask(web, "nobody") == ("NXDOMAIN", [])
    reverse = web.run("dig", "+short", "-x", address).stdout.strip()
    assert reverse == "db.app_net."
    late = engine.run("late", network=network)
    wait_for(lambda: ask(web, "late") == ("NOERROR", [late.address(network)]))
    engine.docker("rm", "-f", "db")
    wait_for(lambda: ask(web, "db") == ("NXDOMAIN", []))


def test_networks_come_and_go_under_an_attachment(engine, attach):
    first, second = engine.network("first"), engine.network("second")
    web = engine.run("web", network=first)
    other = engine.run("other", network=second)
    attach("web")
    engine.docker("network", "connect", second, "web")
    wait_for(lambda: ask(web, "other") == ("NOERROR", [other.address(second)]))
    assert_gated(web)
    engine.docker("network", "disconnect", first, "web")
    engine.docker("network", "disconnect", second, "web")
    wait_for(lambda: ask(web, "other") == ("NXDOMAIN", []))
    assert_gated(web)


def test_the_engines_resolver_cannot_be_asked_by_its_port(engine, attach):
    web = engine.run("web", network=engine.network("app_net"))
    port = int(re.search(r"udp dport 53.*?dnat to 127\.0\.0\.11:(\d+)", web.rules())[1])
    assert ask(web, "web", "@127.0.0.11", "-p", port)[0] == "NOERROR"
    attach("web")
    assert ask(web, "web", "@127.0.0.11", "-p", port) == (None, [])


def test_containers_that_share_a_namespace_share_the_gate(engine, attach):
    web = engine.run("web", network=engine.network("app_net"))
    guest = engine.run("guest", "--network", "container:web")
    server = attach("guest", "web")
    assert server.log_text().count("attached") == 1
    assert_gated(web)
    assert_gated(guest)


def test_detaching_leaves_no_trace(engine, attach):
    web = engine.run("web", network=engine.network("app_net"))
    state = lambda: (re.sub(r"packets \d+ bytes \d+", "", web.rules()),
                     web.run("ip", "route", "show", "table", "all").stdout)
    before = state()
    server = attach("web")
    assert_gated(web)
    server.stop()
    assert state() == before


def test_it_is_followed_through_a_restart(engine, attach):
    web = engine.run("web", network=engine.network("app_net"))
    server = attach("web")
    since = len(server.log)
    engine.docker("restart", "-t", "0", "web")
    server.wait_for_log("attached web", since=since)
    assert_gated(web)


def test_killed_and_started_again(engine, attach):
    web = engine.run("web", network=engine.network("app_net"))
    server = attach("web")
    server.process.kill()
    server.process.wait()
    done, seconds = web.timed("getent", "ahosts", ALLOWED)
    assert done.returncode != 0 and seconds < within(1)
    attach("web")
    assert_gated(web)


def test_what_can_undo_the_gate_is_named(engine, attach):
    engine.run("web", "--cap-add", "NET_ADMIN", network=engine.network("app_net"))
    attach("web").wait_for_log("warning web: it has NET_ADMIN")


def test_what_cannot_be_attached_is_said(engine):
    def refusal(*arguments, **options):
        done = run("attach", *arguments, "--engine", engine.socket, **options)
        assert done.returncode == 1
        return done.stderr

    engine.run("hosted", "--network", "host")
    engine.run("ended")
    engine.docker("kill", "ended")
    assert "the host's network" in refusal("hosted")
    assert "is not running; start it first" in refusal("ended")
    assert "no such container: nobody" in refusal("nobody")
    assert "no permission to use the Docker engine" in refusal("hosted", user="nobody")


@pytest.mark.skipif(SANITIZED, reason="a sanitizer has a thread from before root is given up")
def test_of_roots_rights_the_server_keeps_what_reaches_the_engine(engine, attach):
    engine.run("web")
    server = attach("web")
    for pid, kept in ((server.pid, {1, 19}), (server.helper, {1, 12, 13, 19, 21})):  # capabilities(7)
        for task in Path(f"/proc/{pid}/task").iterdir():
            held = int(re.search(r"CapPrm:\s+(\w+)", (task / "status").read_text())[1], 16)
            assert held == sum(1 << bit for bit in kept)


def test_the_host_is_not_touched_by_the_name_of_another(engine):
    engine.run("hosted", "--network", "host")
    guest = engine.run("guest", "--network", "container:hosted")
    done = run("attach", "guest", "--engine", engine.socket)
    assert done.returncode == 1
    assert "the host's network" in done.stderr
    assert "nxgate" not in guest.rules()


def test_the_gate_is_attached_to_while_questions_flow(engine, attach):
    web = engine.run("web", network=engine.network("app_net"))
    attach("web")
    process = subprocess.Popen(
        ["nsenter", "-t", str(web.pid), "-a", "sh", "-c",
         "until [ -e /tmp/enough ]; do nslookup tired.com 2>&1; nslookup web 2>&1; done"],
        stdout=subprocess.PIPE, text=True)
    try:
        for name in ("a", "b", "c"):
            network = engine.network(f"net-{name}")
            engine.docker("network", "connect", network, "web")
            engine.docker("network", "disconnect", network, "web")
    finally:
        web.run("sh", "-c", ": >/tmp/enough")
        output = process.communicate()[0]
    assert output.count("can't find tired.com: NXDOMAIN") > 10
    assert not re.search(r"timed out|SERVFAIL|REFUSED|can't find web", output)


def test_the_readme_tells_the_truth(engine, upstream, directory):
    """Its commands, in the engine's own namespace, where the test owns 1.1.1.1."""
    readme = (ROOT / "README.md").read_text()
    block = re.search(r"^```console\n(.*?)^```", readme, re.M | re.S)[1]
    commands = re.findall(r"^# (.*)$", block, re.M)
    shown = re.findall(r"^(?!# )(.+)$", block, re.M)
    engine.outside.add_address("1.1.1.1/32")
    upstream({"blog.qiqitori.com": by_type(A=answer("@ 300 A 192.0.2.80"))},
             namespace=engine.outside, address="1.1.1.1", port=53)
    (directory / "nxgate").symlink_to(BINARY)
    script = f"export PATH={directory}:$PATH DOCKER_HOST=unix://{engine.socket}\n"
    script += "\n".join("{ " + each + "\n}; sleep 2" if each.endswith("&") else each
                        for each in commands)
    script = script.replace("IMAGE", IMAGE) + "\nkill $!; wait"
    try:
        done = subprocess.run(["nsenter", f"--net={engine.host.path}", "bash", "-c", script],
                              capture_output=True, text=True, timeout=60, check=False)
    finally:
        subprocess.run(["ip", "-n", engine.outside.name, "addr", "del", "1.1.1.1/32", "dev", "lo"],
                       check=True)
        engine.clear()
        engine.docker("network", "rm", "app_net")
    printed = [line for line in done.stdout.splitlines() if re.match(r"\d+\.\d+\.\d+\.\d+ ", line)]
    # Docker takes whatever private addresses are free.
    masked = [[re.sub(r"^1(72|92\.168)\.\S+ +", "", line) for line in lines]
              for lines in (printed, shown)]
    assert masked[0] == masked[1], done.stdout + done.stderr
