"""What was saved is never lost: whatever the disk, the directory and those who may write there do."""
import contextlib
import os
import signal
import subprocess
import threading

import pytest
from harness.nxgate import addresses, rcode, run
from harness.timing import wait_for
from harness.upstream import answer

NOBODY = 65534
CONFIG = """
[server]
listen = ["127.0.0.1:PORT"]
[control]
socket = "{directory}/control.sock"
state = "{directory}/state"
[upstreams.default]
servers = ["{upstream}"]
[policies.default]
allow = ["good.test"]
"""
DENIED = "denied.good.test\n"


@pytest.fixture
def place(directory):
    """The state directory with a saved denial, as a server of nobody's leaves it."""
    state = directory / "state"
    for path in (state, state / "default", state / "default/deny.d", state / "default/allow.d"):
        path.mkdir()
    (state / "default/deny.d/saved.list").write_text(DENIED)
    give(state)
    return state


def give(state):
    for path in (state, *state.rglob("*")):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)


@pytest.fixture
def start(nxgate, upstream, directory, place):
    up = upstream({"*": answer("@ 60 A 192.0.2.1")})
    text = CONFIG.format(directory=directory, upstream=up.endpoint)

    def begin(arguments=(), **options):
        server = nxgate(*arguments, config=text, **options)
        server.control = directory / "control.sock"
        return server

    return begin


def denied_list(state):
    return state / "default/deny.d/saved.list"


def told(server, command):
    """What it prints, without the line ends that keep it narrow."""
    return " ".join(server.operate(command).stdout.split())


def is_denied(server, name="denied.good.test"):
    return rcode(server.query(name)) == "NXDOMAIN"


def end(server):
    """A server that refuses to start."""
    assert server.process.wait(20) == 1
    server._reader.join(5)
    server.process.returncode = 0
    return server.log_text()


UNREADABLE = {
    "rights": lambda path: path.chmod(0) or os.chown(path, 0, 0),
    "directory": lambda path: (path.unlink(), path.mkdir()),
    "pipe": lambda path: (path.unlink(), os.mkfifo(path)),
    "folder without rights": lambda path: path.parent.chmod(0) or os.chown(path.parent, 0, 0),
    "link": lambda path: (path.unlink(), path.symlink_to("/etc/hostname")),
}


@pytest.mark.parametrize("how", UNREADABLE)
def test_a_list_that_cannot_be_read_keeps_the_old_rules(start, place, how):
    server = start()
    assert is_denied(server)
    UNREADABLE[how](denied_list(place))
    refused = server.operate("reload", check=False)
    assert refused.returncode == 1 and str(denied_list(place)) in refused.stderr
    assert is_denied(server), "a denial is not lost"
    assert addresses(server.query("other.good.test")) == ["192.0.2.1"]
    assert "fault" in server.operate("status").stdout
    assert str(denied_list(place)) in told(server, "health")
    assert 'nxgate_faults{source="reload"} 1' in server.operate("metrics").stdout
    server.wait_for_log("saved rules can't be read")


@pytest.mark.parametrize("how", ["directory", "pipe", "link"])
def test_a_list_that_cannot_be_read_refuses_the_start_with_a_cure(start, place, how):
    UNREADABLE[how](denied_list(place))
    said = end(start(wait=False))
    assert str(denied_list(place)) in said and "move it away" in said


def test_once_it_can_be_read_again_all_is_well(start, place):
    server = start()
    list_ = denied_list(place)
    list_.chmod(0)
    os.chown(list_, 0, 0)
    assert server.operate("reload", check=False).returncode == 1
    os.chown(list_, NOBODY, NOBODY)
    list_.chmod(0o644)
    assert server.operate("reload").returncode == 0
    assert server.operate("health").stdout == "ok\n"


def snapshot(state):
    return {str(path): path.read_bytes() for path in state.rglob("*")
            if path.is_file() and path.name != ".lock"}


def save(server, *arguments):
    return server.operate(*arguments, "--save", check=False)


def test_a_save_on_a_list_that_cannot_be_read_changes_nothing(start, place):
    server = start()
    list_ = denied_list(place)
    list_.chmod(0)
    os.chown(list_, 0, 0)
    before = snapshot(place)
    for command in (("allow", "denied.good.test"), ("deny", "more.good.test"),
                    ("allow", "x.test")):
        done = save(server, *command)
        assert done.returncode == 1 and str(list_) in done.stderr and "nothing was changed" in done.stderr
    assert snapshot(place) == before
    assert is_denied(server) and not is_denied(server, "more.good.test")


def test_a_save_beyond_the_limit_changes_nothing(start, place):
    many = "".join(f"h{i}.list.good.test\n" for i in range(900_000))
    denied_list(place).write_text(many)
    server = start()
    before = snapshot(place)
    for action in ("deny", "allow"):
        done = save(server, action, "h5.list.good.test")
        assert done.returncode == 1 and "larger than 16 MiB" in done.stderr
    assert snapshot(place) == before
    assert is_denied(server, "h5.list.good.test") and is_denied(server, "h899999.list.good.test")


