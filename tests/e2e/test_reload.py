"""A changed configuration: built completely, then swapped; any fault keeps the old one."""
import json
import signal
import threading
import time

import pytest
from harness.nxgate import addresses, make_query, rcode
from harness.timing import wait_for, within
from harness.upstream import after, answer
from harness.user_limits import all_instances_taken

ANY_NAME = {"*": answer("@ 60 A 192.0.2.1")}


def config(upstream, allow='"x.test"', server="", policy=""):
    return f"""[server]
listen = ["127.0.0.1:PORT"]
{server}
[upstreams.default]
servers = ["{upstream.endpoint}"]
[policies.default]
allow = [{allow}]
{policy}
"""


@pytest.fixture
def up(upstream):
    return upstream(ANY_NAME)


def resolves(server, qname):
    return bool(addresses(server.query(qname)))


def test_sighup_takes_up_the_new_configuration(nxgate, up):
    server = nxgate(config=config(up))
    server.write_config(config(up, '"y.test"'))
    assert "reloaded: generation" in server.reload()
    assert resolves(server, "y.test") and rcode(server.query("x.test")) == "NXDOMAIN"


def test_a_change_of_the_file_is_taken_up_by_itself(nxgate, up):
    server = nxgate(config=config(up))
    server.write_config(config(up, '"y.test"'))
    wait_for(lambda: resolves(server, "y.test"), what="the new rule")


def faults_of(server):
    return [(each["source"], each["text"]) for each in
            json.loads(server.operate("status", "--json").stdout).get("faults", [])]


def test_a_rejected_reload_is_told_until_it_is_mended(nxgate, up):
    server = nxgate(config=config(up))
    assert server.operate("health", "--strict").stdout == "ok\n"
    server.write_config(config(up, "y.test"))
    server.wait_for_log("reload rejected")
    (source, text), = faults_of(server)
    assert source == "reload" and "nxgate.toml:7:10: a text needs quotation marks" in text
    assert server.operate("health").returncode == 0
    strict = server.operate("health", "--strict", check=False)
    assert strict.returncode == 1 and "1 persistent fault" in strict.stderr
    assert "the last reload was rejected" in server.operate("health").stdout
    assert 'nxgate_faults{source="reload"} 1\n' in server.operate("metrics").stdout
    server.write_config(config(up, '"y.test"'))
    wait_for(lambda: resolves(server, "y.test"), what="the new rule")
    assert not faults_of(server) and server.operate("health", "--strict").returncode == 0
    assert 'nxgate_faults{source="reload"} 0\n' in server.operate("metrics").stdout


def test_a_file_that_is_mounted_by_itself_and_replaced_outside_is_told(nxgate, up, directory):
    """As a container sees it after an editor on the host has replaced the file."""
    (directory / "outside.list").write_text("x.test\n")
    (directory / "inside.list").touch()
    mount = ("unshare", "--mount", "sh", "-c",
             f"mount --bind {directory}/outside.list {directory}/inside.list && exec \"$@\"", "sh")
    server = nxgate("--allow-file", directory / "inside.list", "--upstream", up.endpoint, wrapper=mount)
    assert resolves(server, "x.test") and not faults_of(server)
    (directory / "fresh").write_text("y.test\n")
    (directory / "fresh").rename(directory / "outside.list")
    server.wait_for_log(r"inside\.list was mounted as a single file, which has been replaced")
    (source, text), = faults_of(server)
    assert source == "files" and "mount the directory" in text
    assert resolves(server, "x.test") and not resolves(server, "y.test")
    assert server.log_text().count("was mounted as a single file") == 1


def test_a_file_written_in_place_is_taken_up(nxgate, up):
    server = nxgate(config=config(up))
    server.config.write_text(config(up, '"y.test"').replace("PORT", str(server.port)))
    wait_for(lambda: resolves(server, "y.test"), what="the new rule")


@pytest.mark.parametrize("linked", ["file", "folder", "folder of a link's target"])
def test_a_swapped_symlink_is_taken_up(nxgate, up, directory, linked):
    """The last is how Kubernetes and deploy tools put a new version in place."""
    for version, rule in (("v1", "x.test"), ("v2", "y.test")):
        (directory / version).mkdir()
        (directory / version / "names").write_text(rule + "\n")
    (directory / "current").symlink_to("v1/names" if linked == "file" else "v1")
    path = directory / "current" if linked == "file" else directory / "current" / "names"
    if linked.endswith("target"):
        (directory / "elsewhere").mkdir()
        (directory / "elsewhere" / "names").symlink_to(path)
        path = directory / "elsewhere" / "names"
    server = nxgate("--allow-file", path, "--upstream", up.endpoint)
    assert resolves(server, "x.test")
    (directory / "fresh").symlink_to("v2/names" if linked == "file" else "v2")
    (directory / "fresh").rename(directory / "current")
    wait_for(lambda: resolves(server, "y.test") and not resolves(server, "x.test"),
             what="the new target")


