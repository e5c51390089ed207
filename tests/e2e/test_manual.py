"""Manual pages and --help: they hold every command and every key, and fit a terminal."""
import os
import re
import subprocess

import pytest
from harness.commands import options_in, read_commands
from harness.nxgate import BUILT, ROOT, run

PAGES = ["nxgate", "nxgate.toml"]
WIDTH = 80


def show(page):
    """The page as `man` shows it on 80 columns, which it does without a warning."""
    source = run("man", page).stdout
    assert source.isascii()
    done = subprocess.run(
        ["man", "--local-file", "--warnings", "--encoding=UTF-8", "-"], input=source, text=True,
        capture_output=True, check=True,
        env=os.environ | {"MANWIDTH": str(WIDTH), "LC_ALL": "C.UTF-8"})
    assert not done.stderr, done.stderr
    return done.stdout


def part(text, heading):
    """What is below a heading in the first column."""
    return re.search(rf"^{heading}\n((?:(?: .*)?\n)+)", text, re.MULTILINE).group(1)


def words(text):
    return " ".join(text.split())


def test_help_fits_the_terminal():
    for path, text in read_commands().items():
        assert not [line for line in text.splitlines() if len(line) > WIDTH], path
        assert text.isascii() and "\x1b" not in text


@pytest.mark.parametrize("page", PAGES)
def test_a_page_fits_the_terminal_and_hides_what_is_hidden(page):
    text = show(page)
    assert not [line for line in text.splitlines() if len(line) > WIDTH]
    assert "oci-" not in text
    section = "5" if page.endswith("toml") else "1"
    assert text.startswith(f"{page.upper()}({section})")
    assert re.search(rf"^NAME\n       {page} - ", text, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
def test_groff_has_no_complaint(page):
    done = subprocess.run(["groff", "-man", "-ww", "-Tutf8"], input=run("man", page).stdout,
                          capture_output=True, text=True, check=True)
    assert not done.stderr


def test_the_page_of_the_program_is_the_default():
    assert run("man").stdout == run("man", "nxgate").stdout


def test_the_page_tells_every_command_with_its_options():
    text = part(show("nxgate"), "COMMANDS")
    told = {}
    for one in re.split(r"^   (?=nxgate )", text, flags=re.MULTILINE)[1:]:
        head, body = one.split("\n", 1)
        path = tuple(word for word in head.split()[1:] if re.fullmatch(r"[a-z][a-z-]*", word))
        told[path] = set(re.findall(r"^ {7}(-[\w-]+)", body, re.MULTILINE)), words(body)
    commands = read_commands()
    assert set(told) == set(commands) - {()}
    for path, help_text in commands.items():
        if path:
            options, body = told[path]
            assert options == options_in(help_text) - {"-h", "--help"}, path
            assert body.startswith(words(help_text.split("\nUsage")[0])), path


def test_the_examples_use_options_that_there_are():
    text = part(show("nxgate"), "EXAMPLES")
    commands = read_commands()
    lines = [line.strip() for line in text.splitlines() if line.startswith(" " * 11)]
    used = [call.split() for line in lines for call in re.findall(r"nxgate [^&()]+", line)]
    assert len(used) >= 5
    for call in used:
        assert {word for word in call if word.startswith("-")} <= options_in(commands[(call[1],)]), call


def keys_of_reference():
    """{(header, key): (type, default, text, sealed)} as docs/configuration.md has it, which a unit
    test compares with the table of keys."""
    keys, header = {}, None
    for line in (ROOT / "docs/configuration.md").read_text().splitlines():
        section = re.fullmatch(r"## (.*)", line)
        row = re.fullmatch(r"\| `(.*?)` \| (.*?) \| (.*?) \| (.*) \|", line)
        if section:
            name = section[1].strip("`").replace("*", "NAME")
            header = "" if name == "Sections" else \
                f"[[{name[:-2]}]]" if name.endswith("[]") else f"[{name}]"
        elif row:
            key, kind, default, text = (cell.replace("`", "") for cell in row.groups())
            keys[header, key] = kind, default, text.replace(" *Sealed.*", ""), "*Sealed.*" in text
    assert len(keys) > 50
    return keys


def test_the_page_of_the_configuration_tells_every_key():
    keys, header = {}, ""
    for line in part(show("nxgate.toml"), "KEYS").splitlines():
        section, tag = re.fullmatch(r" {3}(\[.*)", line), re.match(r" {7}(\S+)", line)
        if section:
            header = section[1]
        elif tag:
            key = (header, tag[1])
            keys[key] = line[7:].removeprefix(tag[1])
        elif line:
            keys[key] += " " + line
    expected = keys_of_reference()
    assert set(keys) == set(expected)
    for key, (kind, default, text, sealed) in expected.items():
        value = "required" if default == "required" else f"default: {default}"
        assert words(keys[key]) == \
            words(f"{text} Type: {kind}; {value}{'; sealed' if sealed else ''}."), key


def test_the_example_of_the_configuration_is_without_fault(directory):
    path = directory / "nxgate.toml"
    path.write_text(part(show("nxgate.toml"), "EXAMPLES"))
    assert run("check", path).returncode == 0


def test_everything_is_installed_where_it_is_found(directory):
    subprocess.run(["cmake", "--install", BUILT.parent, "--prefix", directory],
                   check=True, capture_output=True)
    for path, arguments in {
        "share/man/man1/nxgate.1": ["man", "nxgate"],
        "share/man/man5/nxgate.toml.5": ["man", "nxgate.toml"],
        "share/bash-completion/completions/nxgate": ["completion", "bash"],
        "share/zsh/site-functions/_nxgate": ["completion", "zsh"],
        "share/fish/vendor_completions.d/nxgate.fish": ["completion", "fish"],
    }.items():
        assert (directory / path).read_text() == run(*arguments).stdout
    assert os.access(directory / "bin/nxgate", os.X_OK)
