"""The sources are in the house's form."""
import subprocess

import pytest
from harness.nxgate import PRESET, ROOT


@pytest.mark.skipif(PRESET != "release", reason="once is enough, and the release run did it")
def test_sources_are_formatted():
    listed = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "src/*.cc", "src/*.h",
                             "tests/*.cc"], cwd=ROOT, capture_output=True, text=True, check=True)
    done = subprocess.run(["clang-format-19", "--dry-run", "-Werror", *listed.stdout.split()],
                          cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
