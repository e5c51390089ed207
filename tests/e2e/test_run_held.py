"""`nxgate run`: ways out of a sandbox, each tried; and what is told where there can be none."""
import contextlib
import os
import shutil
import socket
import subprocess
import threading

import pytest

from harness.fenced import OTHER, SITE, USER, Fence, as_user, environment, needs_sandbox
from harness.nxgate import BINARY
from harness.sites import Sites
from harness.upstream import answer, by_type

pytestmark = needs_sandbox


@pytest.fixture
def fence(namespace, upstream):
    return Fence(namespace, upstream, {"good.test": by_type(A=answer(f"@ 60 A {SITE}"))})


@pytest.fixture
def sites(fence):
    made = Sites(fence.world, [22, 2222])
    yield made
    made.close()


@pytest.fixture
def listener(directory):
    """listener(path): a unix socket that answers, also an abstract one."""
    made = []

    def serve(server):
        with contextlib.suppress(OSError):
            while True:
                server.accept()[0].send(b"hello")

    def start(path):
        server = socket.socket(socket.AF_UNIX)
        server.bind(path)
        if not path.startswith("\0"):
            os.chmod(path, 0o777)
        server.listen()
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        made.append((server, path))

    yield start
    for server, path in made:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        if os.path.exists(path.replace("\0", "/nowhere/")):
            os.unlink(path)


ASK = """
import socket, sys
s = socket.socket(socket.AF_UNIX); s.settimeout(5)
try:
    s.connect({path!r}); print(s.recv(5).decode())
except OSError as error:
    print("held")
"""


def test_abstract_sockets(fence, listener):
    listener("\0nxgate-test")
    assert fence.script(ASK.format(path="\0nxgate-test")) == "held"


# As root, with an empty /run: a listener there, and somebody who asks it, plainly and in a sandbox.
HIDDEN = """
import os, shutil, socket, subprocess, sys, threading
path, ask, user = sys.argv[1], sys.argv[2], sys.argv[3].split()
run, run_with_mounts = sys.argv[4].split(), sys.argv[5].split()
os.umask(0)
missing = path
while not os.path.exists(os.path.dirname(missing)):
    missing = os.path.dirname(missing)
os.makedirs(os.path.dirname(path), exist_ok=True)
server = socket.socket(socket.AF_UNIX); server.bind(path); server.listen()
def serve():
    while True:
        server.accept()[0].send(b"hello")
threading.Thread(target=serve, daemon=True).start()
# Namespaces within, as their root, who would uncover it.
uncover = ["unshare", "-Urm", "sh", "-c", f'umount {path} {os.path.dirname(path)}; exec "$@"', "sh"]
for prefix in (user, user + run, user + run_with_mounts + uncover):
    subprocess.run([*prefix, "/usr/bin/python3", "-c", ask], check=False)
sys.stdout.flush()
shutil.rmtree(missing) if os.path.isdir(missing) else os.unlink(missing)
os._exit(0)
"""


@pytest.mark.parametrize("path", [
    "/run/docker.sock", "/run/dbus/system_bus_socket", "/run/nscd/socket", "/run/systemd/private",
    "/run/systemd/resolve/io.systemd.Resolve", "/run/podman/podman.sock", "/run/nxgate/control.sock",
    "/run/user/4711/bus", "/tmp/tmux-4711/default", "/tmp/ssh-nxtest/agent.1",
    "/tmp/emacs4711/server", "/tmp/vscode-ipc-nxtest.sock"])
def test_sockets_of_power_are_hidden(path):
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", 'mount -t tmpfs tmpfs /run && exec /usr/bin/python3 -c "$@"', "sh", HIDDEN, path,
         ASK.format(path=path), " ".join(as_user()), f"{BINARY} run --deny-all --", f"{BINARY} run --deny-all --mounts --"],
        capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "hello\nheld\nheld\n", done.stderr


def test_any_other_socket_is_hidden_unless_it_is_kept(fence, listener, directory):
    """As those of Tor, of ssh's connections that are shared, or of editors: nobody can list them all."""
    path = str(directory / "a socket")
    fence.host.call(listener, path)
    assert fence.script(ASK.format(path=path)) == "held"
    assert fence.script(ASK.format(path=path), "--deny-all", "--keep-socket", path) == "hello"
    done = fence.run("--deny-all", "--keep-socket", f"{path}.not", "--", "echo", "it ran")
    assert (done.returncode, done.stdout) == (125, "") and "there is no such socket" in done.stderr


