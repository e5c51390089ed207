"""`nxgate docker`: containers are attached as they start, each with its own list."""
import concurrent.futures
import os
import re
import subprocess

import pytest

from harness.engine import IMAGE, ROOT
from harness.engine_upstream import ADDRESS, configured  # noqa: F401
from harness.nxgate import SANITIZED, run
from harness.timing import wait_for

CONFIG = """
[policies.default]
[policies.ci]
allow = ["a.test", "b.test", "many.test"]
[policies.strict]
allow = ["a.test"]
[docker]
socket = "ENGINE"
label-policies = ["ci"]
"""
BURST = 20 if SANITIZED else 50
#: Engines since 26 let a container's program run some 70 ms sooner: with more at once on two processors
#: the first question comes before the gate (docs/docker.md).
AT_ONCE = 4 if ROOT else 8


@pytest.fixture
def watch(nxgate, configured, directory):  # noqa: F811
    """watch(more configuration): `nxgate docker`."""

    def start(more="", *arguments):
        if "--hook-socket" not in arguments:
            arguments += ("--hook-socket", str(directory / "hook.sock"))
        return nxgate(*arguments, config=configured(CONFIG + more), command="docker")

    return start


def status(container, qname):
    return re.search(r"status: (\w+)", container.run("dig", "+tries=1", qname).stdout)[1]


def label(**labels):
    return [word for key, value in labels.items()
            for word in ("--label", f"nxgate.{key}={value}")]


def test_a_burst_of_containers_each_with_its_own_list(engine, watch):
    server = watch()
    network = engine.network("app_net")
    before = server.descriptors(), threads(server)

    def begin(number):
        mine, other = f"x{number}.many.test", f"x{number + 1}.many.test"
        return engine.run(f"burst{number}", *label(policy="ci", allow=mine), network=network,
                          command=["sh", "-c", f"nslookup {mine}; nslookup {other}; sleep 1000"])

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        containers = list(pool.map(begin, range(BURST)))
    for container in containers:
        try:
            first, _, second = wait_for(lambda: two_lookups(container.logs()), timeout=30)
        except AssertionError as error:
            raise AssertionError(f"{container.name}: {container.logs()}\n{server.log_text()}") from error
        assert ADDRESS in first, "the first question of the first program"
        assert "NXDOMAIN" in second and ADDRESS not in second
    assert server.descriptors() >= before[0] + BURST * 2
    engine.clear()
    wait_for(lambda: server.log_text().count("detached burst") == BURST, timeout=30)
    wait_for(lambda: (server.descriptors(), threads(server)) <= before)


def two_lookups(logs):
    """What the two lookups printed, once the second is done."""
    parts = re.split(r"(?=Server:)", logs)[1:]
    done = len(parts) == 2 and parts[1].count("NXDOMAIN") >= 2
    return (parts[0], "", parts[1]) if done else None


def threads(server):
    return len(os.listdir(f"/proc/{server.pid}/task"))


def test_who_is_not_meant_is_left_alone(engine, watch):
    server = watch()
    alone = engine.run("alone")
    engine.run("meant", *label(policy="ci"))
    server.wait_for_log("attached meant")
    assert "attached alone" not in server.log_text()
    assert "nxgate" not in alone.rules()


def test_all_get_the_default_policy_if_told_so(engine, watch):
    server = watch('attach = "all"\n')
    alone = engine.run("alone")
    server.wait_for_log(r"attached alone \(policy default\)")
    assert status(alone, "a.test") == "NXDOMAIN"


def test_labels_narrow_and_never_widen(engine, watch):
    server = watch()
    narrow = engine.run("narrow", *label(policy="ci", allow="b.test,other.org"))
    typo = engine.run("typo", *label(policy="strict"))
    for name in ("narrow", "typo"):
        server.wait_for_log(f"attached {name}")
    assert status(narrow, "b.test") == "NOERROR"
    assert status(narrow, "a.test") == "NXDOMAIN"
    assert status(narrow, "other.org") == "NXDOMAIN"
    assert status(typo, "a.test") == "NXDOMAIN"
    server.wait_for_log("typo: label nxgate.policy=strict: docker.label-policies doesn't let")


def test_rules_of_the_configuration_go_before_labels(engine, watch):
    server = watch("""
[[docker.containers]]
name = "runner-*"
policy = "strict"
[[docker.containers]]
project = "shop"
service = "web"
policy = "ci"
""")
    runner = engine.run("runner-1", *label(policy="ci"))
    web = engine.run("web", "--label", "com.docker.compose.project=shop", "--label",
                     "com.docker.compose.service=web")
    server.wait_for_log(r"attached runner-1 \(policy strict\)")
    server.wait_for_log(r"attached web \(policy ci\)")
    assert status(runner, "b.test") == "NXDOMAIN"
    assert status(web, "b.test") == "NOERROR"


