"""`nxgate run`: what a program in a sandbox reaches, as an ordinary user."""
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from harness.fenced import CONNECT, OTHER, SITE, SITE6, USER, WORLD, Fence, environment, needs_sandbox
from harness.nxgate import BINARY, SANITIZED
from harness.sites import Sites
from harness.tls import HttpsSite, TlsServer
from harness.upstream import answer, by_type

pytestmark = needs_sandbox

SCRIPT = {
    "good.test": by_type(A=answer(f"@ 60 A {SITE}")),
    "both.test": by_type(A=answer(f"@ 60 A {SITE}"), AAAA=answer(f"@ 60 AAAA {SITE6}")),
    "bad.test": by_type(A=answer(f"@ 60 A {SITE}")),
    "other.test": by_type(A=answer(f"@ 60 A {OTHER}")),
    "good.com": by_type(A=answer(f"@ 60 A {SITE}")),
    "six.test": by_type(AAAA=answer(f"@ 60 AAAA {SITE6}")),
}


@pytest.fixture
def fence(namespace, upstream):
    return Fence(namespace, upstream, SCRIPT)


@pytest.fixture
def page(fence):
    site = HttpsSite(fence.world, SITE)
    yield site
    site.close()


@pytest.fixture
def sites(fence):
    made = Sites(fence.world, [22, 2222])
    yield made
    made.close()


def connect(fence, *arguments, to, port=2222, **options):
    return fence.run(*arguments, "--", "/usr/bin/python3", "-c", CONNECT, to, str(port), **options)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_allowed_name(fence, page, scheme):
    done = fence.run("--allow", "good.test", "--", "curl", "-sSk", f"{scheme}://good.test/")
    assert (done.returncode, done.stdout, done.stderr) == (0, "the page\n", "")


CLIENTS = {
    "wget": ["wget", "-qO-", "http://good.test/"],
    "node": ["node", "-e", "fetch('http://good.test/').then(r => r.text()).then(t => process.stdout.write(t))"],
    "python3": ["python3", "-c", "import urllib.request as r; print(r.urlopen('http://good.test/').read().decode(), end='')"],
    "busybox": ["busybox", "wget", "-qO-", "http://good.test/"],
}


@pytest.mark.parametrize("client", CLIENTS)
def test_clients_that_know_no_proxy(fence, page, client):
    path = "/usr/bin:/bin:/usr/local/bin"
    if not shutil.which(client, path=path):
        pytest.skip(f"no {client} here")
    done = fence.run("--allow", "good.test", "--", *CLIENTS[client], env=environment(PATH=path))
    assert (done.returncode, done.stdout) == (0, "the page\n"), done.stderr


def test_a_denied_name_is_told_with_what_would_allow_it(fence, page):
    started = time.monotonic()
    done = fence.run("--allow", "good.test", "--", "curl", "-sS", "http://bad.test/")
    assert done.returncode == 6 and time.monotonic() - started < 5
    assert "nxgate: denied bad.test — allow with: --allow bad.test\n" in done.stderr
    assert "nxgate: 1 denied" in done.stderr
    assert page.hosts == []


def test_a_denial_by_a_rule_tells_that(fence):
    done = fence.run("--allow", "good.com", "--deny", "bad.good.com", "--", "getent", "hosts", "bad.good.com")
    assert 'nxgate: denied bad.good.com — deny "bad.good.com" (--deny)\n' in done.stderr


def test_quiet(fence):
    assert fence.run("-q", "--deny-all", "--", "curl", "-s", "http://bad.test/").stderr == ""


def test_another_name_at_the_same_address(fence, page):
    done = fence.run("--allow", "good.test", "--", "curl", "-sSk", "--noproxy", "*", "-o", "/dev/null", "-o", "/dev/null",
                     "https://good.test/", "--connect-to", "bad.test:443:good.test:443", "https://bad.test/")
    assert done.returncode == 35
    assert "nxgate: denied bad.test:443 — allow with: --allow bad.test" in done.stderr


def test_an_address_without_a_lookup_is_refused_at_once(fence, sites):
    started = time.monotonic()
    done = connect(fence, "--allow", "good.test", to=SITE)
    assert done.stdout == "ConnectionRefusedError\n" and time.monotonic() - started < 5
    assert f"nxgate: denied {SITE}:2222 — no allowed name led to this address" in done.stderr


def test_a_server_that_speaks_first(fence, sites):
    done = connect(fence, "--allow", "good.test", to="good.test")
    assert (done.stdout, done.stderr) == ("hello\n", "")


