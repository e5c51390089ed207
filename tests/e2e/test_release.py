"""What `make release` gathers."""
import json
import os
import re
import shutil
import subprocess
import tarfile

import pytest
import yaml

from harness.elf import Elf
from harness.nxgate import ROOT, SANITIZED, addresses, rcode
from harness.published import ARCHITECTURE, DATE, VERSION, gather, name

pytestmark = pytest.mark.skipif(SANITIZED, reason="nobody publishes a sanitizer's build")

AARCH64 = 183  # e_machine
OTHER = ROOT / "build/release-arm64"


@pytest.fixture(scope="module")
def gathered(tmp_path_factory):
    return gather(tmp_path_factory.mktemp("release"))


def test_the_checksums_are_those_of_all_files(gathered):
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=gathered, check=True,
                   stdout=subprocess.DEVNULL)
    listed = {line.split()[1] for line in (gathered / "SHA256SUMS").read_text().splitlines()}
    assert listed | {"SHA256SUMS"} == {each.name for each in gathered.iterdir()} == {
        f"{name()}.tar.gz", f"{name()}.spdx.json", "nxgate.deb", f"nxgate-{VERSION}-image-{ARCHITECTURE}.tar.gz",
        "install.sh", "SHA256SUMS"}


def test_the_archive_holds_a_program_that_runs(gathered, tmp_path):
    with tarfile.open(gathered / f"{name()}.tar.gz") as archive:
        files = {each.name.removeprefix(f"{name()}/") for each in archive.getmembers() if each.isfile()}
        assert {each.mtime for each in archive.getmembers()} == {int(DATE)}
        archive.extractall(tmp_path)
    assert {"bin/nxgate", "LICENSE", "README.md", "CHANGELOG.md", "share/man/man1/nxgate.1",
            "examples/nxgate.toml", "examples/compose/compose.yaml"} <= files
    told = subprocess.run([tmp_path / name() / "bin/nxgate", "--version"], capture_output=True, text=True,
                          check=True).stdout
    assert told == f"nxgate {VERSION}\n"


def test_gathering_again_gives_the_same(gathered, tmp_path):
    assert (gather(tmp_path) / "SHA256SUMS").read_text() == (gathered / "SHA256SUMS").read_text()


def of_any_release(packages):
    """Their names, with a star for the version that some have in it: each release of Debian has its own."""
    return {re.sub(r"(libboost|libstdc\+\+-)[0-9.]+-dev", r"\1*-dev", each) for each in packages}


def test_the_bill_of_materials_names_what_is_linked(gathered):
    bill = json.loads((gathered / f"{name()}.spdx.json").read_text())
    assert bill["spdxVersion"] == "SPDX-2.3" and bill["dataLicense"] == "CC0-1.0"
    assert bill["SPDXID"] == "SPDXRef-DOCUMENT" and bill["documentNamespace"].startswith("https://")
    assert bill["creationInfo"] == {"created": "2023-11-14T22:13:20Z",
                                    "creators": ["Organization: The nxgate authors"]}
    parts = {each["name"]: each for each in bill["packages"]}
    ids = {each["SPDXID"] for each in bill["packages"]}
    assert len(ids) == len(bill["packages"])
    for each in bill["packages"]:
        assert {"name", "SPDXID", "versionInfo", "downloadLocation", "licenseDeclared",
                "licenseConcluded", "copyrightText"} <= set(each)
    assert {each["relatedSpdxElement"] for each in bill["relationships"]} == ids

    assert {"libsodium-dev", "libpsl-dev", "libidn2-dev", "libc6-dev", "libtomlplusplus-dev",
            "libboost*-dev", "libstdc++-*-dev"} <= of_any_release(parts)
    assert not {"libgtest-dev", "libgmock-dev"} & set(parts)
    installed = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "libsodium-dev"],
                               capture_output=True, text=True, check=True).stdout
    assert parts["libsodium-dev"]["versionInfo"] == installed
    assert parts["libsodium-dev"]["licenseDeclared"] == "ISC"


@pytest.fixture
def other():
    """The build of `make release ARCH=arm64`: two programs, of which the second is published by itself."""
    if not (OTHER / "nxgate_static").exists() or not (OTHER / "nxgate").exists():
        pytest.skip("nothing is built for arm64: make release does it")
    if shutil.which("qemu-aarch64") is None:
        pytest.skip("qemu-user isn't installed: make release does it")
    return OTHER


def test_both_architectures_are_gathered_with_one_list_of_checksums(other, tmp_path):
    sysroot = {"NXGATE_SYSROOT": str(ROOT / "build/sysroot-arm64")}
    gather(tmp_path, "amd64")
    both = gather(tmp_path, "arm64", other, **sysroot)
    listed = {line.split()[1] for line in (both / "SHA256SUMS").read_text().splitlines()}
    assert {f"{name(each)}.tar.gz" for each in ("amd64", "arm64")} <= listed
    with tarfile.open(both / f"{name('arm64')}.tar.gz") as archive:
        archive.extractall(tmp_path)
    program = tmp_path / name("arm64") / "bin/nxgate"
    assert Elf(program).machine == AARCH64 and Elf(program).is_static and Elf(program).is_pie
    assert subprocess.run(["qemu-aarch64", program, "--version"], capture_output=True, text=True,
                          check=True).stdout == f"nxgate {VERSION}\n"
    assert "default-deny" in (tmp_path / name("arm64") / "share/man/man1/nxgate.1").read_text()
    bill = json.loads((both / f"{name('arm64')}.spdx.json").read_text())
    assert {"libsodium-dev", "libc6-dev", "libstdc++-*-dev"} <= \
        of_any_release(each["name"] for each in bill["packages"])
    assert any("arch=arm64" in json.dumps(each) for each in bill["packages"])
    assert not any("arch=amd64" in json.dumps(each) for each in bill["packages"])


def test_the_other_architectures_program_serves(other, nxgate):
    """In qemu, which doesn't emulate seccomp."""
    server = nxgate(program=["qemu-aarch64", other / "nxgate_static"], config="""
[server]
listen = ["127.0.0.1:PORT"]
seccomp = false
[policies.default]
records = ["db.test A 192.0.2.1"]
""")
    assert addresses(server.query("db.test")) == addresses(server.query("db.test", tcp=True)) == ["192.0.2.1"]
    assert rcode(server.query("www.example.com")) == "NXDOMAIN"


def steps_of(workflow):
    """The commands of a workflow for GitHub, job by job."""
    text = (ROOT / ".github/workflows" / workflow).read_text()
    jobs = yaml.safe_load(text)["jobs"].values()
    return [step["run"] for job in jobs for step in job.get("steps", []) if "run" in step]


def test_the_workflows_run_what_is_here():
    """GitHub itself isn't here: what the steps call is."""
    assert ".ci/run" in steps_of("ci.yml") and (ROOT / ".ci/run").exists()
    called = [step.split() for step in steps_of("release.yml")]
    makes = [step for step in called if step[0] == "make"]
    assert [step[1] for step in makes] == ["test-cross", "release"]
    for step in makes:
        subprocess.run(["make", "-n", step[1], "ARCH=arm64"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    tagged, = [step for step in steps_of("release.yml") if "CMakeLists.txt" in step]
    for tag, status in ((f"v{VERSION}", 0), ("v9.9.9", 1)):
        assert subprocess.run(tagged, shell=True, cwd=ROOT, env={**os.environ, "GITHUB_REF_NAME": tag},
                              check=False).returncode == status