@pytest.mark.parametrize("move", [os.rename, os.link], ids=["renamed", "linked"])
def test_a_socket_that_was_moved_is_hidden_too(fence, listener, directory, move):
    """ssh binds its shared connection by another name, and links it to where it is looked for."""
    fence.host.call(listener, str(directory / "bound"))
    for number in range(20):  # links that lead nowhere end no search
        (directory / f"link{number}").symlink_to("nowhere")
    move(directory / "bound", directory / "moved")
    assert fence.script(ASK.format(path=str(directory / "moved"))) == "held"


def test_a_directory_that_its_owner_locked_is_hidden(fence, listener, directory):
    """Its owner can open it again."""
    locked = directory / "locked"
    locked.mkdir()
    path = str(locked / "bound")
    fence.host.call(listener, path)
    os.chown(locked, USER, USER)
    locked.chmod(0)
    unlock = f"import os; os.chmod({str(locked)!r}, 0o700)\n"
    assert fence.script(unlock + ASK.format(path=path)) == "held"


def test_where_it_starts_is_no_way_below_a_cover(fence, listener):
    os.makedirs("/tmp/ssh-nxtest", exist_ok=True)
    os.chmod("/tmp/ssh-nxtest", 0o755)
    try:
        fence.host.call(listener, "/tmp/ssh-nxtest/agent.3")
        assert fence.script(ASK.format(path="agent.3"), cwd="/tmp/ssh-nxtest") == "held"
        stdin = os.open("/tmp/ssh-nxtest", os.O_RDONLY)
        done = fence.run("--deny-all", "--", "true", stdin=stdin)
        os.close(stdin)
        assert done.returncode == 125 and "is a directory" in done.stderr
    finally:
        shutil.rmtree("/tmp/ssh-nxtest")


def test_keys_of_the_session_stay_outside(fence):
    text = """
import ctypes, platform
numbers = {"x86_64": (248, 249, 250), "aarch64": (217, 218, 219)}[platform.machine()]
libc = ctypes.CDLL(None, use_errno=True)
for call in numbers:
    print(libc.syscall(call, 0, 0, 0, 0, 0), ctypes.get_errno())
"""
    assert fence.script(text) == "\n".join(["-1 38"] * 3)


def test_no_mount_namespace_within(fence):
    """In one, what is covered could be moved from below its cover, by a rename of a directory above it."""
    done = fence.run("--deny-all", "--", "sh", "-c", "unshare -Urm true; echo $?; unshare -Ur true; echo $?")
    assert done.stdout == "1\n0\n"
    assert fence.run("--deny-all", "--mounts", "--", "unshare", "-Urm", "echo", "it ran").stdout == "it ran\n"


def test_the_ssh_agent_by_choice(fence, listener):
    os.makedirs("/tmp/ssh-nxtest", exist_ok=True)
    os.chmod("/tmp/ssh-nxtest", 0o755)
    path = "/tmp/ssh-nxtest/agent.2"
    try:
        listener(path)
        text = "import os; print(os.environ.get('SSH_AUTH_SOCK'))" + ASK.format(path=path)
        env = environment(SSH_AUTH_SOCK=path)
        assert fence.script(text, env=env) == "None\nheld"
        assert fence.script(text, "--deny-all", "--ssh-agent", env=env) == f"{path}\nhello"
    finally:
        shutil.rmtree("/tmp/ssh-nxtest")


def test_processes_of_others_are_unseen(fence):
    text = """
import os
seen = [each for each in os.listdir("/proc") if each.isdigit()]
print(sorted(map(int, seen)) == [1, 2] and os.getpid() == 2)
try:
    open("/proc/1/environ").read(); print("seen")
except OSError:
    print("held")
"""
    assert fence.script(text) == "True\nheld"


def test_processes_stay_unseen_from_namespaces_within(fence):
    done = fence.run("--deny-all", "--mounts", "--", "unshare", "-Urm", "sh", "-c", "umount /proc; ls -d /proc/[0-9]* | wc -l")
    assert 1 < int(done.stdout) < 9


def test_namespaces_of_others_cannot_be_entered(fence):
    text = f"""
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for path in ("{fence.host.path}", "{fence.world.path}"):
    try:
        print(libc.setns(os.open(path, os.O_RDONLY), 0))
    except OSError:
        print(-1)
"""
    assert fence.script(text) == "-1\n-1"


