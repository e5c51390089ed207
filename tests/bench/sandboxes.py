"""What runs a program with a network of its own, each as an ordinary user would, and the world around it."""
import json
import os
import shutil
import stat
import subprocess
import tarfile
import time
from contextlib import ExitStack, contextmanager

from harness.upstream import Upstream, answer, by_type

from checked import ADDRESSES, SERVER, TcpServer
from links import address, star
from relays import NAME, PORT, client_hello
from server import enter

USER = 4711
GIT, REGISTRY = 9418, 8080
FILES, PACKAGES = 2_000, 60
#: Looks its name up first, as nxgate opens what a program was told.
RESOLVED = 'exec "$0" "$(getent ahostsv4 "$1" | sed -n "1s/ .*//p")" "${@:2}"'


class Sandbox:
    needs = ()       # programs, and files that users may write
    offline = False  # gives the program no network at all


class Plain(Sandbox):
    name = "plain"

    def command(self, _bench):
        return []


class Ours(Sandbox):
    name = "nxgate run"

    def command(self, bench):
        return [bench.options.nxgate, "run", "--allow", NAME, "--"]


class Bubblewrap(Sandbox):
    name = "bubblewrap, no network"
    needs = ("bwrap",)
    offline = True

    def command(self, _bench):
        return ["bwrap", "--dev-bind", "/", "/", "--unshare-all", "--die-with-parent", "--"]


class Pasta(Sandbox):
    """bubblewrap for the processes and files, passt's pasta for the network. Neither looks at names."""
    name = "bubblewrap, pasta"
    needs = ("pasta", "bwrap", "/dev/net/tun")

    def command(self, _bench):
        return ["pasta", "--quiet", "--config-net", "--no-map-gw", "--", "bwrap", "--dev-bind", "/", "/", "--unshare-pid",
                "--die-with-parent", "--"]


class Slirp(Sandbox):
    """As its manual says: beside a program that waits until it is ready."""
    name = "slirp4netns"
    needs = ("slirp4netns", "/dev/net/tun")
    script = """
exec 3<>"$1.inside" 4<>"$1.ready"; shift
unshare --user --map-root-user --net --mount sh -c '
    mount -t tmpfs tmpfs /run && echo nameserver 10.0.2.3 >/run/resolv.conf &&
    mount --bind /run/resolv.conf /etc/resolv.conf
    echo $$ >&3; head -c 1 <&4 >/dev/null; exec "$@"' - "$@" &
read -r inside <&3
slirp4netns --configure --ready-fd=4 "$inside" tap0 >/dev/null 2>&1 4>&4 &
slirp=$!
wait %1; status=$?
kill $slirp; exit $status
"""

    def command(self, bench):
        at = bench.directory / "slirp"
        for end in ("inside", "ready"):
            path = at.with_suffix(f".{end}")
            if not path.exists():
                os.mkfifo(path)
                os.chown(path, USER, USER)
        return ["bash", "-c", self.script, "slirp", str(at)]


def all_sandboxes():
    """The first is what the others are compared with."""
    return [Plain(), Ours(), Bubblewrap(), Pasta(), Slirp()]


class Sandboxed:
    """What `sandboxed` yields."""

    def __init__(self, bench, inside):
        self.bench, self.inside = bench, inside
        self.hello = bench.file("hello-of-run", [])
        self.hello.write_bytes(client_hello(NAME))
        self.home = bench.directory / "home"
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir()
        os.chown(self.home, USER, USER)

    def run(self, sandbox, *program, cwd="/"):
        """What `program` printed."""
        done = subprocess.run(
            [*enter(self.inside), "setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups",
             *sandbox.command(self.bench), *map(str, program)], stdin=subprocess.DEVNULL, capture_output=True,
            text=True, cwd=cwd, check=False, timeout=120,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(self.home)})
        if done.returncode != 0:
            raise RuntimeError(f"{sandbox.name}: {' '.join(map(str, program))}: {done.stderr}")
        return done.stdout

    def seconds(self, sandbox, *program, **options):
        begin = time.monotonic()
        self.run(sandbox, *program, **options)
        return time.monotonic() - begin

    def hello_client(self, sandbox, *how):
        return json.loads(self.run(sandbox, "bash", "-c", RESOLVED, self.bench.tools.directory / "hello_client",
                                   NAME, PORT, self.hello, *how))


