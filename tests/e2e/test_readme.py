"""README.md tells the truth: its examples are run, and print what it shows."""
import os
import re
import shutil
import subprocess

import pytest
from harness.nxgate import BINARY, COMPLAINTS, ROOT, SANITIZED
from harness.upstream import answer, by_type, nxdomain

#: Its words are the same in every build, and what it runs other tests run under sanitizers.
pytestmark = pytest.mark.skipif(SANITIZED, reason="it is about the README")

README = (ROOT / "README.md").read_text()
STORIES = re.findall(r"^### (.*?)$(.*?)(?=^##|\Z)", README, re.M | re.S)
MARK = "--8<--"
BREATH = 1  # seconds, as a person would take

#: Private copies of what the examples write to; gone with the last process of the example.
PRELUDE = """
mount --make-rprivate /
for place in /run/netns /etc/netns; do mkdir -p $place; mount -t tmpfs none $place; done
"""

#: What differs from run to run, and says nothing.
MASKS = [(r"id: \d+", "id: N"), (r"Query time: \d+ msec", "Query time: N msec"),
         (r"COOKIE: [0-9a-f]+", "COOKIE: C"), (r"SOA(.*invalid\.) \d+", r"SOA\1 N")]


def masked(text):
    for pattern, replacement in MASKS:
        text = re.sub(pattern, replacement, text)
    return text.strip()


def blocks_of(story):
    """[(commands, the output shown or None)]."""
    found = re.findall(r"^```sh\n(.*?)^```\n(?:\n```text\n(.*?)^```$)?", story, re.M | re.S)
    return [(commands, shown or None) for commands, shown in found]


def run_blocks(inside, directory, blocks):
    """Runs the blocks in one shell, a breath between them.

    Gives the output of each, the processes and namespaces that are left, and the log.
    """
    (directory / "nxgate").symlink_to(BINARY)
    script = PRELUDE + f"export PATH={directory}:$PATH\n"
    for commands, _ in blocks:
        script += f"{commands}\nsleep {BREATH}\necho '{MARK}'\n"
    script += "pgrep -l 'nxgate|dnsmasq'; ls /run/netns /etc/netns | grep -v :\n"
    script += f"echo '{MARK}'\n"
    (directory / "story.sh").write_text(script)
    done = inside.run("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
                      "bash", directory / "story.sh")
    assert not COMPLAINTS.search(done.stderr), done.stderr
    *outputs, left, _ = done.stdout.split(MARK)
    return outputs, left.strip(), done.stderr


@pytest.fixture
def internet(namespace, upstream):
    """A namespace that owns 1.1.1.1, where `qiqitori.com` exists."""
    inside = namespace("internet")
    inside.add_address("1.1.1.1/32")
    upstream({"blog.qiqitori.com": by_type(A=answer("@ 300 A 192.0.2.80")), "*": nxdomain()},
             address="1.1.1.1", port=53, namespace=inside)
    inside.resolv_conf("nameserver 1.1.1.1\n")
    (inside.etc / "nsswitch.conf").write_text("hosts: files dns\n")
    return inside


def test_every_example_belongs_to_one_of_three_stories():
    assert len(STORIES) == 3
    assert README.count("```sh\n") == sum(len(blocks_of(story)) for _, story in STORIES)
    assert all(any(shown for _, shown in blocks_of(story)) for _, story in STORIES)


def test_the_packages_of_what_the_examples_use_are_named():
    named = re.search(r"Debian packages `(.*?)`", README.partition("## Three examples")[2])[1].split()
    for program in ("dig", "ip", "curl", "dnsmasq"):
        assert any(f" {program} " in commands.replace("\n", " ") for _, story in STORIES for commands, _ in blocks_of(story))
        path = os.path.realpath(shutil.which(program))
        owner = subprocess.run(["dpkg-query", "-S", f"*{path.removeprefix('/usr')}"], capture_output=True, text=True,
                               check=True).stdout
        assert owner.partition(":")[0] in named, owner


@pytest.mark.parametrize("story", [story for _, story in STORIES],
                         ids=[title for title, _ in STORIES])
def test_readme_example_prints_what_it_shows(internet, directory, story):
    blocks = blocks_of(story)
    outputs, left, errors = run_blocks(internet, directory, blocks)
    assert len(outputs) == len(blocks), errors
    for (commands, shown), output in zip(blocks, outputs):
        assert masked(output) == masked(shown or ""), f"{commands}\n{errors}"
    assert left == ""
    assert "upstream failures" not in errors, "no example shows what doesn't work"