def test_ports_of_a_rule(fence, sites):
    assert connect(fence, "--allow", "good.test:2222", to="good.test").stdout == "hello\n"
    done = connect(fence, "--allow", "good.test:2222", to="good.test", port=22)
    assert done.stdout == "ConnectionRefusedError\n"
    assert "allow with: --allow good.test:22" in done.stderr


def test_ipv6(fence, sites):
    assert connect(fence, "--allow", "six.test", to="six.test").stdout == "hello\n"
    assert connect(fence, "--allow", "six.test", to=SITE6).stdout == "ConnectionRefusedError\n"


def test_no_ipv6_answers_without_a_route(fence, sites):
    fence.host_ip("-6", "route", "del", "default")
    done = fence.run("--allow", "both.test", "--", "dig", "+short", "AAAA", "both.test")
    assert done.stdout == ""
    assert connect(fence, "--allow", "both.test", to="both.test").stdout == "hello\n"


def test_any_name_server_is_the_gate(fence):
    ask = ["dig", "+short", "+tries=1", "@8.8.8.8", "good.test"]
    assert fence.run("--allow", "good.test", "--", *ask).stdout == SITE + "\n"
    assert fence.run("--allow", "good.test", "--", *ask, "+tcp").stdout == SITE + "\n"
    assert fence.run("--allow", "other.test", "--", *ask).stdout == ""


@pytest.mark.parametrize("to", [SITE, SITE6, WORLD])
def test_other_udp_is_refused_at_once(fence, to):
    text = f"""
import socket, time
s = socket.socket(socket.AF_INET6 if ":" in "{to}" else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
s.connect(("{to}", 5353))
started = time.monotonic()
try:
    s.send(b"x"); s.recv(1)
except OSError as error:
    print(type(error).__name__ != "TimeoutError" and time.monotonic() - started < 2)
"""
    assert fence.script(text, "--allow", "good.test") == "True"


def test_a_server_inside_is_reached_from_inside(fence):
    text = """
import socket
for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
    listener = socket.create_server((address, 8080), family=family)
    client = socket.create_connection((address, 8080), timeout=5)
    served, _ = listener.accept(); served.send(b"x"); print(client.recv(1) == b"x")
"""
    assert fence.script(text) == "True\nTrue"


def test_the_hosts_own_services_stay_out_of_reach(fence, namespace):
    own = Sites(fence.host, [2222])
    try:
        for to in ("127.0.0.1", "10.77.0.1", "::1"):
            done = connect(fence, "--no-firewall", "--allow", "good.test", to=to)
            assert done.stdout in ("ConnectionRefusedError\n", "ConnectionResetError\n", "\n")
    finally:
        own.close()


def test_a_server_that_refuses(fence):
    done = connect(fence, "--allow", "good.test", to=SITE, port=9)
    assert done.stdout == "ConnectionRefusedError\n"


def test_deny_all(fence, sites):
    assert connect(fence, "--deny-all", to="good.test").stdout == "gaierror\n"


def test_a_configuration_and_its_policy(fence, page, directory):
    config = directory / "n.toml"
    config.write_text('[policies.default]\n[policies.build]\nallow = ["good.test"]\n')
    curl = ("--", "curl", "-sS", "http://good.test/")
    assert fence.run("--config", config, "--policy", "build", *curl).stdout == "the page\n"
    done = fence.run("--config", config, *curl)
    assert done.returncode == 6 and f"allow good.test in {config}" in done.stderr


def test_an_upstream_and_a_list(fence, page, directory):
    fence.host.resolv_conf("nameserver 192.0.2.1\n")
    names = directory / "names"
    names.write_text("good.test\n")
    done = fence.run("--upstream", WORLD, "--allow-file", names, "--", "curl", "-sS", "http://good.test/")
    assert done.stdout == "the page\n"


def test_a_learnt_list_is_one_to_allow(fence, page, sites, directory):
    directory.chmod(0o777)
    learnt = directory / "learnt.list"
    done = fence.run("--learn", learnt, "--", "sh", "-c",
                     'curl -sS http://good.com/; for to in good.com $1; do /usr/bin/python3 -c "$0" $to 2222; done',
                     CONNECT, OTHER)
    assert done.stdout == "the page\nhello\nhello\n", done.stderr
    assert "good.com:tcp/80,tcp/2222" in learnt.read_text().replace(" ", ""), learnt.read_text()
    done = fence.run("--allow-file", learnt, "--", "curl", "-sS", "http://good.com/")
    assert done.stdout == "the page\n"


