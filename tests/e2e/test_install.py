"""install.sh, from a server on loopback that publishes what `make release` gathers."""
import functools
import http.server
import os
import shutil
import signal
import stat
import subprocess
import threading

import pytest

from harness.nxgate import ROOT, SANITIZED
from harness.published import VERSION, gather, name
from harness.timing import wait_for

pytestmark = pytest.mark.skipif(SANITIZED, reason="nobody publishes a sanitizer's build")

NOBODY = 65534
#: All that the script runs, besides what it downloads with.
TOOLS = ["sh", "uname", "sha256sum", "mktemp", "mkdir", "sed", "cut", "tar", "gzip", "find", "sort", "dirname", "mv",
         "rm", "tr"]


@pytest.fixture(scope="module")
def gathered(tmp_path_factory):
    return gather(tmp_path_factory.mktemp("release"))


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Gives files without a word; what has a `hold` is begun and goes no further before it is set."""

    hold = None

    def log_message(self, *_):
        pass

    def copyfile(self, source, outputfile):
        if self.hold and self.path.endswith(".tar.gz"):
            outputfile.write(source.read(1000))
            outputfile.flush()
            self.hold.wait(30)
        else:
            super().copyfile(source, outputfile)


@pytest.fixture
def site(directory, gathered):
    """A copy of what was gathered, and its address."""
    class Handler(Quiet):
        pass

    files = directory / "site"
    shutil.copytree(gathered, files)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(files)))
    threading.Thread(target=server.serve_forever).start()
    server.files, server.handler, server.url = files, Handler, f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def prefix(directory):
    """A directory of nobody's."""
    place = directory / "home/.local"
    place.mkdir(parents=True)
    os.chown(place, NOBODY, NOBODY)
    return place


def tools(directory, *names, busybox=False):
    """A PATH that has these programs alone."""
    place = directory / "tools"
    place.mkdir()
    for each in names:
        (place / each).symlink_to(shutil.which("busybox" if busybox else each))
    return {"PATH": str(place)}


def environment(site, prefix, **more):
    return {**os.environ, "NXGATE_URL": site.url, "PREFIX": str(prefix), **more}


def install(site, prefix, shell="/bin/sh", **more):
    """As an ordinary user, from a pipe."""
    script = (site.files / "install.sh").read_text()
    return subprocess.run([shell], input=script, env=environment(site, prefix, **more), user=NOBODY, group=NOBODY,
                          capture_output=True, text=True, timeout=60, check=False, cwd="/")


def assert_installed(done, prefix):
    assert done.returncode == 0, done.stderr
    said = subprocess.run([prefix / "bin/nxgate", "--version"], capture_output=True, text=True, check=True).stdout
    assert said == f"nxgate {VERSION}\n"
    installed = {str(each.relative_to(prefix)) for each in prefix.rglob("*") if each.is_file()}
    assert {"bin/nxgate", "share/man/man1/nxgate.1", "share/man/man5/nxgate.toml.5"} <= installed
    assert stat.S_IMODE((prefix / "bin/nxgate").stat().st_mode) == 0o755
    for each in installed:
        assert f"    {each}\n" in done.stdout
    removal = done.stdout.partition("To remove it: ")[2].splitlines()[0]
    subprocess.run(removal, shell=True, check=True)
    assert not [each for each in prefix.rglob("*") if not each.is_dir()], "what it says removes all of it"


def assert_refused(done, prefix, why):
    assert done.returncode == 1 and why in done.stderr, done.stderr
    assert not list(prefix.iterdir()), "nothing of it is left"


def test_what_was_published_is_installed_without_root(site, prefix):
    done = install(site, prefix)
    assert f"{site.url}/{name()}.tar.gz" in done.stdout and f"{prefix}/bin is not in your PATH" in done.stdout
    assert_installed(done, prefix)


def test_the_address_is_that_of_the_release(site, prefix, directory):
    (directory / "again").mkdir()
    published = gather(directory / "again", NXGATE_URL=site.url)
    shutil.copy(published / "install.sh", site.files)
    assert_installed(install(site, prefix, NXGATE_URL=""), prefix)


def test_one_of_no_release_asks_for_the_address(site, prefix):
    assert_refused(install(site, prefix, NXGATE_URL=""), prefix, "NXGATE_URL=https://")


def test_an_earlier_version_is_replaced_while_it_runs(site, prefix):
    (prefix / "bin").mkdir()
    shutil.copy(shutil.which("sleep"), prefix / "bin/nxgate")
    for each in (prefix / "bin", prefix / "bin/nxgate"):
        os.chown(each, NOBODY, NOBODY)
    running = subprocess.Popen([prefix / "bin/nxgate", "60"])
    try:
        assert_installed(install(site, prefix), prefix)
        assert running.poll() is None
    finally:
        running.kill()
        running.wait()


