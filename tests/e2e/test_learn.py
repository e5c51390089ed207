"""nxgate learn: record what programs ask for, propose a list, enforce it, and they still work."""
import hashlib
import http.server
import io
import json
import os
import re
import shutil
import subprocess
import tarfile
import threading
from pathlib import Path

import pytest
from harness.control import Control
from harness.nxgate import addresses, rcode, run
from harness.timing import wait_for
from harness.upstream import answer, nxdomain
from test_control import valid

CONFIG = """
[server]
listen = ["127.0.0.1:PORT"]
[control]
socket = "{directory}/control.sock"
state = "{directory}/state"
[upstreams.default]
servers = ["{upstream}"]
[policies.default]
allow = ["known.test", "idle.test"]
deny-names = ["never.test"]
records = ["db.test A 10.0.0.5"]
{more}
"""


@pytest.fixture
def start(nxgate, upstream, directory):
    os.chmod(directory, 0o777)
    up = upstream({"*": answer("@ 60 A 192.0.2.1"), "gone.test": nxdomain()})

    def begin(more="", **options):
        server = nxgate(config=CONFIG.format(directory=directory, upstream=up.endpoint, more=more), **options)
        server.control = directory / "control.sock"
        return server
    return begin


def proposed(server, *arguments):
    return server.operate("learn", "propose", *arguments).stdout


def rules(text):
    return [line.split("#")[0].strip() for line in text.splitlines() if line.split("#")[0].strip()]


def test_what_is_asked_for_is_recorded_and_proposed(start):
    server = start()
    assert rcode(server.query("new.test")) == "NXDOMAIN"
    assert "resolving everything" in server.operate("learn", "start").stdout
    for name in ("new.test", "known.test", "db.test", "gone.test", "never.test"):
        server.query(name)
    for i in range(5):
        server.query(f"n{i}.many.test")
    assert addresses(server.query("new.test")) == ["192.0.2.1"]
    assert rcode(server.query("never.test")) == "NXDOMAIN", "what is denied by name stays denied"
    text = proposed(server)
    assert sorted(rules(text)) == ["*.many.test", "=known.test", "=never.test", "=new.test"]
    assert "#=gone.test" in text and "Names that never existed" in text and "127.0.0.1" in text
    assert "db.test" not in text
    diff = proposed(server, "--diff")
    assert "+ =new.test " in diff and "- idle.test " in diff and "known.test" not in diff
    assert "recorded" in server.operate("learn").stdout
    server.operate("learn", "stop")
    assert rcode(server.query("new.test")) == "NXDOMAIN"
    assert server.operate("learn", "stop", check=False).returncode == 1


def test_nothing_is_proposed_for_a_policy_that_is_not_there(start):
    done = start().operate("learn", "propose", "--policy", "nosuch", check=False)
    assert done.returncode == 1 and done.stderr == "nxgate: policy: `nosuch`: no such policy\n"


def learning(server):
    """What the metrics say of the policy `default`: open, enforced."""
    text = server.operate("metrics").stdout
    return [int(re.search(rf'^nxgate_policy_learning{{policy="default",mode="{mode}"}} (\d)$', text, re.M)[1])
            for mode in ("open", "enforced")]


def test_a_server_that_learns_says_so(start):
    server = start()
    assert "learning" not in server.operate("status").stdout and learning(server) == [0, 0]
    server.operate("learn", "start")
    line = re.search("^policy +default: learning since .*$", server.operate("status").stdout, re.M)[0]
    assert line.endswith("Z, resolving everything") and len(line) <= 80
    with Control(server.control) as control:
        told = valid(control.ask("GET", "/v1/status"), "GET", "/v1/status")["policies"][0]["learning"]
    assert told["since"] in line and not told["denies"] and learning(server) == [1, 0]
    server.stop()
    server = start(port=server.port)
    assert line in server.operate("status").stdout, "a restart is no new beginning"
    server.operate("learn", "start", "--deny")
    assert "Z, still enforced" in server.operate("status").stdout and learning(server) == [0, 1]
    server.operate("learn", "stop")
    assert "learning" not in server.operate("status").stdout and learning(server) == [0, 0]


def test_no_client_writes_a_rule(start, directory):
    """Names with the characters of a list in them."""
    server = start()
    server.operate("learn", "start")
    for name in ("evil.net#.attacker.test", "a.test evil.net.attacker.test", "x\\010evil.net.attacker.test", "*.attacker.test",
                 "evil.net:80.attacker.test", "10.0.0.1", "=evil.net.attacker.test", "good.test"):
        server.query(name)
    text = proposed(server)
    assert rules(text) == [r"=a.test\032evil.net.attacker.test", r"=x\010evil.net.attacker.test", "=good.test"], text
    (directory / "proposed.list").write_text(text)
    (directory / "check.toml").write_text(f'[policies.default]\nallow-files = ["{directory}/proposed.list"]\n')
    assert run("check", directory / "check.toml").returncode == 0


