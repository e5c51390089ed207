"""The image of the tests' containers: busybox, programs of glibc, and one of musl. And that of `make image`."""
import contextlib
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from harness import lookup
from harness.nxgate import ROOT

BUSYBOX = ("sh", "sleep", "nslookup", "cat", "ip", "true", "env", "kill")
GLIBC = ("getent", "dig", "curl")


def libraries_of(program):
    """The shared libraries that a program needs, and its loader."""
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"(/\S+) \(0x", listed))


def copy(source, root):
    target = root / source.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        shutil.copy(source, target)


def build():
    """The path of a tar file for `docker import`, there as long as the context is."""
    return build_with()


@contextlib.contextmanager
def build_with(*programs):
    """The same with these programs of this system as well."""
    with tempfile.TemporaryDirectory(prefix="nxgate-image-") as directory:
        root = Path(directory) / "root"
        for folder in ("bin", "etc", "tmp"):
            (root / folder).mkdir(parents=True)
        shutil.copy(shutil.which("busybox"), root / "bin/busybox")
        for name in BUSYBOX:
            (root / "bin" / name).symlink_to("busybox")
        for program in (*map(shutil.which, GLIBC), *programs):
            shutil.copy(program, root / "bin")
            for library in libraries_of(program):
                copy(library, root)
        shutil.copy(lookup.build_musl(Path(directory)), root / "bin/musl-lookup")
        (root / "etc/nsswitch.conf").write_text("hosts: files dns\n")
        tar = Path(directory) / "image.tar"
        with tarfile.open(tar, "w") as out:
            out.add(root, ".")
        yield str(tar)


def published(program, directory, tag, architecture="amd64" if os.uname().machine == "x86_64" else "arm64"):
    """The image of `make image` with this program, as a file for `docker load`."""
    file = directory / "nxgate.tar"
    subprocess.run(["/usr/bin/python3", ROOT / "packaging/image/build.py", program, "0.1.0", architecture, file, tag],
                   env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}, check=True)
    return file
