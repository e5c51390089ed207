"""What `make release` gathers."""
import json
import os
import subprocess
import tarfile

import pytest

from harness.nxgate import BUILT, ROOT, SANITIZED

pytestmark = pytest.mark.skipif(SANITIZED, reason="nobody publishes a sanitizer's build")

VERSION, DATE = "0.1.0", "1700000000"
NAME = f"nxgate-{VERSION}-linux-{os.uname().machine}"


def gather(directory):
    for name in ("nxgate.deb", "nxgate.tar"):
        (directory / name).write_text(name)
    done = directory / "gathered"
    subprocess.run(["sh", ROOT / "packaging/release.sh", BUILT.parent, VERSION, done,
                    directory / "nxgate.deb", directory / "nxgate.tar"], check=True, timeout=120,
                   env={**os.environ, "SOURCE_DATE_EPOCH": DATE})
    return done


@pytest.fixture(scope="module")
def gathered(tmp_path_factory):
    return gather(tmp_path_factory.mktemp("release"))


def test_the_checksums_are_those_of_all_files(gathered):
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=gathered, check=True,
                   stdout=subprocess.DEVNULL)
    listed = {line.split()[1] for line in (gathered / "SHA256SUMS").read_text().splitlines()}
    assert listed | {"SHA256SUMS"} == {each.name for each in gathered.iterdir()} == {
        f"{NAME}.tar.gz", f"nxgate-{VERSION}.spdx.json", "nxgate.deb", "nxgate.tar", "SHA256SUMS"}


def test_the_archive_holds_a_program_that_runs(gathered, tmp_path):
    with tarfile.open(gathered / f"{NAME}.tar.gz") as archive:
        names = {each.name.removeprefix(f"{NAME}/") for each in archive.getmembers() if each.isfile()}
        assert {each.mtime for each in archive.getmembers()} == {int(DATE)}
        archive.extractall(tmp_path)
    assert {"bin/nxgate", "LICENSE", "README.md", "CHANGELOG.md", "share/man/man1/nxgate.1",
            "examples/nxgate.toml", "examples/compose/compose.yaml"} <= names
    told = subprocess.run([tmp_path / NAME / "bin/nxgate", "--version"], capture_output=True, text=True,
                          check=True).stdout
    assert told == f"nxgate {VERSION}\n"


def test_gathering_again_gives_the_same(gathered, tmp_path):
    assert (gather(tmp_path) / "SHA256SUMS").read_text() == (gathered / "SHA256SUMS").read_text()


def test_the_bill_of_materials_names_what_is_linked(gathered):
    bill = json.loads((gathered / f"nxgate-{VERSION}.spdx.json").read_text())
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
            "libboost1.81-dev", "libstdc++-12-dev"} <= set(parts)
    assert not {"libgtest-dev", "libgmock-dev"} & set(parts)
    installed = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "libsodium-dev"],
                               capture_output=True, text=True, check=True).stdout
    assert parts["libsodium-dev"]["versionInfo"] == installed
    assert parts["libsodium-dev"]["licenseDeclared"] == "ISC"