def test_list_files_are_watched_and_a_new_one_of_the_pattern_counts(nxgate, up, directory):
    (directory / "a.list").write_text("x.test\n")
    server = nxgate("--allow-file", directory / "*.list", "--upstream", up.endpoint)
    assert resolves(server, "x.test")
    (directory / "b.list").write_text("y.test\n")
    wait_for(lambda: resolves(server, "y.test"), what="the new list")
    (directory / "a.list").unlink()
    wait_for(lambda: not resolves(server, "x.test"), what="the end of the old list")


def test_a_fault_keeps_what_is_running_and_is_told_with_its_place(nxgate, up):
    server = nxgate(config=config(up))
    server.write_config(config(up, '"y.test", "a..b"'))
    assert "rejected" in server.reload()
    assert f"{server.config}:7:20: " in server.log_text() and "`a..b`" in server.log_text()
    assert resolves(server, "x.test") and rcode(server.query("y.test")) == "NXDOMAIN"
    server.write_config(config(up, '"y.test"'))
    assert "reloaded: generation" in server.reload()
    assert resolves(server, "y.test")


def test_a_missing_file_keeps_what_is_running(nxgate, up):
    server = nxgate(config=config(up))
    server.config.unlink()
    assert "rejected" in server.reload()
    assert resolves(server, "x.test")


@pytest.mark.parametrize("key, line", [
    ("server.workers", "workers = 1"), ("server.user", 'user = "daemon"'),
    ("server.tcp-idle", 'tcp-idle = "99s"')])
def test_what_is_sealed_is_refused_by_name(nxgate, up, key, line):
    server = nxgate(config=config(up))
    server.write_config(config(up, '"y.test"', server=line))
    assert "rejected" in server.reload()
    assert f"{key} can't change while running" in server.log_text()
    assert resolves(server, "x.test") and not resolves(server, "y.test")


def test_other_listeners_are_refused_by_name(nxgate, up):
    server = nxgate(config=config(up))
    server.write_config(config(up).replace("127.0.0.1:PORT", "127.0.0.2:PORT"))
    assert "rejected" in server.reload()
    assert "server.listen can't change while running" in server.log_text()


def test_a_name_no_longer_allowed_is_denied_though_it_is_cached(nxgate, up):
    server = nxgate(config=config(up))
    assert resolves(server, "x.test")
    server.write_config(config(up, '"y.test"'))
    server.reload()
    assert rcode(server.query("x.test")) == "NXDOMAIN"


def test_answers_of_a_changed_upstream_are_out_of_reach(nxgate, up, upstream):
    server = nxgate(config=config(up))
    assert resolves(server, "x.test")
    server.write_config(config(upstream({"*": answer("@ 60 A 192.0.2.2")})))
    server.reload()
    assert addresses(server.query("x.test")) == ["192.0.2.2"]


def test_answers_of_an_unchanged_upstream_stay_cached(nxgate, up):
    server = nxgate(config=config(up))
    server.query("x.test")
    server.write_config(config(up, '"x.test", "y.test"'))
    server.reload()
    assert resolves(server, "x.test") and up.count("x.test") == 1


@pytest.mark.parametrize("change", [("0.2.1", "0.2.1"), ('"x.test"', '"y.test"'),
                                    ("[upstreams.default]", "[upstreams.default]\ntimeout = '3s'")],
                         ids=["nothing", "rule", "upstream"])
def test_what_is_in_flight_across_a_reload_is_answered(nxgate, upstream, change):
    up = upstream({"*": after(0.6, answer("@ 60 A 192.0.2.1"))})
    server = nxgate(config=config(up))
    answers = []
    askers = [threading.Thread(target=lambda name=name: answers.append(server.query(name)))
              for name in ("a.x.test", "b.x.test", "b.x.test")]
    for asker in askers:
        asker.start()
    wait_for(lambda: up.count() >= 2, what="the upstream queries")
    server.write_config(config(up).replace(*change))
    assert "reloaded: generation" in server.reload()
    for asker in askers:
        asker.join()
    assert [addresses(each) for each in answers] == [["192.0.2.1"]] * 3


def test_routes_are_reloaded(nxgate, up, upstream):
    inner = upstream({"*": answer("@ 60 A 192.0.2.2")})
    group = f'[upstreams.inner]\nservers = ["{inner.endpoint}"]\n'
    server = nxgate(config=config(up) + group)
    assert addresses(server.query("in.x.test")) == ["192.0.2.1"]
    server.write_config(config(up, policy='routes = [{ names = ["in.x.test"], upstream = "inner" }]')
                        + group)
    server.reload()
    assert addresses(server.query("in.x.test")) == ["192.0.2.2"]