@pytest.fixture
def small_disk(place):
    """The state directory on a file system of its own, which fill() leaves no room in."""
    content = snapshot(place)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,nr_inodes=100", "tmpfs", place], check=True)
    for path, data in content.items():
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
    (place / "default/allow.d").mkdir(exist_ok=True)
    give(place)

    def fill():
        with open(place / "filler", "wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 4096)

    yield fill
    subprocess.run(["umount", "-l", place], check=True)


def test_a_save_on_a_full_disk_changes_nothing(start, place, small_disk):
    server = start()
    small_disk()
    before = snapshot(place)
    done = save(server, "allow", "denied.good.test")
    assert done.returncode == 1 and "No space left" in done.stderr and "nothing was changed" in done.stderr
    assert snapshot(place) == before, "neither forgotten nor cut off"
    assert is_denied(server)
    server.operate("reload")
    assert is_denied(server)


def test_a_full_disk_does_not_refuse_the_start(start, place, small_disk):
    small_disk()
    server = start()
    assert is_denied(server)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take a directory away")
def test_a_directory_that_cannot_be_written_is_told_from_the_start(start, directory, place):
    directory.chmod(0o777)
    for path in (place, *place.rglob("*")):
        os.chown(path, 0, 0)
    server = start(user=NOBODY)
    text = f"control.state: {place} can't be written: Permission denied"
    assert text in server.log_text()
    for command in ("status", "health"):
        assert text in told(server, command)
    assert server.operate("health", "--strict", check=False).returncode == 1
    assert 'nxgate_faults{source="state"} 1' in server.operate("metrics").stdout
    give(place)
    assert server.operate("health").stdout == "ok\n"


def test_a_broken_line_is_left_out_and_told(start, place):
    denied_list(place).write_text("a..b\n" * 150 + "no rule\n" + DENIED)
    os.chown(denied_list(place), NOBODY, NOBODY)
    server = start()
    assert is_denied(server), "what stands behind it still counts"
    where = f"{denied_list(place)}: 151 lines are not valid"
    for command in ("status", "health"):
        assert where in told(server, command)
    assert where in server.log_text()
    assert f"{denied_list(place)}:1:1: " in server.log_text()
    assert 'nxgate_faults{source="saved rules"} 1' in server.operate("metrics").stdout
    assert len(server.log) < 150
    denied_list(place).write_text(DENIED)
    server.operate("reload")
    assert server.operate("health").stdout == "ok\n"


def test_only_one_server_has_a_state_directory(start, place):
    first = start()
    owners = {path: path.stat().st_uid for path in (place, *place.rglob("*"))}
    second = start(wait=False, arguments=("--user", "daemon"))
    said = end(second)
    assert f"pid {first.pid}" in said and str(place) in said
    assert {path: path.stat().st_uid for path in owners} == owners, "whose it was"
    assert is_denied(first)
    assert save(first, "deny", "more.good.test").returncode == 0


def test_a_server_that_was_killed_is_in_nobodys_way(start):
    first = start()
    first.process.kill()
    first.process.wait()
    assert is_denied(start())


def test_a_server_that_is_about_to_end_is_waited_for(start):
    first = start()
    timer = threading.Timer(0.7, first.process.terminate)
    timer.start()
    second = start()
    timer.join()
    assert is_denied(second)
    assert first.process.wait(10) == 0


@pytest.mark.parametrize("what", ["list", "folder", "hard link"])
def test_root_reads_nothing_through_a_link_of_nobodys(start, directory, place, what):
    secret = directory / "secret"
    secret.mkdir()
    (secret / "saved.list").write_text("secret-password.good.test\nsecret word\n")
    list_ = denied_list(place)
    list_.unlink()
    if what == "list":
        list_.symlink_to(secret / "saved.list")
    elif what == "hard link":
        os.link(secret / "saved.list", list_)
    else:
        list_.parent.rmdir()
        list_.parent.symlink_to(secret)
    os.chown(list_ if what == "list" else list_.parent, NOBODY, NOBODY, follow_symlinks=False)
    said = end(start(wait=False))
    assert str(list_) in said or "deny.d" in said
    assert "link" in said
    assert "secret word" not in said and "secret-password" not in said


def test_nothing_is_written_through_a_link(start, directory, place):
    precious = directory / "precious"
    precious.write_text("as it was\n")
    os.chown(precious, NOBODY, NOBODY)
    server = start()
    staged = place / "default/allow.d/saved.list.new"
    staged.symlink_to(precious)
    assert save(server, "allow", "fine.test").returncode == 0
    assert precious.read_text() == "as it was\n"
    assert "fine.test" in (place / "default/allow.d/saved.list").read_text()
    assert addresses(server.query("fine.test")) == ["192.0.2.1"]


def test_what_was_learnt_and_cannot_be_read_is_not_written_over(start, place):
    record = place / "default/learnt.json"
    record.write_text("what is this?\n")
    os.chown(record, NOBODY, NOBODY)
    server = start()
    for command in ("status", "health"):
        assert str(record) in told(server, command)
    refused = server.operate("learn", "start", check=False)
    assert refused.returncode == 1 and str(record) in refused.stderr
    assert record.read_text() == "what is this?\n"


def test_check_reads_saved_rules_and_leaves_the_lock_alone(start, place):
    server = start()
    assert run("check", server.config).returncode == 0
    wait_for(lambda: is_denied(server))


def test_a_rule_that_a_refused_reload_keeps_is_said_to_be_enforced_still(start):
    server = start()
    server.operate("allow", "new.test", "--save")
    server.process.send_signal(signal.SIGHUP)
    server.wait_for_log("reloaded: generation")
    server.config.write_text(server.config.read_text() + "[nonsense]\n")
    removed = server.operate("allow", "--remove", "new.test", check=False)
    assert removed.returncode == 1
    assert "no longer saved, but stays in force until a reload succeeds" in removed.stderr
    assert "nonsense" in removed.stderr
    assert addresses(server.query("new.test")) == ["192.0.2.1"]