@pytest.mark.parametrize("option", [["--all"], ["--label", "tier=ci"], ["--network", "app_net"]])
def test_the_command_line_chooses_too(engine, watch, option):
    server = watch("", *option)
    engine.run("web", "--label", "tier=ci", network=engine.network("app_net"))
    server.wait_for_log("attached web")


def test_a_reload_chooses_anew(engine, watch):
    server = watch()
    web = engine.run("web", *label(policy="ci"))
    server.wait_for_log("attached web")
    assert status(web, "b.test") == "NOERROR"
    server.write_config(server.config.read_text() +
                        '\n[[docker.containers]]\nname = "web"\npolicy = "strict"\n')
    server.wait_for_log("web: policy strict from now on")
    assert status(web, "b.test") == "NXDOMAIN"
    assert status(web, "a.test") == "NOERROR"


def test_containers_that_ran_before_are_attached(engine, watch):
    engine.run("early", *label(policy="ci"))
    assert "attached early" in watch().log_text()


def test_restart_rename_and_pause(engine, watch):
    server = watch()
    web = engine.run("web", *label(policy="ci"))
    server.wait_for_log("attached web")
    engine.docker("pause", "web")
    engine.docker("unpause", "web")
    engine.docker("rename", "web", "shop")
    since = len(server.log)
    engine.docker("restart", "-t", "0", "shop")
    server.wait_for_log("attached shop", since=since)
    web.name = "shop"
    assert status(web, "b.test") == "NOERROR"


def test_the_engine_may_die_and_come_back(engine, watch):
    server = watch()
    web = engine.run("web", *label(policy="ci"), network=engine.network("app_net"))
    server.wait_for_log("attached web")
    pid = web.pid
    address = web.address("app_net")

    def inside(qname):
        return subprocess.run(["nsenter", "-t", str(pid), "-a", "dig", "+tries=1", qname],
                              capture_output=True, text=True, check=False).stdout

    engine.kill()
    server.wait_for_log("attached containers stay attached")
    assert "NXDOMAIN" in inside("tired.com")
    assert address in inside("web"), "its neighbours are known without the engine"
    assert ADDRESS in inside("b.test")
    engine.start()
    server.wait_for_log("the Docker engine is back")
    late = engine.run("late", *label(policy="ci"))
    server.wait_for_log("attached late")
    assert status(late, "tired.com") == "NXDOMAIN"
    assert "NXDOMAIN" in inside("tired.com")
    assert server.log_text().count("attached web") == 1


def test_it_waits_for_an_engine_that_is_not_there_yet(nxgate, directory):
    server = nxgate("--all", "--engine", str(directory / "docker.sock"), "--hook-socket",
                    str(directory / "hook.sock"), command="docker", listen=[])
    assert "waiting for the engine" in server.log_text()


def test_the_hooks_socket_answers_root_alone(nxgate, directory):
    path = directory / "hook.sock"
    nxgate("--all", "--engine", str(directory / "docker.sock"), "--hook-socket", str(path),
           command="docker", listen=[])
    ask = ("import os, socket; s = socket.socket(socket.AF_UNIX); s.connect('%s'); "
           "os.getuid() or s.send(b'1 %s\\n'); print(s.recv(200).decode())" % (path, "a" * 64))

    def answer_to(user):
        return subprocess.run(["/usr/bin/python3", "-c", ask], user=user, capture_output=True,
                              text=True, check=True, timeout=20).stdout

    assert "only root may use this socket" in answer_to("nobody"), "before it has asked anything"
    assert "Docker engine" in answer_to("root"), "which isn't there"


@pytest.fixture(scope="module")
def hooked_engine(engine_of_all, tmp_path_factory):
    """The engine with the runtime that install-hook sets up, and where that asks."""
    directory = tmp_path_factory.mktemp("hook")
    socket = directory / "hook.sock"
    done = run("docker", "install-hook", "--directory", str(directory), "--socket", str(socket), "--runtime",
               "/usr/sbin/runc")
    assert done.returncode == 0, done.stderr
    assert f'"path": "{directory}/nxgate-runc"' in done.stdout
    engine_of_all.clear()
    engine_of_all.kill()
    engine_of_all.flags += ("--add-runtime", f"nxg={directory}/nxgate-runc")
    engine_of_all.start()
    return engine_of_all, str(socket)


@pytest.mark.skipif(bool(ROOT), reason="nxgate itself can't run in another release's root")
def test_under_the_hook_no_container_starts_unattached(hooked_engine, watch):
    engine, socket = hooked_engine
    refused = engine.try_run("--runtime", "nxg", *label(policy="ci"), IMAGE, "true")
    assert refused.returncode != 0
    assert "no nxgate is listening on" in refused.stderr
    server = watch("", "--hook-socket", socket)
    done = engine.try_run("--rm", "--runtime", "nxg", *label(policy="ci"), IMAGE, "nslookup",
                          "b.test")
    assert ADDRESS in done.stdout, done.stderr
    server.wait_for_log("attached .*policy ci")
    assert engine.try_run("--rm", "--runtime", "nxg", IMAGE, "true").returncode == 0