def test_a_storm_of_signals_ends_with_the_newest_configuration(nxgate, up):
    server = nxgate(config=config(up))
    for i in range(200):
        if i == 100:
            server.write_config(config(up, '"y.test"'))
        server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: resolves(server, "y.test"), what="the new rule")
    assert not resolves(server, "x.test")


def test_no_answer_is_lost_or_mixed_while_reloading_under_load(nxgate, up):
    """One rule set allows a.test and denies b.test, the other the opposite, and never both."""
    rules = ('"a.test"', '"b.test"')
    server = nxgate(config=config(up, rules[0]))
    stop, outcomes, lost = threading.Event(), set(), []

    def client():
        while not stop.is_set():
            try:
                for qname in ("a.test", "b.test", "never.test"):
                    response = server.ask(make_query(qname), timeout=within(5))
                    outcomes.add((qname, rcode(response), len(addresses(response))))
            except Exception as error:  # a lost answer is what this looks for
                lost.append(error)

    clients = [threading.Thread(target=client) for _ in range(4)]
    for thread in clients:
        thread.start()
    for i in range(1, 31):
        server.write_config(config(up, rules[i % 2]))
        assert "reloaded: generation" in server.reload()
        time.sleep(0.03)
    stop.set()
    for thread in clients:
        thread.join()
    assert not lost
    assert outcomes <= {("a.test", "NOERROR", 1), ("a.test", "NXDOMAIN", 0), ("b.test", "NOERROR", 1),
                        ("b.test", "NXDOMAIN", 0), ("never.test", "NXDOMAIN", 0)}
    assert {("a.test", "NOERROR", 1), ("b.test", "NOERROR", 1)} <= outcomes


def test_a_long_reload_holds_up_nobody_who_asks_the_server(nxgate, up, directory):
    names = directory / "names"
    names.write_text("a.test\n")
    text = config(up, policy=f'allow-files = ["{names}"]') + f'[control]\nsocket = "{directory}/control.sock"\n'
    server = nxgate(config=text)
    server.control = directory / "control.sock"
    names.write_text("".join(f"host{number}.test\n" for number in range(400_000)))
    server.process.send_signal(signal.SIGHUP)
    during = 0
    while json.loads(server.operate("status", "--json").stdout)["generation"] == 1:
        during += 1
    assert during >= 3, "answers that came before the reload was done"
    server.wait_for_log("reloaded: generation 2")
    assert resolves(server, "host7.test")


def test_a_hundred_reloads_leak_nothing(nxgate, up):
    server = nxgate(config=config(up))
    for _ in range(10):
        server.reload()
    before, memory = server.descriptors(), server.rss_kib()
    for i in range(100):
        server.write_config(config(up, ", ".join(f'"n{i}-{j}.test"' for j in range(200))))
        server.reload()
    assert server.descriptors() <= before
    assert server.rss_kib() - memory < 32 * 1024 * within(1)


#: Nobody else's, so that no other test is short of what is taken here.
ALONE = 60954


def test_a_program_of_its_user_cannot_keep_it_from_watching(nxgate, up):
    with all_instances_taken(ALONE):
        server = nxgate("--user", ALONE, config=config(up))
        server.write_config(config(up, '"y.test"'))
        wait_for(lambda: resolves(server, "y.test"), 3, what="the new rule")
    assert 'nxgate_faults{source="files"} 0' in server.operate("metrics").stdout


def test_without_inotify_it_starts_tells_it_and_looks_by_itself(nxgate, up):
    def faults():
        return [each["text"] for each in json.loads(server.operate("status", "--json").stdout).get("faults", [])
                if each["source"] == "files"]

    def counted():
        return 'nxgate_faults{source="files"} 1' in server.operate("metrics").stdout

    with all_instances_taken(ALONE):
        server = nxgate(config=config(up), user=ALONE)
        assert len([line for line in server.log if "fs.inotify.max_user_instances" in line]) == 1
        assert "fs.inotify.max_user_instances" in faults()[0] and counted()
        assert "fault" in server.operate("health").stdout
        server.write_config(config(up, '"y.test"'))
        server.reload()
        assert resolves(server, "y.test")
        server.write_config(config(up, '"z.test"'))
        wait_for(lambda: resolves(server, "z.test"), 10, what="the new rule")
        assert faults() and server.log_text().count("fs.inotify.max_user_instances") == 1
    wait_for(lambda: not faults() and not counted(), 10, what="inotify again")
    server.wait_for_log("watching files for changes again")
    server.write_config(config(up, '"x.test"'))
    wait_for(lambda: resolves(server, "x.test"), 3, what="the new rule")
