"""The commands and options that --help shows."""
import re

from harness.nxgate import run


def subcommands_in(text):
    part = re.search(r"^Subcommands:\n((?:  .*\n)+)", text, re.MULTILINE)
    return re.findall(r"^  (\S+)", part[1], re.MULTILINE) if part else []


def options_in(text):
    return {name for names in re.findall(r"^  (-\S+)", text, re.MULTILINE)
            for name in names.split(",")}


def read_commands():
    """The help text of every command, by the words that name it; that of the program by ()."""
    found, left = {}, [()]
    while left:
        path = left.pop()
        done = run(*path, "--help")
        assert done.returncode == 0 and not done.stderr
        found[path] = done.stdout
        left += [(*path, name) for name in subcommands_in(done.stdout)]
    assert ("docker", "install-hook") in found and ("completion",) in found and ("man",) in found
    return found