def test_a_policy_can_be_enforced_meanwhile(start):
    server = start()
    server.operate("learn", "start", "--deny")
    assert rcode(server.query("new.test")) == "NXDOMAIN"
    assert "=new.test" in rules(proposed(server))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take a directory away")
def test_a_stop_that_saves_nothing_fails_and_is_made_good(start, directory):
    server = start()
    state = directory / "state"
    owner = state.stat().st_uid
    os.chown(state, 0, 0)
    server.operate("learn", "start")
    server.query("new.test")
    for action in ("stop", "forget"):
        done = server.operate("learn", action, check=False)
        assert done.returncode == 1 and f"{state}/default/learnt.json can't be written" in done.stderr
    assert "not in learning mode" in server.operate("learn").stdout
    assert "can't be written" in " ".join(server.operate("health").stdout.split())
    os.chown(state, owner, -1)
    wait_for(lambda: server.operate("health").stdout == "ok\n", 15, "the next try")
    assert (state / "default/learnt.json").exists()


def test_it_survives_a_restart(start):
    server = start()
    server.operate("learn", "start")
    server.query("first.test")
    server.stop()
    again = start(port=server.port)
    assert addresses(again.query("second.test")) == ["192.0.2.1"]
    assert rules(proposed(again)) == ["=first.test", "=second.test"]
    again.operate("learn", "forget")
    assert rules(proposed(again)) == []


def test_the_api_is_as_the_openapi_file_says(start):
    server = start()
    with Control(server.control) as control:
        valid(control.ask("GET", "/v1/learn/proposal"), "GET", "/v1/learn/proposal", 404)
        valid(control.ask("POST", "/v1/learn", {"action": "begin"}), "POST", "/v1/learn", 400)
        valid(control.ask("POST", "/v1/learn", {"action": "start", "policy": "no"}), "POST", "/v1/learn", 404)
        valid(control.ask("POST", "/v1/learn", {"action": "start"}), "POST", "/v1/learn")
        assert len(valid(control.ask("GET", "/v1/learn"), "GET", "/v1/learn")["policies"]) == 1
        valid(control.ask("GET", "/v1/learn/proposal"), "GET", "/v1/learn/proposal")


def test_a_spoilt_state_is_left_alone(start, directory):
    (directory / "state/default").mkdir(parents=True)
    (directory / "state/default/learnt.json").write_text("{")
    server = start()
    server.wait_for_log("learnt.json can.t be read: not a record")
    assert (directory / "state/default/learnt.json").read_text() == "{"


class Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def publish(root):
    """An npm registry of one package, whose tarball is at another name."""
    manifest = {"name": "invented", "version": "1.0.0"}
    text = json.dumps(manifest).encode()
    entry = tarfile.TarInfo("package/package.json")
    entry.size = len(text)
    tarball = root / "invented-1.0.0.tgz"
    with tarfile.open(tarball, "w:gz") as archive:
        archive.addfile(entry, io.BytesIO(text))
    dist = {"tarball": f"http://tarballs.example.test/{tarball.name}",
            "shasum": hashlib.sha1(tarball.read_bytes()).hexdigest()}
    (root / "invented").write_text(json.dumps({"name": "invented", "dist-tags": {"latest": "1.0.0"},
                                               "versions": {"1.0.0": {**manifest, "dist": dist}}}))


@pytest.fixture
def world(namespace, upstream, tmp_path):
    """A namespace in which invented names lead to an HTTP server with a git repository and
    package lists."""
    place = namespace("world")
    root = tmp_path / "www"
    root.mkdir()
    source = tmp_path / "source"
    git = ["git", "-c", "user.name=n", "-c", "user.email=n@x.test", "-c", "init.defaultBranch=main"]
    subprocess.run([*git, "init", "-q", source], check=True)
    (source / "file").write_text("hello\n")
    subprocess.run([*git, "-C", source, "add", "file"], check=True)
    subprocess.run([*git, "-C", source, "commit", "-qm", "one"], check=True)
    subprocess.run([*git, "clone", "-q", "--bare", source, root / "tool.git"], check=True)
    subprocess.run(["git", "-C", root / "tool.git", "update-server-info"], check=True)
    dist = root / "debian/dists/stable"
    (dist / "main/binary-amd64").mkdir(parents=True)
    (dist / "main/binary-amd64/Packages").write_text("")
    (dist / "Release").write_text("Suite: stable\nCodename: stable\nArchitectures: amd64\nComponents: main\n")
    publish(root)

    def handler(*arguments):
        return Files(*arguments, directory=str(root))
    httpd = place.call(http.server.ThreadingHTTPServer, ("127.0.0.1", 80), handler)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    names = {name: answer("@ 60 A 127.0.0.1") for name in
             ("git.forge.test", "deb.packages.test", "files.example.test", "cdn.example.test", "npm.packages.test",
              "tarballs.example.test")}
    up = upstream({**names, "*": nxdomain()}, namespace=place, port=5300, address="127.0.0.1")
    yield place, up
    httpd.shutdown()
    httpd.server_close()


