"""Lists of many names: loaded in no time, explained by their line, swapped under traffic."""
import threading
import time

import pytest
from harness.nxgate import addresses, rcode, run
from harness.timing import within
from harness.upstream import answer

NAMES = 200_000


def config(upstream, names):
    return f"""[server]
listen = ["127.0.0.1:PORT"]
[upstreams.default]
servers = ["{upstream.endpoint}"]
[policies.default]
allow-files = ["{names}"]
"""


@pytest.fixture
def names(directory):
    path = directory / "names.list"
    path.write_text("# many\n\n" + "".join(f"host{i}.Domain{i % 997}.test\n"
                                           for i in range(NAMES)))
    return path


@pytest.fixture
def server(nxgate, upstream, names):
    return nxgate(config=config(upstream({"*": answer("@ 60 A 192.0.2.1")}), names))


def test_every_name_of_a_long_list_counts_and_no_other(server):
    for number in (0, 1, NAMES // 2, NAMES - 1):
        domain = f"domain{number % 997}.test"
        assert addresses(server.query(f"host{number}.{domain}")) == ["192.0.2.1"]
        assert addresses(server.query(f"below.host{number}.{domain}")) == ["192.0.2.1"]
        assert rcode(server.query(f"other{number}.{domain}")) == "NXDOMAIN"
        assert rcode(server.query(domain)) == "NOERROR" and not server.query(domain).answer


def test_explain_names_the_line(server, names):
    last = f"host{NAMES - 1}.domain{(NAMES - 1) % 997}.test"
    done = run("explain", last, "--config", str(server.config))
    assert f"{names}:{NAMES + 2}:1" in done.stdout


def test_a_fault_in_a_long_list_is_told_by_its_line(server, names):
    names.write_text(names.read_text() + "a..b\nfine.test\n")
    done = run("check", str(server.config))
    assert done.returncode != 0 and f"{names}:{NAMES + 3}:1: `a..b`" in done.stderr


def test_a_long_list_is_swapped_under_traffic(server, names):
    """Each answer is by the old list or the new one, and none is late."""
    wrong, slowest, stop = [], [0.0], threading.Event()

    def ask():
        while not stop.is_set():
            started = time.monotonic()
            kept = rcode(server.query("host7.domain7.test")) == "NOERROR"
            denied = rcode(server.query("never.test")) == "NXDOMAIN"
            slowest[0] = max(slowest[0], time.monotonic() - started)
            if not (kept and denied):
                wrong.append((kept, denied))

    names.write_text(names.read_text() + "new.test\n")
    asker = threading.Thread(target=ask)
    asker.start()
    try:
        assert "reloaded: generation" in server.reload()
        assert addresses(server.query("new.test")) == ["192.0.2.1"]
    finally:
        stop.set()
        asker.join()
    assert not wrong and slowest[0] < within(1)
