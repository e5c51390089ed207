"""The static program, alone in an empty root."""
import os
import shutil
import struct
import subprocess

import pytest
from harness.nxgate import BUILT, SANITIZED, Nxgate, addresses, rcode

pytestmark = [
    pytest.mark.skipif(SANITIZED, reason="no sanitizer links statically"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can change the root directory"),
]

STATIC = BUILT.parent / "nxgate_static"
LARGEST = 12 << 20
#: A module that nsswitch.conf names: whoever loads it ends with 99.
MODULE = """
#include <stdlib.h>
#include <unistd.h>
__attribute__((constructor)) static void loaded(void) { _exit(99); }
"""
NEEDS_INTERPRETER = 3  # PT_INTERP
CONFIG = """
[server]
listen = ["127.0.0.1:PORT"]
[control]
socket = "{}/control.sock"
group = "nogroup"
"""


@pytest.fixture
def root(directory):
    shutil.copy(STATIC, directory / "nxgate")
    return directory


def run(root, *arguments):
    return subprocess.run(["chroot", root, "/nxgate", *arguments], capture_output=True, text=True,
                          timeout=30, check=False)


def test_it_is_one_small_file_that_needs_no_other():
    image = STATIC.read_bytes()
    assert len(image) < LARGEST
    offset, = struct.unpack_from("<Q", image, 32)
    size, count = struct.unpack_from("<HH", image, 54)
    kinds = [struct.unpack_from("<I", image, offset + i * size)[0] for i in range(count)]
    assert kinds and NEEDS_INTERPRETER not in kinds


def test_nothing_in_it_tells_where_it_was_built():
    """So that a build elsewhere gives the same; `make reproducible` makes two and compares."""
    assert str(STATIC.resolve().parents[2]).encode() not in STATIC.read_bytes()


def test_it_serves_from_an_empty_root(root):
    server = Nxgate("--user", "65534", "--allow", "a.test", "--record", "a.test A 192.0.2.1",
                    "--control", "/nxgate.sock", program=["chroot", root, "/nxgate"])
    try:
        assert addresses(server.query("a.test")) == ["192.0.2.1"]
        assert addresses(server.query("a.test", tcp=True)) == ["192.0.2.1"]
        assert rcode(server.query("b.test")) == "NXDOMAIN"
        status = run(root, "status", "--control", "/nxgate.sock")
        assert status.returncode == 0 and "1 denied" in status.stdout, status
    finally:
        server.stop()


def test_it_knows_the_public_suffixes(root):
    refused = run(root, "explain", "a.co.uk", "--allow", "co.uk")
    assert refused.returncode == 2 and "public suffix" in refused.stderr
    told = run(root, "explain", "www.a.test", "--allow", "a.test")
    assert told.returncode == 0 and "allow" in told.stdout


def test_it_reads_a_configuration(root):
    (root / "good.toml").write_text('[policies.default]\nallow = ["a.test"]\n')
    (root / "bad.toml").write_text('[policies.default]\nalow = ["a.test"]\n')
    assert run(root, "check", "/good.toml").returncode == 0
    refused = run(root, "check", "/bad.toml")
    assert refused.returncode == 1 and 'bad.toml:2:1: unknown key "alow"' in refused.stderr


def test_a_user_by_name_is_missed_by_name(root):
    started = run(root, "serve", "--listen", "127.0.0.1:5390", "--allow", "a.test", "--control", "")
    assert started.returncode == 1 and "no such user: 'nobody'" in started.stderr


def test_it_loads_no_module_that_nsswitch_names(directory):
    """As libnss-systemd, in which a static program crashes."""
    (directory / "module.c").write_text(MODULE)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", directory / "libnss_trap.so.2", directory / "module.c"],
                   check=True)
    (directory / "nsswitch.conf").write_text("passwd: trap files\ngroup: trap files\n")
    mounts = "mount --bind $0/nsswitch.conf /etc/nsswitch.conf && exec \"$@\""
    server = Nxgate("--user", "nobody", config=CONFIG.format(directory),
                    program=["unshare", "-m", "sh", "-c", mounts, directory, STATIC],
                    environment={"LD_LIBRARY_PATH": str(directory)})
    try:
        assert rcode(server.query("b.test")) == "NXDOMAIN"
        assert (directory / "control.sock").group() == "nogroup"
    finally:
        server.stop()
