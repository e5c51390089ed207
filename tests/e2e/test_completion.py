"""Completions, in real shells."""
import subprocess

import pytest
from harness.commands import options_in, read_commands, subcommands_in
from harness.nxgate import run
from harness.shells import Zsh, bash, fish


@pytest.fixture(params=["bash", "zsh", "fish"])
def offer(request, directory):
    """offer("nxgate ser"): what a shell offers among b.toml, `c d.toml` and sub/."""
    here, script = directory / "here", directory / "_nxgate"
    (here / "sub").mkdir(parents=True)
    for name in ("b.toml", "c d.toml"):
        (here / name).touch()
    script.write_text(run("completion", request.param).stdout)
    if request.param == "zsh":
        shell = Zsh(directory, here)
        yield shell.complete
        shell.close()
    else:
        of = {"bash": bash, "fish": fish}[request.param]
        yield lambda line: of(script, line, here)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_is_well_formed_and_hides_what_is_hidden(shell):
    done = run("completion", shell)
    assert done.returncode == 0 and "oci-" not in done.stdout and done.stdout.isascii()
    checked = subprocess.run([shell, "-n"], input=done.stdout, capture_output=True, text=True,
                             check=False)
    assert checked.returncode == 0 and not checked.stderr


@pytest.mark.parametrize("arguments", [["completion"], ["completion", "csh"], ["man", "nxgate.ini"]])
def test_what_there_is_no_completion_or_page_of(arguments):
    done = run(*arguments)
    assert done.returncode == 2 and not done.stdout and done.stderr


def test_every_command_and_every_option_is_offered(offer):
    for path, text in read_commands().items():
        line = " ".join(["nxgate", *path])
        below = subcommands_in(text)
        if below:
            assert set(offer(line + " ")) == set(below), line
        options = options_in(text)
        assert set(offer(line + " --")) == {name for name in options if name.startswith("--")}, line
        assert set(offer(line + " -")) >= {name for name in options if len(name) == 2}, line


@pytest.mark.parametrize("offer", ["zsh", "fish"], indirect=True)
def test_what_is_offered_comes_with_its_help(offer):
    assert offer("nxgate ")["check"] == "Report every error in a configuration as file:line:column"
    options = offer("nxgate docker --")
    assert options["--record"] == "Record to answer locally, such as 'db.test A 10.0.0.5'"
    assert options["--upstream"] == \
        "Upstream server for allowed names: ADDR[@NETNS] or tcp://ADDR (default: those in /etc/resolv.conf)"
    assert options["--all"].endswith("with the policy `default`")


def test_values_are_offered_by_their_kind(offer):
    for line, expected in {
        "nxgate completion ": {"bash", "fish", "zsh"},
        "nxgate completion z": {"zsh"},
        "nxgate man ": {"nxgate", "nxgate.toml"},
        "nxgate presets g": {"ghcr", "github", "gitlab", "go"},
        "nxgate serve --preset apt-": {"apt-debian", "apt-ubuntu"},
        "nxgate attach web --fail ": {"closed", "open"},
        "nxgate serve --on-upstream-failure n": {"nxdomain"},
        "nxgate docker --label install-hook --wor": {"--workers"},
        "nxgate docker install-hook --dir": {"--directory"},
        "nxgate docker install-hook --directory ": {"sub"},
        "nxgate serve --config b": {"b.toml"},
        "nxgate check b": {"b.toml"},
        "nxgate serve --listen ": set(),
        "nxgate help docto": {"doctor"},
    }.items():
        assert {word.rstrip("/") for word in offer(line)} == expected, line


@pytest.mark.parametrize("offer", ["bash"], indirect=True)
def test_bash_knows_values_after_an_equals_sign_and_names_with_a_space(offer):
    assert offer("nxgate serve --config=b") == ["b.toml"]
    assert offer("nxgate attach --fail=") == ["closed", "open"]
    assert offer("nxgate docker --label=install-hook --wor") == ["--workers"]
    assert offer("nxgate check c") == ["c d.toml"]
