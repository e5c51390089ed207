"""Writes a Docker image of the static program: build.py PROGRAM VERSION ARCHITECTURE FILE [NAME...].

FILE is what `docker load` and `podman load` read. No engine is needed, so that one machine makes the images of
all architectures, and two builds of one commit are the same. ARCHITECTURE is Debian's (amd64, arm64), NAME are
the tags. SOURCE_DATE_EPOCH is the date of all that is in it.
"""
import datetime
import hashlib
import io
import json
import os
import sys
import tarfile
from pathlib import Path

DATE = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))
#: A user that nothing else on the host is likely to run as.
USER = 60953
PASSWD = f"root:x:0:0:root:/:\nnobody:x:65534:65534:nobody:/:\nnxgate:x:{USER}:{USER}:nxgate:/:\n"
GROUP = f"root:x:0:\nnogroup:x:65534:\nnxgate:x:{USER}:\n"
CONFIGURATION = Path(__file__).parent / "nxgate.toml"
SECOND = 1_000_000_000


def add(tar, name, content=None, mode=0o644, owner=0):
    """A file, or a directory if it has no content."""
    entry = tarfile.TarInfo(name)
    entry.mtime, entry.mode, entry.uid, entry.gid = DATE, mode, owner, owner
    if content is None:
        entry.type = tarfile.DIRTYPE
    else:
        entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content or b""))


def files_of(program):
    """The only layer."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for directory in ("etc", "etc/nxgate", "run", "usr", "usr/bin", "var", "var/lib"):
            add(tar, directory, mode=0o755)
        # The control socket, and what is learnt and allowed while running.
        for directory in ("run/nxgate", "var/lib/nxgate"):
            add(tar, directory, mode=0o755, owner=USER)
        add(tar, "etc/group", GROUP.encode())
        add(tar, "etc/nxgate/nxgate.toml", CONFIGURATION.read_bytes())
        add(tar, "etc/passwd", PASSWD.encode())
        add(tar, "usr/bin/nxgate", program, mode=0o755)
    return written.getvalue()


def describe(version, architecture, layer):
    """What runs, as whom, and how its health is found."""
    created = datetime.datetime.fromtimestamp(DATE, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    label = "org.opencontainers.image."
    return {
        "architecture": architecture,
        "os": "linux",
        "created": created,
        "config": {
            "User": f"{USER}:{USER}",
            "ExposedPorts": {"53/tcp": {}, "53/udp": {}},
            "Env": ["PATH=/usr/bin"],
            "Entrypoint": ["/usr/bin/nxgate"],
            "Cmd": ["serve", "--config", "/etc/nxgate/nxgate.toml"],
            "Healthcheck": {"Test": ["CMD", "/usr/bin/nxgate", "health"], "Interval": 10 * SECOND,
                            "Timeout": 3 * SECOND, "StartPeriod": 5 * SECOND},
            "Labels": {label + "title": "nxgate", label + "description": "A default-deny DNS server",
                       label + "licenses": "MIT", label + "version": version},
        },
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]},
        "history": [{"created": created, "created_by": "packaging/image/build.py"}],
    }


def main(program, version, architecture, file, *names):
    layer = files_of(Path(program).read_bytes())
    config = json.dumps(describe(version, architecture, layer), sort_keys=True).encode()
    name = hashlib.sha256(config).hexdigest()
    manifest = [{"Config": f"{name}.json", "RepoTags": list(names), "Layers": ["layer.tar"]}]
    with tarfile.open(file, "w", format=tarfile.USTAR_FORMAT) as tar:
        add(tar, "manifest.json", json.dumps(manifest).encode())
        add(tar, f"{name}.json", config)
        add(tar, "layer.tar", layer)


if __name__ == "__main__":
    main(*sys.argv[1:])
