"""The package of `make deb`: what is in it, and its life in a clean Debian."""
import os
import re
import shutil
import subprocess
from pathlib import Path
from platform import freedesktop_os_release

import pytest

from harness.nxgate import BUILT, ROOT, SANITIZED
from harness.timing import wait_for

pytestmark = [
    pytest.mark.skipif(SANITIZED, reason="nobody packages a sanitizer's build"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can install a package"),
]

#: What systemd's own judgement of the service may be at most, in tenths.
EXPOSURE = 30
MIRROR = "http://deb.debian.org/debian"


def package(directory, version):
    subprocess.run(["sh", ROOT / "packaging/deb/build.sh", BUILT.parent, version, directory],
                   env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}, check=True, timeout=300)
    found, = directory.glob(f"nxgate_{version}_*.deb")
    return found


@pytest.fixture(scope="module")
def deb(tmp_path_factory):
    return package(tmp_path_factory.mktemp("deb"), "0.1.0")


@pytest.fixture(scope="module")
def unpacked(deb):
    subprocess.run(["dpkg-deb", "-x", deb, deb.parent / "unpacked"], check=True)
    return deb.parent / "unpacked"


def test_it_holds_what_is_wanted(unpacked):
    files = {str(each.relative_to(unpacked)) for each in unpacked.rglob("*") if each.is_file()}
    files = {each.replace("usr/lib/systemd", "lib/systemd") for each in files}  # /lib is /usr/lib
    assert files == {
        "etc/nxgate/nxgate.toml", "lib/systemd/system/nxgate.service", "lib/systemd/system/nxgate.socket",
        "usr/bin/nxgate", "usr/share/nxgate/apparmor", "usr/share/bash-completion/completions/nxgate",
        "usr/share/fish/vendor_completions.d/nxgate.fish", "usr/share/zsh/vendor-completions/_nxgate",
        "usr/share/doc/nxgate/NEWS.md.gz", "usr/share/doc/nxgate/changelog.gz",
        "usr/share/doc/nxgate/copyright", "usr/share/doc/nxgate/examples/nxgate.toml",
        "usr/share/man/man1/nxgate.1.gz", "usr/share/man/man5/nxgate.toml.5.gz"}


def test_lintian_finds_no_error(deb):
    done = subprocess.run(["lintian", "--allow-root", "--fail-on", "error", deb], capture_output=True,
                          text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout


def test_systemd_thinks_well_of_the_service(unpacked):
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE}",
                           *unpacked.rglob("nxgate.service")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert re.search(r"Overall exposure level for nxgate.service: [0-2]\.\d", done.stdout)


@pytest.fixture(scope="module")
def debian(tmp_path_factory):
    """The root of a Debian with systemd, in which nothing else was installed yet. The package needs libraries
    of the release that it was built on."""
    root, release = tmp_path_factory.mktemp("debian") / "root", freedesktop_os_release()["VERSION_CODENAME"]
    subprocess.run(["debootstrap", "--variant=minbase", "--include=systemd,systemd-sysv,bind9-dnsutils",
                    release, root, MIRROR], check=True, stdout=subprocess.DEVNULL, timeout=600)
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    yield root
    subprocess.run(["rm", "-rf", root], check=True)


def inside(root, *command):
    done = subprocess.run(["chroot", root, *command], capture_output=True, text=True, check=False,
                          timeout=300, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root",
                                            "DEBIAN_FRONTEND": "noninteractive"})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def install(root, deb):
    shutil.copy(deb, root / "tmp")
    inside(root, "apt-get", "install", "-y", "--no-install-recommends", f"/tmp/{deb.name}")


def service(root, namespace, user=64000):
    """Starts what the unit starts, with the rights it gives, in a network namespace."""
    unit = (root / "lib/systemd/system/nxgate.service").read_text()
    start, = re.findall(r"^ExecStart=(.*)$", unit, re.M)
    capability, = re.findall(r"^AmbientCapabilities=CAP_(\w+)$", unit, re.M)
    for directory in ("run/nxgate", "var/lib/nxgate"):
        (root / directory).mkdir(exist_ok=True)
        os.chown(root / directory, user, user)
    return namespace.popen("chroot", root, "setpriv", f"--reuid={user}", f"--regid={user}",
                           "--clear-groups", f"--inh-caps=+{capability.lower()}",
                           f"--ambient-caps=+{capability.lower()}", *start.split())


