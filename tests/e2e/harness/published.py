"""What `make release` gathers for this machine, with files that stand in for the package and the image."""
import os
import subprocess

from harness.nxgate import BUILT, ROOT

VERSION, DATE = "0.1.0", "1700000000"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
ARCHITECTURE = ARCHITECTURES[os.uname().machine]


def name(architecture=ARCHITECTURE):
    """Of the archive, without its ending."""
    return f"nxgate-{VERSION}-linux-{architecture}"


def gather(directory, architecture=ARCHITECTURE, build=BUILT.parent, **environment):
    """directory/gathered, to which each architecture adds its files."""
    for stand_in in ("nxgate.deb", "nxgate.tar"):
        (directory / stand_in).write_text(stand_in)
    done = directory / "gathered"
    subprocess.run(["sh", ROOT / "packaging/release.sh", build, VERSION, architecture, done, directory / "nxgate.deb",
                    directory / "nxgate.tar"], check=True, timeout=120,
                   env={**os.environ, "SOURCE_DATE_EPOCH": DATE, **environment})
    return done
