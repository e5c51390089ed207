"""What Linux counts by user, a process of nxgate's user can use up, in whatever container it is."""
from pathlib import Path

import pytest

from harness.nxgate import SANITIZED, addresses
from harness.routed import DENIED, WEB, app, ask, connects, outside  # noqa: F401
from harness.timing import wait_for
from harness.upstream import answer
from harness.user_limits import all_instances_taken, in_flight, threads_taken

#: Nobody else's, so that no other test is short of what is taken here.
ALONE = 60955
#: The server's limit of open files, by which Linux bounds what its user may have in flight.
FILES = 4096
#: The server's limit of threads of its user.
THREADS = 60
NAMES = "web.test", "new.web.test", "newer.web.test"
CONFIG = f"""
[server]
user = "{ALONE}"
[upstreams.default]
servers = ["127.0.0.1:{{port}}"]
netns = "{{netns}}"
[policies.default]
allow = ["web.test", "*.web.test"]
[policies.default.egress]
check-names = []
"""


@pytest.fixture
def attach(nxgate, upstream, app, outside):
    server = upstream({name: answer(f"@ 60 A {WEB}") for name in NAMES}, namespace=outside)

    def start(limit=f"--nofile={FILES}:{FILES}", **options):
        return nxgate("--netns", app.path, command="attach", wrapper=("prlimit", limit),
                      config=CONFIG.format(port=server.port, netns=outside.path), **options)

    return start


def test_descriptors_in_flight_neither_end_it_nor_open_anything(attach, app):
    server = attach()
    with in_flight(ALONE, FILES):
        assert addresses(ask(app, "new.web.test")) == [WEB]
        assert connects(app, WEB) and not connects(app, DENIED)
        server.reload()
        app.run("ip", "link", "add", "more0", "type", "veth", "peer", "name", "more1", check=True)
        wait_for(lambda: "more0" in app.run("nft", "list", "ruleset").stdout, 5, what="the link's rules")
        server.stop()
        server = attach()
        assert addresses(ask(app, "newer.web.test")) == [WEB]
        assert connects(app, WEB) and not connects(app, DENIED)


def test_threads_of_its_user_keep_no_rule_from_being_taken_up(attach, app):
    server = attach(f"--nproc={THREADS}:{THREADS}")
    with threads_taken(ALONE, THREADS + 10):
        server.write_config(server.config.read_text().replace('"web.test", "*.web.test"', '"newer.web.test"'))
        assert "reloaded: generation 2" in server.reload()
        assert addresses(ask(app, "newer.web.test")) == [WEB] and addresses(ask(app, "new.web.test")) == []
        assert not connects(app, DENIED)
        bounded = f"{THREADS}" in Path(f"/proc/{server.pid}/limits").read_text().split("Max processes")[1].split()[:2]
        assert ("cannot start a thread to read the configuration" in server.log_text()) == bounded


@pytest.mark.skipif(SANITIZED, reason="a sanitizer needs a thread at the end")
def test_without_threads_to_start_with_it_says_so_and_ends(attach, app):
    """Where root hasn't the right to raise the limit; elsewhere it starts."""
    attach().process.kill()
    with threads_taken(ALONE, THREADS + 10):
        server = attach(f"--nproc={THREADS}:{THREADS}", wait=False)
        server.good_ends.add(1)
        server.wait_for_log("ready:|cannot start a worker thread: .*ulimit -u")
        assert not connects(app, DENIED)
        if not any("ready:" in line for line in server.log):
            assert server.process.wait(10) == 1


def test_all_of_inotify_taken_by_its_user_keeps_no_container_waiting(nxgate, upstream, engine):
    server = upstream({"*": answer(f"@ 60 A {WEB}")}, namespace=engine.outside, address="10.99.0.1")
    with all_instances_taken(ALONE):
        gate = nxgate(command="docker", config=CONFIG.format(port=server.port, netns=engine.outside.path)
                      .replace("127.0.0.1", "10.99.0.1") + f'[docker]\nsocket = "{engine.socket}"\nattach = "all"\n')
        engine.run("app", network=engine.network("app_net"))
        gate.wait_for_log("attached app")
        assert "cannot watch for container namespaces" not in gate.log_text()