def test_wget_does_as_well(site, prefix, directory):
    """busybox's, the smallest; and every other program is busybox's too, as on Alpine."""
    alpine = tools(directory, *TOOLS, "wget", busybox=True)
    assert_installed(install(site, prefix, shell=f"{alpine['PATH']}/sh", **alpine), prefix)


def test_without_either_it_says_what_it_needs(site, prefix, directory):
    assert_refused(install(site, prefix, **tools(directory, *TOOLS)), prefix, "needs curl or wget")


def test_what_isnt_what_was_published_is_refused(site, prefix):
    archive = site.files / f"{name()}.tar.gz"
    archive.write_bytes(archive.read_bytes()[:-1] + b"!")
    assert_refused(install(site, prefix), prefix, "has the wrong checksum")


def test_what_has_no_checksum_is_refused(site, prefix):
    sums = site.files / "SHA256SUMS"
    sums.write_text("".join(line for line in sums.read_text().splitlines(True) if f"{name()}.tar.gz" not in line))
    assert_refused(install(site, prefix), prefix, f"no line for {name()}.tar.gz")


@pytest.mark.parametrize("missing", ["SHA256SUMS", f"{name()}.tar.gz"])
@pytest.mark.parametrize("wget", [False, True], ids=["curl", "wget"])
def test_a_missing_file_is_named(site, prefix, directory, missing, wget):
    (site.files / missing).unlink()
    path = tools(directory, *TOOLS, "wget", busybox=True) if wget else {}
    assert_refused(install(site, prefix, **path), prefix, f"can't download {site.url}/{missing}")


def test_a_server_that_isnt_there_is_named(site, prefix):
    assert_refused(install(site, prefix, NXGATE_URL="http://127.0.0.1:1"), prefix,
                   "can't download http://127.0.0.1:1/SHA256SUMS")


@pytest.mark.parametrize("option, value, why", [("-m", "riscv64", "no program is published for riscv64"),
                                                ("-s", "Darwin", "nxgate runs on Linux, and this is Darwin")])
def test_another_machine_is_refused(site, prefix, directory, option, value, why):
    path = tools(directory, *TOOLS, "curl")
    (directory / "tools/uname").unlink()
    (directory / "tools/uname").write_text(f'#!/bin/sh\n[ "$1" != {option} ] || {{ echo {value}; exit; }}\n'
                                           f'exec {shutil.which("uname")} "$@"\n')
    (directory / "tools/uname").chmod(0o755)
    assert_refused(install(site, prefix, **path), prefix, why)


def test_a_program_that_doesnt_run_here_is_refused(site, prefix, directory):
    tree = directory / name()
    (tree / "bin").mkdir(parents=True)
    (tree / "share").mkdir()
    (tree / "bin/nxgate").write_bytes(b"\x7fELF of another machine")
    (tree / "bin/nxgate").chmod(0o755)
    subprocess.run(["tar", "-czf", site.files / f"{name()}.tar.gz", "-C", directory, name()], check=True)
    subprocess.run("sha256sum *.tar.gz >SHA256SUMS", shell=True, cwd=site.files, check=True)
    assert_refused(install(site, prefix), prefix, "the program doesn't run here")


def test_a_directory_of_somebody_else_is_left_alone(site, prefix):
    os.chown(prefix, 0, 0)
    assert_refused(install(site, prefix), prefix, "run it with sudo, or with PREFIX=$HOME/.local")


def test_a_script_that_came_in_part_does_nothing(site, prefix):
    script = site.files / "install.sh"
    whole = script.read_text()
    for length in range(0, whole.rindex("main") + 1, 397):
        script.write_text(whole[:length])
        assert "downloading" not in install(site, prefix).stdout
        assert not list(prefix.iterdir())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_leaves_nothing(site, prefix, number):
    site.handler.hold = threading.Event()
    running = subprocess.Popen(["/bin/sh", site.files / "install.sh"], env=environment(site, prefix), user=NOBODY,
                               group=NOBODY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               start_new_session=True,
                               # A shell can't trap what its parent ignores, as one in the background does.
                               preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))
    try:
        wait_for(lambda: list(prefix.glob(".nxgate-install.*/*.tar.gz")), what="a download")
        os.killpg(running.pid, number)
        assert running.wait(10) == 128 + {signal.SIGINT: 2, signal.SIGHUP: 15}.get(number, number)
        assert not list(prefix.iterdir())
    finally:
        site.handler.hold.set()


def test_it_is_the_script_of_the_tree(gathered):
    written = (ROOT / "packaging/install.sh").read_text()
    assert (gathered / "install.sh").read_text() == written.replace("@VERSION@", VERSION)