def test_a_report(fence, page, directory):
    directory.chmod(0o777)
    report = directory / "report.json"
    fence.run("--report", report, "--allow", "good.test", "--", "sh", "-c",
              f"curl -s http://good.test/; curl -s http://bad.test/; curl -s http://{OTHER}:81/; exit 5")
    told = json.loads(report.read_text())
    assert told["status"] == 5
    names = {(each["name"], each["verdict"]) for each in told["names"]}
    assert names >= {("good.test", "allowed"), ("bad.test", "denied")}
    seen = {(each["to"], each["name"], each["verdict"]) for each in told["connections"]}
    assert (f"{OTHER}:81", "", "denied") in seen
    assert any(name == "good.test" and verdict == "allowed" for _, name, verdict in seen)


def test_the_program_cannot_write_its_own_report(fence, directory):
    directory.chmod(0o777)
    report = directory / "report.json"
    forge = f"rm -f {report}; echo forged >{report}; getent hosts bad.test; exit 0"
    assert fence.run("--deny-all", "--report", report, "--", "sh", "-c", forge).returncode == 0
    assert json.loads(report.read_text())["denied"] == 1


@pytest.mark.parametrize("attempt", [
    "mkdir out/report.json", "chmod 555 out", "mv out old; mkdir out; echo forged >out/report.json"])
def test_a_report_that_is_not_ours_fails(fence, directory, attempt):
    directory.chmod(0o777)
    (directory / "out").mkdir()
    os.chown(directory / "out", USER, USER)
    (directory / "out/report.json").write_text("of before")
    os.chown(directory / "out/report.json", USER, USER)
    done = fence.run("--deny-all", "--report", "out/report.json", "--", "sh", "-c", attempt, cwd=directory)
    assert done.returncode == 125 and "out/report.json" in done.stderr
    assert not (directory / "out/report.json").is_file() or \
        (directory / "out/report.json").read_text() != "of before"


def test_a_flood_hides_no_denial(fence):
    """The firewall notes so many refusals at a time."""
    flood = f"""
import socket
address = socket.gethostbyname("good.test")
for port in range(2000, 6600):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        try:
            udp.sendto(b"x", (address, port))
        except OSError:
            pass
try:
    socket.create_connection(("{OTHER}", 2222), timeout=5)
except OSError:
    pass
"""
    done = fence.run("--allow", "good.test", "--fail-on-denied", "--", "/usr/bin/python3", "-c", flood)
    assert done.returncode == 3, done.stderr


def test_as_root_no_file_of_roots_is_written_for_a_user(fence, directory):
    directory.chmod(0o777)
    secret = directory / "secret"
    secret.write_text("roots own")
    secret.chmod(0o600)
    for option in ("--report", "--learn"):
        link = directory / f"link{option}"
        link.symlink_to(secret)
        fence.run("--user", "daemon", "--deny-all" if option == "--report" else "-q", option, link, "--", "true",
                  user=None)
        assert secret.read_text() == "roots own" and not link.is_symlink()


def test_a_report_may_go_into_a_pipe(fence):
    done = fence.run("--deny-all", "--report", "/dev/stdout", "--", "true", user=None)
    assert json.loads(done.stdout)["denied"] == 0


def test_what_was_asked_last_counts_too(fence):
    """The program doesn't wait for an answer."""
    ask = ("import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
           "s.sendto(bytes.fromhex('123401000001000000000000') + b'\\3bad\\4test\\0\\0\\1\\0\\1', ('127.0.0.11', 53))")
    for _ in range(8):
        assert fence.run("--deny-all", "--fail-on-denied", "--", "/usr/bin/python3", "-c", ask).returncode == 3


LATE = f"""
import socket, ssl

def hello(name):
    said = ssl.MemoryBIO()
    client = ssl._create_unverified_context().wrap_bio(ssl.MemoryBIO(), said, server_hostname=name)
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        return said.read()

socket.gethostbyname("good.test")
connections = [socket.create_connection(("{SITE}", 443)) for _ in range(400)]
for each in connections:
    each.sendall(hello("good.test" if each is not connections[-1] else "bad.test"))
"""


def test_what_was_said_last_counts_behind_all_that_was_said_before(fence, page):
    done = fence.run("--allow", "good.test", "--fail-on-denied", "--", "/usr/bin/python3", "-c", LATE)
    assert done.returncode == 3, done.stderr


QUERIES = """
import socket, sys
asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asking.settimeout(30)
asking.connect(("127.0.0.11", 53))
names = sys.argv[1:]
if names[0].isdigit():
    names = [f"name{i}.test" for i in range(int(names[0]))]
for name in names:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    asking.send(b"\\x12\\x34\\x01\\0\\0\\x01\\0\\0\\0\\0\\0\\0" + labels + b"\\0\\0\\x01\\0\\x01")
    asking.recv(600)
"""