#: Run by systemd at its start: each line of what it prints is the name of a step and what came of it.
STEPS = """#!/bin/sh
exec >/steps.log
ip link set lo up
ask() { dig +tries=1 +time=2 +short @127.0.0.1 db.test; }
serve() { printf '[policies.default]\\nrecords = ["db.test A %s"]\\n' $1 >/etc/nxgate/nxgate.toml; }
of_main() { grep $1 /proc/$(systemctl show -p MainPID --value nxgate)/status | tr -s '\\t ' ' '; }
echo installed: $(systemctl is-enabled nxgate) $(systemctl is-active nxgate)
serve 192.0.2.1
systemctl enable --now nxgate 2>/dev/null && echo started: $(ask)
echo capabilities: $(of_main CapEff) $(of_main NoNewPrivs)
serve 192.0.2.2
systemctl reload nxgate && echo reloaded: $(ask)
echo 'x = 1' >/etc/nxgate/nxgate.toml
systemctl reload nxgate 2>/dev/null || echo refused: $(ask)
serve 192.0.2.3
systemctl restart nxgate && echo restarted: $(ask)
echo handed over: $(journalctl -u nxgate -o cat | grep -c 'stopped by SIGUSR2')
systemctl stop nxgate && echo stopped: $(systemctl show -p Result --value nxgate)
sed -i 's/CAP_NET_BIND_SERVICE//' /lib/systemd/system/nxgate.service && systemctl daemon-reload
systemctl start nxgate.socket && systemctl start nxgate && echo activated: $(ask) $(of_main CapBnd)
systemctl poweroff
"""
STEPS_UNIT = """[Unit]
After=basic.target
[Service]
Type=oneshot
ExecStart=/steps.sh
"""


def boot(root):
    """Boots the root as a container of systemd's, and gives what STEPS print."""
    (root / "steps.sh").write_text(STEPS)
    (root / "steps.sh").chmod(0o755)
    units = root / "etc/systemd/system"
    (units / "steps.service").write_text(STEPS_UNIT)
    (units / "multi-user.target.wants").mkdir(exist_ok=True)
    (units / "multi-user.target.wants/steps.service").symlink_to("../steps.service")
    hybrid = {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "0"} if Path("/sys/fs/cgroup/systemd").exists() else {}
    console = subprocess.run(
        ["timeout", "90", "systemd-nspawn", "--register=no", "--keep-unit", "--private-network", "-D", root,
         "--boot"], env={**os.environ, **hybrid}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False).stdout
    log = root / "steps.log"
    if not log.exists():
        pytest.skip("systemd doesn't boot in a container here: " + console[-300:])
    return dict(line.split(": ", 1) for line in log.read_text().splitlines())


def dig(namespace, name):
    return namespace.run("dig", "+tries=1", "+time=1", "@127.0.0.1", name).stdout


def test_its_life_in_a_clean_debian(debian, deb, namespace, tmp_path):
    host, configuration = namespace("host"), debian / "etc/nxgate/nxgate.toml"
    kept, elsewhere = debian / "var/lib/nxgate/default/saved.list", debian / "etc/hostname"
    kept.parent.mkdir(parents=True)
    kept.write_text("a.test\n")
    (kept.parent / "link").symlink_to("/etc/hostname")
    for each in (kept, kept.parent, kept.parent.parent, kept.parent / "link"):
        os.chown(each, 65534, 65534, follow_symlinks=False)
    install(debian, deb)
    user = inside(debian, "getent", "passwd", "nxgate").split(":")
    assert user[5:] == ["/nonexistent", "/usr/sbin/nologin\n"] and 100 <= int(user[2]) < 1000
    assert kept.stat().st_uid == int(user[2]), "what was nobody's is nxgate's now"
    assert elsewhere.stat().st_uid == 0
    assert inside(debian, "nxgate", "--version").strip() == "nxgate 0.1.0"
    assert "ok" in inside(debian, "nxgate", "check", "/etc/nxgate/nxgate.toml")

    server = service(debian, host, int(user[2]))
    wait_for(lambda: "status: NXDOMAIN" in dig(host, "tired.com"), what="an answer")
    saved = inside(debian, "nxgate", "allow", "--save", "a.test")
    assert "/var/lib/nxgate/default/allow.d/saved.list" in saved
    server.terminate()
    assert server.wait(10) == 0

    configuration.write_text(configuration.read_text().replace(
        "allow = []", 'allow = ["db.test"]\nrecords = ["db.test A 192.0.2.1"]'))
    install(debian, package(tmp_path, "0.1.1"))
    assert "db.test" in configuration.read_text(), "an upgrade keeps the configuration"
    server = service(debian, host, int(user[2]))
    wait_for(lambda: "192.0.2.1" in dig(host, "db.test"), what="an answer")
    server.terminate()
    assert server.wait(10) == 0

    (debian / "var/lib/private/nxgate").mkdir(parents=True)
    inside(debian, "apt-get", "remove", "-y", "nxgate")
    assert configuration.exists() and not (debian / "usr/bin/nxgate").exists()
    inside(debian, "apt-get", "purge", "-y", "nxgate")
    left = [path for path in debian.rglob("*nxgate*")
            if not path.is_relative_to(debian / "tmp") and not path.is_relative_to(debian / "var/log")]
    assert left == [debian / "run/nxgate"]
    assert inside(debian, "getent", "passwd", "nxgate"), "its number goes to nobody else"


def test_the_service_under_systemd(debian, deb):
    install(debian, deb)
    steps = boot(debian)
    assert steps == {
        "installed": "disabled inactive", "started": "192.0.2.1",
        "capabilities": "CapEff: 0000000000000000 NoNewPrivs: 1", "reloaded": "192.0.2.2",
        "refused": "192.0.2.2", "restarted": "192.0.2.3",
        "handed over": "1", "stopped": "success",
        "activated": "192.0.2.3 CapBnd: 0000000000000000"}