def _repository(directory):
    """A bare repository, for `git daemon`."""
    work, bare = directory / "work", directory / "served.git"
    if bare.exists():
        return bare
    work.mkdir()
    for number in range(FILES):
        (work / f"file{number}").write_bytes(os.urandom(4096).hex().encode())
    as_nobody = ["git", "-c", "user.name=n", "-c", "user.email=n@n", "-C", work]
    for each in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
        subprocess.run([*as_nobody, *each], check=True)
    subprocess.run(["git", "clone", "-q", "--bare", work, bare], check=True)
    (bare / "git-daemon-export-ok").touch()
    return bare


def _registry(directory):
    """Packages as files, and a project that locks them."""
    served, project = directory / "registry", directory / "project"
    if served.exists():
        return served
    served.mkdir()
    project.mkdir()
    packages = {}
    for number in range(PACKAGES):
        name = f"package{number}"
        source = directory / "package"
        source.mkdir(exist_ok=True)
        (source / "package.json").write_text(json.dumps({"name": name, "version": "1.0.0"}))
        (source / "index.js").write_bytes(os.urandom(20_000).hex().encode())
        with tarfile.open(served / f"{name}.tgz", "w:gz") as archive:
            archive.add(source, "package")
        packages[f"node_modules/{name}"] = {"version": "1.0.0", "resolved": f"http://{NAME}:{REGISTRY}/{name}.tgz"}
    named = {name.removeprefix("node_modules/"): "1.0.0" for name in packages}
    (project / "package.json").write_text(json.dumps({"name": "p", "version": "1.0.0", "dependencies": named}))
    (project / "package-lock.json").write_text(json.dumps(
        {"name": "p", "version": "1.0.0", "lockfileVersion": 3,
         "packages": {"": {"name": "p", "version": "1.0.0", "dependencies": named}, **packages}}))
    return served


@contextmanager
def sandboxed(bench):
    """Yields a `Sandboxed`: a host with one name, at which there are TLS, git and packages."""
    with star(1) as (outside, (inside,)):
        outside.run("ip", "route", "add", "local", ADDRESSES, "dev", "lo", check=True)
        inside.run("ip", "route", "add", "default", "via", address(0), check=True)
        inside.resolv_conf(f"nameserver {address(0)}\n")
        upstream = Upstream({NAME: by_type(A=answer(f"@ 60 A {SERVER}"))}, namespace=outside, address=address(0),
                            port=53)
        served = [
            (PORT, [bench.tools.directory / "hello_server", "0.0.0.0", PORT]),
            (GIT, ["git", "daemon", "--reuseaddr", f"--base-path={_repository(bench.directory).parent}"]),
            (REGISTRY, ["/usr/bin/python3", "-m", "http.server", REGISTRY, "--protocol", "HTTP/1.1", "--directory",
                        _registry(bench.directory)])]
        with ExitStack() as running:
            running.callback(upstream.stop)
            for port, command in served:
                running.enter_context(TcpServer([*enter(outside), *map(str, command)], port, address=address(0),
                                                namespace=inside))
            yield Sandboxed(bench, inside)


def lacking(sandbox):
    """Why it can't be measured here; empty if it can."""
    for need in sandbox.needs:
        if need.startswith("/"):
            if not os.path.exists(need) or not os.stat(need).st_mode & stat.S_IWOTH:
                return f"{need} isn't for users here"
        elif not shutil.which(need):
            return f"{need} isn't installed"
    return ""
