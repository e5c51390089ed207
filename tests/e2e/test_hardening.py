"""What the compiler and the linker were asked for against an intruder, read from each program that is shipped.

cmake/toolchain.cmake has the options, docs/security.md the reasons.
"""
import io
import json
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from harness.elf import EXECUTABLE, GNU_RELRO, GNU_STACK, LOAD, WRITABLE, Elf
from harness.image import published
from harness.nxgate import BUILT, ROOT, SANITIZED

pytestmark = pytest.mark.skipif(SANITIZED, reason="a sanitizer's build isn't shipped")

BUILD = BUILT.parent
X86_64 = 62  # e_machine
#: As instructions of x86-64: the start of a function that may be called through a pointer, and the read
#: of the secret that a function puts between its arrays and its return address.
ENDBR64, READS_CANARY = bytes.fromhex("f30f1efa"), bytes.fromhex("64488b042528000000")
#: Fewer than there are in nxgate's own code; libraries that are linked statically bring 2,100 and 550.
MANY_ENDBR64, MANY_CANARIES = 10_000, 5_000
OPTIONS = ["-fPIE", "-fvisibility=hidden", "-fvisibility-inlines-hidden", "-fstack-protector-strong",
           "-fstack-clash-protection", "-D_FORTIFY_SOURCE=3"]


def built():
    return BUILD / "nxgate"


def static():
    return BUILD / "nxgate_static"


def packaged(directory):
    """The program in the package of `make deb`."""
    subprocess.run(["sh", ROOT / "packaging/deb/build.sh", BUILD, "0.1.0", directory],
                   env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}, check=True, timeout=300)
    deb, = directory.glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", deb, directory / "unpacked"], check=True)
    return directory / "unpacked/usr/bin/nxgate"


def in_image(directory):
    """The program in the image of `make image`: in one of its layers."""
    with tarfile.open(published(static(), directory, "nxgate:hardened")) as image:
        manifest, = json.load(image.extractfile("manifest.json"))
        for layer in manifest["Layers"]:
            with tarfile.open(fileobj=io.BytesIO(image.extractfile(layer).read())) as files:
                if "usr/bin/nxgate" in files.getnames():
                    files.extract("usr/bin/nxgate", directory)
    return directory / "usr/bin/nxgate"


@pytest.fixture(scope="module", params=["built", "static", "packaged", "in_image"])
def program(request, tmp_path_factory):
    if request.param == "built":
        return Elf(built())
    if request.param == "static":
        return Elf(static())
    directory = tmp_path_factory.mktemp(request.param)
    return Elf({"packaged": packaged, "in_image": in_image}[request.param](directory))


def test_it_is_loaded_at_any_address(program):
    assert program.is_pie and not program.writes_into_code


def test_no_memory_can_be_written_and_executed(program):
    assert program.flags_of(GNU_STACK) and not program.flags_of(GNU_STACK)[0] & EXECUTABLE
    both = WRITABLE | EXECUTABLE
    assert all(flags & both != both for flags in program.flags_of(LOAD))


def test_what_the_loader_has_filled_in_is_sealed(program):
    assert program.flags_of(GNU_RELRO) and program.binds_at_start


def test_it_takes_libraries_from_nowhere_else(program):
    assert not program.searches_elsewhere


def test_functions_with_arrays_look_after_their_return_address(program):
    if program.machine == X86_64:
        assert program.count_in_code(READS_CANARY) > MANY_CANARIES
    if not program.is_static:
        assert "__stack_chk_fail" in program.dynamic_symbols()[0]


def test_an_indirect_call_can_tell_a_function(program):
    if program.machine != X86_64:
        pytest.skip("the option is of x86-64")
    assert program.count_in_code(ENDBR64) > MANY_ENDBR64


def test_functions_of_libc_know_the_size_of_what_they_fill(program):
    if program.is_static:
        pytest.skip("without symbols it looks the same; it is linked from the same objects")
    assert {"__memcpy_chk", "__memset_chk"} <= program.dynamic_symbols()[0]


def test_it_exports_nothing_of_its_own(program):
    exported = program.dynamic_symbols()[1]
    assert not [name for name in exported if "nxgate" in name or "boost" in name]


def test_every_source_is_compiled_so():
    compiled = [each for each in json.loads((BUILD / "compile_commands.json").read_text())
                if Path(each["file"]).is_relative_to(ROOT / "src")]
    assert len(compiled) > 100
    wanted = OPTIONS + (["-fcf-protection=full"] if os.uname().machine == "x86_64" else [])
    for each in compiled:
        assert not set(wanted) - set(each["command"].split()), each["file"]
