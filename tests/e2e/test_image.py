"""The image of `make image`, in a real engine: as a server, beside the engine, and by compose."""
import json
import re
import subprocess

import pytest

from harness.engine import COMPOSE, IMAGE, Container
from harness.image import published
from harness.nxgate import BUILT, ROOT, SANITIZED
from harness.timing import Stopwatch, wait_for
from harness.upstream import answer

pytestmark = pytest.mark.skipif(SANITIZED, reason="no sanitizer links statically")

STATIC = BUILT.parent / "nxgate_static"
TAG = "nxgate:test"
LARGEST = 13_000_000
ALLOWED, ADDRESS = "allowed.test", "203.0.113.7"
SUBNET = ["--subnet", "172.30.54.0/24"]
GATEWAY, SERVER = "172.30.54.1", "172.30.54.53"
#: Nothing can be written but the control socket.
READ_ONLY = ["--read-only", "--tmpfs", "/run/nxgate:uid=60953"]


@pytest.fixture(scope="module")
def tar(engine_of_all, tmp_path_factory):
    """Built as `make image` does it, and loaded by the engine."""
    file = published(STATIC, tmp_path_factory.mktemp("image"), TAG)
    assert TAG in engine_of_all.docker("load", "--input", file)
    return file


@pytest.fixture
def outside(engine, upstream):
    """A server in the world outside of the engine, and how nxgate is told of it."""
    address = answer(f"@ 60 A {ADDRESS}")
    server = upstream({ALLOWED: address, "github.com": address}, namespace=engine.outside,
                      address="10.99.0.1")
    return f"10.99.0.1:{server.port}"


def start(engine, name, *options, command=(), network=None, adding=()):
    """A container of the image without any capability but those that are added."""
    added = [word for each in adding for word in ("--cap-add", each)]
    return engine.run(name, "--cap-drop", "ALL", *added, *options, network=network, image=TAG,
                      command=command)


def wait_until_ready(container):
    wait_for(lambda: "ready:" in container.logs(), what=f"{container.name}'s start")


def assert_gated(container):
    assert container.run("getent", "ahostsv4", ALLOWED).stdout.split()[0] == ADDRESS
    denied, seconds = container.timed("dig", "+tries=1", "tired.com")
    assert "status: NXDOMAIN" in denied.stdout and seconds < 2


def test_it_is_small_and_says_what_it_is(engine, tar):
    assert tar.stat().st_size < LARGEST
    image = json.loads(engine.docker("image", "inspect", TAG))[0]
    assert image["Size"] < LARGEST and image["Config"]["User"] == "60953:60953"
    assert image["Config"]["Labels"]["org.opencontainers.image.version"] == "0.1.0"
    assert (image["Os"], image["Architecture"]) == ("linux", engine.docker("version", "-f", "{{.Server.Arch}}").strip())


def test_another_architecture_is_known_as_such(engine, tmp_path):
    """Its program isn't run: what the engine is told is what a registry and another engine go by."""
    (tmp_path / "program").write_bytes(b"a program of another machine")
    engine.docker("load", "--input", published(tmp_path / "program", tmp_path, "nxgate:other", "arm64"))
    image = json.loads(engine.docker("image", "inspect", "nxgate:other"))[0]
    assert (image["Os"], image["Architecture"]) == ("linux", "arm64")


def test_building_it_again_gives_the_same(tar, tmp_path):
    assert published(STATIC, tmp_path, TAG).read_bytes() == tar.read_bytes()


def test_without_any_option_it_denies_everything(engine, tar):
    engine.network("served", *SUBNET)
    dns = start(engine, "dns", "--ip", SERVER, *READ_ONLY, network="served")
    web = engine.run("web", "--dns", SERVER, network="served")
    wait_until_ready(dns)
    assert "status: NXDOMAIN" in web.run("dig", "+tries=1", ALLOWED).stdout


def test_it_is_a_server_for_the_containers_of_a_network(engine, tar, outside):
    engine.network("served", *SUBNET)
    dns = start(engine, "dns", "--ip", SERVER, "--health-interval", "1s", network="served", command=[
        "serve", "--listen", "0.0.0.0:53", "--allow", ALLOWED, "--upstream", outside])
    web = engine.run("web", "--dns", SERVER, network="served")
    engine.run("db", network="served")
    wait_for(lambda: dns.inspect()["State"]["Health"]["Status"] == "healthy")
    assert_gated(web)
    assert web.run("getent", "ahostsv4", "db").returncode == 0
    with Stopwatch() as watch:
        engine.docker("stop", "dns")
    assert watch.seconds < 5
    assert dns.inspect()["State"]["ExitCode"] == 0