SESSIONS = [
    ["git", "-c", "http.lowSpeedTime=5", "clone", "-q", "http://git.forge.test/tool.git", "{out}/tool"],
    ["curl", "-sSf", "-m", "20", "-o", "{out}/page", "http://files.example.test/tool.git/HEAD"],
    ["apt-get", "-o", "Dir={out}/apt", "-o", "Dir::State::status={out}/apt/status",
     "-o", "Dir::Etc::sourcelist={out}/sources.list", "-o", "Dir::Etc::sourceparts=-", "-o", "Acquire::Retries=0",
     "-o", "APT::Architecture=amd64", "-o", "APT::Sandbox::User=root", "-o", "Acquire::Languages=none",
     "-o", "Debug::NoLocking=1", "update"],
]
NPM = [["npm", "install", "--prefix", "{out}/app", "--cache", "{out}/npm", "--userconfig", "{out}/npmrc",
        "--registry", "http://npm.packages.test/", "--fetch-retries", "0", "--no-audit", "--no-fund",
        "--no-update-notifier", "invented"]]


def session(place, out, commands):
    """What each program says of its own success."""
    for folder in ("lib/apt/lists/partial", "cache/apt/archives/partial"):
        (out / "apt/var" / folder).mkdir(parents=True)
    (out / "apt/status").write_text("")
    (out / "sources.list").write_text("deb [trusted=yes] http://deb.packages.test/debian stable main\n")
    statuses = []
    for command in commands:
        words = [word.format(out=out) for word in command]
        done = subprocess.run(["ip", "netns", "exec", place.name, *words], capture_output=True, text=True, timeout=60,
                              cwd=out, check=False)
        failed = done.returncode != 0 or "Failed to fetch" in done.stderr
        statuses.append(f"{words[0]}: {done.stderr}" if failed else "ok")
    return statuses


@pytest.mark.parametrize("commands, learnt", [
    pytest.param(SESSIONS, ["=deb.packages.test", "=files.example.test", "=git.forge.test"], id="git, curl, apt-get"),
    pytest.param(NPM, ["=npm.packages.test", "=tarballs.example.test"], id="npm",
                 marks=pytest.mark.skipif(shutil.which("npm") is None, reason="npm isn't installed (tests/setup.sh)")),
])
def test_learn_propose_enforce_on_real_programs(nxgate, world, tmp_path, directory, commands, learnt):
    place, up = world
    os.chmod(directory, 0o777)
    folder = f"/etc/netns/{place.name}"
    os.makedirs(folder, exist_ok=True)
    resolv = Path(folder) / "resolv.conf"
    resolv.write_text("nameserver 127.0.0.1\noptions timeout:2 attempts:1\n")
    config = f"""
[server]
listen = ["127.0.0.1:53"]
[control]
socket = "{directory}/control.sock"
[upstreams.default]
servers = ["127.0.0.1:5300"]
[policies.default]
allow-files = ["{directory}/allow.d/*.list"]
"""
    (directory / "allow.d").mkdir()
    try:
        server = nxgate(config=config, namespace=place, port=53)
        server.control = directory / "control.sock"
        (tmp_path / "before").mkdir()
        assert all(status != "ok" for status in session(place, tmp_path / "before", commands)), "all is denied at first"
        server.operate("learn", "start")
        (tmp_path / "while").mkdir()
        assert session(place, tmp_path / "while", commands) == ["ok"] * len(commands)
        server.operate("learn", "stop")
        text = proposed(server)
        assert sorted(rules(text)) == learnt, text
        (directory / "allow.d/proposed.list").write_text(text)
        server.operate("reload")
        server.operate("flush")
        (tmp_path / "after").mkdir()
        assert session(place, tmp_path / "after", commands) == ["ok"] * len(commands)
        told = subprocess.run(["ip", "netns", "exec", place.name, "curl", "-sS", "-m", "5",
                               "http://cdn.example.test/"], capture_output=True, text=True, check=False)
        assert "Could not resolve host" in told.stderr
    finally:
        resolv.unlink()
        os.rmdir(folder)