def test_the_first_process_cannot_be_taken_over(fence):
    text = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
print(libc.ptrace(16, 1, 0, 0), ctypes.get_errno())
"""
    assert fence.script(text) == "-1 1"


def test_rules_and_links_cannot_be_changed(fence, sites):
    text = f"""
import socket, subprocess
for command in (["nft", "flush", "ruleset"], ["ip", "link", "set", "lo", "down"],
                ["ip", "route", "add", "{OTHER}", "dev", "lo"], ["unshare", "-n", "true"],
                ["mount", "-t", "tmpfs", "none", "/mnt"], ["umount", "/etc/resolv.conf"]):
    print(subprocess.run(command, capture_output=True, check=False).returncode != 0)
"""
    assert fence.script(text) == "\n".join(["True"] * 6)


INNER = f"""
import socket, subprocess, sys
subprocess.run(["nft", "flush", "ruleset"], capture_output=True, check=False)
subprocess.run(["umount", "/etc/resolv.conf"], capture_output=True, check=False)
for to in ("{SITE}", "{OTHER}", "10.77.0.1"):
    try:
        socket.create_connection((to, 2222), timeout=3); print("out")
    except OSError:
        print("held")
"""


@pytest.mark.parametrize("options", [
    ["--", "unshare", "-Ur"], ["--", "unshare", "-Urn"], ["--mounts", "--", "unshare", "-Urm"]])
def test_a_user_namespace_within_does_not_help(fence, sites, options):
    done = fence.run("--deny-all", *options, "/usr/bin/python3", "-c", INNER)
    assert done.stdout == "held\n" * 3, done.stderr


def test_raw_and_packet_sockets_are_not_had(fence):
    text = """
import socket
for family, kind in ((socket.AF_INET, socket.SOCK_RAW), (socket.AF_PACKET, socket.SOCK_RAW)):
    try:
        socket.socket(family, kind, 1); print("made")
    except PermissionError:
        print("held")
"""
    assert fence.script(text) == "held\nheld"


def test_sockets_of_no_namespace_are_not_had(fence):
    text = """
import ctypes, errno, socket
try:
    socket.socket(40, socket.SOCK_STREAM); print("made")
except OSError as error:
    print(error.errno == errno.EAFNOSUPPORT)
libc = ctypes.CDLL(None, use_errno=True)
for number in (425, 249):  # io_uring_setup, request_key
    print(libc.syscall(number, 0, 0, 0, 0) == -1 and ctypes.get_errno() == errno.ENOSYS)
"""
    assert fence.script(text) == "True\n" * 2 + "True"


def test_setuid_programs_gain_nothing(fence):
    text = """
import os
print([line for line in open("/proc/self/status") if line.startswith("NoNewPrivs")][0].split()[1])
"""
    assert fence.script(text) == "1"


def test_the_relays_own_port_is_no_way(fence, sites):
    """A connection to it that wasn't redirected leads nowhere."""
    text = """
import socket
lines = open("/proc/net/tcp").read().splitlines()[1:]
for port in {int(each.split()[1].split(":")[1], 16) for each in lines if each.split()[3] == "0A"}:
    try:
        print(socket.create_connection(("127.0.0.1", port), timeout=3).recv(10) or "held")
    except OSError:
        print("held")
"""
    assert set(fence.script(text, "--allow", "good.test").splitlines()) <= {"held"}


def test_refusal_without_user_namespaces(directory):
    """In a user namespace that may have none within."""
    line = f"echo 0 > /proc/sys/user/max_user_namespaces && exec {BINARY} {{}}"
    def inside(command):
        return subprocess.run([*as_user(), "unshare", "-Ur", "sh", "-c", line.format(command)], capture_output=True,
                              text=True, timeout=60, check=False)
    done = inside("run --deny-all -- echo ran")
    assert (done.returncode, done.stdout) == (125, "")
    assert "sysctl user.max_user_namespaces=" in done.stderr
    done = inside("doctor --run")
    assert done.returncode == 1 and "sysctl user.max_user_namespaces=" in done.stderr


def test_doctor():
    done = subprocess.run([*as_user(), BINARY, "doctor", "--run"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "`nxgate run` can make a sandbox here\n")