#: What the watcher can't do without; docs/deploy.md has the same line.
CAPABILITIES = ["SYS_ADMIN", "SYS_PTRACE", "NET_ADMIN", "DAC_OVERRIDE", "SETUID", "SETGID", "SETPCAP"]


def watcher(engine, outside, capabilities=(*CAPABILITIES, "NET_RAW"), name="watcher"):
    return start(engine, name, "--user", "0", "--pid", "host", "--security-opt", "apparmor=unconfined",
                 "-v", f"{engine.socket}:/var/run/docker.sock", adding=capabilities, network="host",
                 command=["docker", "--all", "--allow", ALLOWED, "--upstream", outside])


def test_beside_the_engine_it_serves_every_container(engine, tar, outside):
    running = engine.run("running")
    beside = watcher(engine, outside)
    wait_until_ready(beside)
    wait_for(lambda: "status: NXDOMAIN" in running.run("dig", "+tries=1", "+time=1", "tired.com").stdout)
    assert_gated(running)
    engine.network("app_net")
    later = engine.run("later", network="app_net")
    wait_for(lambda: "later" in beside.logs())
    assert_gated(later)
    engine.docker("stop", "watcher")
    assert "nxgate" not in later.rules()


def test_the_watcher_needs_each_of_its_capabilities(engine, tar, outside):
    for lacking in [watcher(engine, outside, [each for each in CAPABILITIES if each != missing],
                            name=f"without-{missing}") for missing in CAPABILITIES]:
        assert engine.docker("wait", lacking.name).strip() == "1", lacking.name
        assert re.search("cannot switch to user|permission", lacking.logs()), lacking.name


def test_the_compose_file_works(engine, tar, outside, directory):
    example = ROOT / "examples/compose"
    text = (example / "compose.yaml").read_text()
    for as_written, here in (("image: nxgate", f"image: {TAG}"), ("debian:12", IMAGE),
                             ("/var/run/docker.sock:", f"{engine.socket}:")):
        assert as_written in text
        text = text.replace(as_written, here)
    (directory / "compose.yaml").write_text(text)
    (directory / "nxgate").mkdir()
    (directory / "nxgate/nxgate.toml").write_text(
        (example / "nxgate/nxgate.toml").read_text()
        + f'\n[upstreams.default]\nservers = ["{outside}"]\n')
    compose = [COMPOSE, "-H", f"unix://{engine.socket}", "-p", "example", "-f",
               directory / "compose.yaml"]
    up = subprocess.run([*compose, "up", "-d"], capture_output=True, text=True, timeout=120, check=False)
    assert up.returncode == 0, up.stderr
    try:
        # Versions of compose name containers differently.
        gate, ci, offline = (Container(engine, subprocess.check_output([*compose, "ps", "-q", each], text=True).strip())
                             for each in ("nxgate", "ci", "offline"))
        wait_until_ready(gate)
        wait_for(lambda: "nxgate" in offline.rules() and "nxgate" in ci.rules())
        assert ci.run("getent", "ahostsv4", "github.com").stdout.split()[0] == ADDRESS
        for container, denied in ((ci, "deb.debian.org"), (ci, "tired.com"), (offline, "github.com")):
            assert "status: NXDOMAIN" in container.run("dig", "+tries=1", denied).stdout
        assert offline.run("getent", "ahostsv4", "ci").returncode == 0
    finally:
        subprocess.run([*compose, "down"], check=True, capture_output=True, timeout=120)


def test_it_is_a_sidecar_in_the_network_of_another(engine, tar, outside):
    """As in deploy/kubernetes/sidecar.yaml: two containers with one network, and 127.0.0.1 in resolv.conf."""
    work = engine.run("work", "--dns", "127.0.0.1", "--sysctl", "net.ipv4.ip_unprivileged_port_start=0")
    wait_until_ready(start(
        engine, "sidecar", "--security-opt", "no-new-privileges", *READ_ONLY, network="container:work",
        command=["serve", "--listen", "127.0.0.1:53", "--allow", ALLOWED, "--upstream", outside]))
    assert_gated(work)


def test_it_is_a_resolver_of_the_host(engine, tar, outside):
    """As in deploy/kubernetes/node-local.yaml and deploy/swarm/stack.yaml."""
    engine.network("served", *SUBNET, "--gateway", GATEWAY)
    wait_until_ready(start(
        engine, "node", "--user", "0", "--read-only", "--tmpfs", "/run/nxgate", network="host",
        adding=["NET_BIND_SERVICE", "SETUID", "SETGID", "SETPCAP"],
        command=["serve", "--listen", f"{GATEWAY}:53", "--freebind", "--allow", ALLOWED, "--upstream",
                 outside]))
    assert_gated(engine.run("web", "--dns", GATEWAY, network="served"))