def test_a_name_is_no_command(fence):
    """What is told may be copied into a shell."""
    for name in ("$(id).test", "a;id.test", "`id`.test", "*.wild.test", "=x.test"):
        done = fence.run("--deny-all", "--", "/usr/bin/python3", "-c", QUERIES, name)
        assert "the name isn't allowed" in done.stderr and "--allow" not in done.stderr


def test_a_report_says_that_it_is_not_whole(fence, directory):
    directory.chmod(0o777)
    done = fence.run("--deny-all", "-q", "--report", directory / "report", "--", "/usr/bin/python3", "-c", QUERIES,
                     16390, timeout=300)
    assert json.loads((directory / "report").read_text())["whole"] is False
    assert "the report isn't whole" in done.stderr


def test_a_report_into_a_file_that_is_open(fence, directory):
    """It stands behind what the program wrote there."""
    with (directory / "out").open("w") as out:
        subprocess.run(fence.command("--deny-all", "--report", "/proc/self/fd/1", "--", "echo", "first", user=None),
                       stdout=out, check=True, timeout=60, cwd="/")
    first, report = (directory / "out").read_text().splitlines()
    assert first == "first" and json.loads(report)["whole"] is True


def test_a_report_in_dev_shm_is_a_file_of_its_own(fence):
    report = Path(f"/dev/shm/nxgate-test-{os.getpid()}")
    report.write_text("of before")
    try:
        fence.run("--deny-all", "--report", report, "--", "true", user=None)
        assert json.loads(report.read_text())["status"] == 0
    finally:
        report.unlink()


def test_an_expected_denial_of_a_port_is_no_other(fence, sites):
    for name in ("other.test", "six.test"):
        done = fence.run("--allow", f"{name}:7777", "--expect-denied", name, "--fail-on-denied", "--",
                         "/usr/bin/python3", "-c", CONNECT, name, 444)
        assert done.returncode == 0, done.stderr


def test_statuses_of_denials(fence):
    lookup = ("--", "getent", "hosts", "bad.test")
    assert fence.run("--deny-all", "--fail-on-denied", *lookup).returncode == 3
    assert fence.run("--deny-all", "--expect-denied", "bad.test", "--fail-on-denied", *lookup).returncode == 2
    done = fence.run("--deny-all", "--expect-denied", "bad.test", "--", "true")
    assert done.returncode == 3 and "bad.test was not denied" in done.stderr


def test_proxies_are_left_out(fence, page):
    done = fence.run("-v", "--allow", "good.test", "--", "curl", "-sS", "http://good.test/",
                     env=environment(http_proxy="http://192.0.2.1:1", ALL_PROXY="http://192.0.2.1:1"))
    assert done.stdout == "the page\n"
    assert "the variable http_proxy is left out" in done.stderr


def test_as_root(fence, page):
    done = fence.run("--allow", "good.test", "--", "sh", "-c", "id -u; curl -sS http://good.test/", user=None)
    assert (done.stdout, done.stderr) == ("0\nthe page\n", "")
    done = fence.run("--user", "daemon", "--allow", "good.test", "--", "sh", "-c",
                     "id -un; curl -sS http://good.test/", user=None)
    assert (done.stdout, done.stderr) == ("daemon\nthe page\n", "")


def test_tls_without_a_name(fence):
    server = TlsServer(fence.world, SITE, 443)
    done = fence.run("--allow", "good.test", "--", "sh", "-c",
                     f"getent hosts good.test >/dev/null; curl -sSk https://{SITE}/")
    server.close()
    assert done.returncode == 35 and server.names == []


def test_nested(fence, page):
    inner = (BINARY, "run", "--allow", "good.test", "--", "sh", "-c", "curl -sS http://good.test/; curl -s http://other.test/")
    done = fence.run("--mounts", "--allow", "good.test,other.test", "--", *inner)
    assert done.stdout == "the page\n" and "denied other.test" in done.stderr, done.stderr
    done = fence.run("--mounts", "--allow", "other.test", "--", *inner)
    assert done.stdout == ""


def test_a_hundred_at_once(fence, page):
    """The scripted upstream may take longer than is waited for it."""
    curl = "curl", "-sS", "--retry", 8, "--retry-all-errors", "--retry-delay", 1, "http://good.test/"
    all_of_them = [fence.begin("--allow", "good.test", "--", *curl) for _ in range(20 if SANITIZED else 100)]
    for each in all_of_them:
        out, err = each.communicate(timeout=120)
        assert (each.returncode, out) == (0, "the page\n"), err
