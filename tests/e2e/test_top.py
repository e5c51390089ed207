"""`nxgate top` and `nxgate watch` on a terminal, as somebody sees them who sits before it."""
import re
import signal
import subprocess

import pytest
from harness.control import Control
from harness.nxgate import BINARY, addresses, make_query, rcode, run
from harness.terminal import Terminal
from harness.timing import wait_for
from harness.upstream import answer

COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:[34][0-8]|9[0-7]|10[0-7])[;m]")
CONFIG = """
[server]
listen = ["127.0.0.1:PORT"]
[control]
socket = "{directory}/control.sock"
state = "{directory}/state"
[upstreams.default]
servers = ["{upstream}"]
[policies.default]
allow = ["good.test"]
deny-names = ["no.good.test"]
"""


@pytest.fixture
def server(nxgate, upstream, directory):
    up = upstream({"*": answer("@ 60 A 192.0.2.1")})
    directory.chmod(0o777)
    server = nxgate(config=CONFIG.format(directory=directory, upstream=up.endpoint))
    server.control = directory / "control.sock"
    return server


@pytest.fixture
def terminal(server):
    """terminal("top"): a command to the server, once it counts."""
    opened = []

    def start(*command, env=None, **options):
        settings = {"NXGATE_CONTROL": server.control, **(env or {})}
        opened.append(Terminal(BINARY, *command, env=settings, **options))
        with Control(server.control) as control:
            wait_for(lambda: control.readers() >= len(opened), what="the reader's tap")
        return opened[-1]

    yield start
    for each in opened:
        each.close()


def ask(server, name, times=1, source=None):
    for _ in range(times):
        server.ask(make_query(name), source=source)


def chosen(text):
    return next((line for line in text.splitlines() if line.startswith(">")), "")


def test_it_counts_names_and_clients(server, terminal):
    top = terminal("top")
    ask(server, "often.test", 5)
    ask(server, "seldom.test", source="127.0.0.9")
    ask(server, "good.test", 2)
    text = top.wait_for(lambda text: "seldom.test" in text and re.search(r"\b7 +5 127.0.0.1\n", text))
    assert re.search(r"^>  +5 often.test +127.0.0.1 +default", text, re.M)
    assert re.search(r"^   +1 seldom.test +127.0.0.9 +default", text, re.M)
    assert re.search(r"^   +1 +1 127.0.0.9$", text, re.M)
    assert "good.test" not in text and f"pid {server.pid}" in text
    assert len(text.splitlines()) <= 24 and max(map(len, text.splitlines())) <= 80
    top.wait_for(lambda text: re.search(r"per second: (?!0\.0)\S+ queries, (?!0\.0)\S+ denied", text))
    top.press("r")
    top.wait_for(lambda text: "often.test" not in text)


def test_what_is_allowed_there_resolves(server, terminal):
    top = terminal("top")
    ask(server, "often.test", 2)
    ask(server, "wanted.test")
    top.wait_for("wanted.test")
    top.press("Down")
    top.wait_for(lambda text: "wanted.test" in chosen(text))
    top.press("a")
    top.wait_for("allow =wanted.test in the policy default for 10 minutes? (y/n)")
    top.press("n")
    top.wait_for("nothing was changed")
    assert rcode(server.query("wanted.test")) == "NXDOMAIN"
    ask(server, "often.test", 2)
    top.press("a")
    top.wait_for("for 10 minutes? (y/n)")
    top.press("y")
    top.wait_for("done: allow =wanted.test in the policy default until 20")
    assert addresses(server.query("wanted.test")) == ["192.0.2.1"]
    assert rcode(server.query("x.wanted.test")) == "NXDOMAIN", "it alone"
    top.press("d")
    top.wait_for("deny =wanted.test in the policy default? (y/n)")
    top.press("y")
    top.wait_for("done: deny")
    assert rcode(server.query("wanted.test")) == "NXDOMAIN"
    top.press("A")
    top.wait_for("and save that? (y/n)")
    top.press("y")
    top.wait_for("saved in")
    assert addresses(server.query("wanted.test")) == ["192.0.2.1"]
    assert "nxgate top" in server.operate("rules").stdout


def test_it_explains_filters_and_shows_one_client(server, terminal):
    top = terminal("top")
    ask(server, "x.no.good.test", 3)
    ask(server, "ads.test", source="127.0.0.9")
    top.wait_for("ads.test")
    top.press("e")
    pane = top.wait_for("press any key to return")
    assert re.search(r'^rule +deny "no\.good\.test"', pane, re.M)
    top.press("x")
    top.wait_for("LAST CLIENT")
    top.press("/")
    top.press("a", "d", "s", "Enter")
    text = top.wait_for(lambda text: "names with: ads" in text and "ads.test" in chosen(text))
    assert "x.no.good.test" not in text
    top.press("/")
    top.press("Escape")
    top.wait_for("x.no.good.test")
    top.press("Tab")
    top.wait_for(lambda text: "127.0.0.1" in chosen(text))
    top.press("Down")
    top.press("c")
    text = top.wait_for(lambda text: "x.no.good.test" not in text)
    assert "client: 127.0.0.9" in text and "ads.test" in text
    top.press("a")
    top.wait_for("select a name first")
    top.press("c")
    top.wait_for("x.no.good.test")


@pytest.mark.parametrize("key", ["q", "C-c"])
def test_it_gives_the_terminal_back(server, terminal, key):
    top = terminal("top")
    ask(server, "often.test")
    top.wait_for("often.test")
    assert top.tmux("display", "-p", "#{alternate_on} #{cursor_flag}").split() == ["1", "0"]
    top.press(key)
    text = top.wait_for("ended 0")
    assert "often.test" not in text
    assert top.tmux("display", "-p", "#{alternate_on} #{cursor_flag}").split() == ["0", "1"]
    tty = top.tmux("display", "-p", "#{pane_tty}").strip()
    modes = subprocess.run(["stty", "-F", tty, "-a"], capture_output=True, text=True, check=True).stdout.split()
    assert {"icanon", "echo", "isig"} <= {mode.rstrip(";") for mode in modes}


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_it_says_that_the_server_is_gone(server, terminal, how):
    top = terminal("top")
    ask(server, "often.test")
    top.wait_for("often.test")
    server.process.send_signal(how)
    text = top.wait_for("ended 1")
    assert f"the nxgate at {server.control} has stopped" in text.replace("\n", "") and "often" not in text


def test_it_follows_the_size_of_the_terminal(server, terminal):
    top = terminal("top", columns=50, rows=9)
    ask(server, "a-name-that-is-quite-long.example.test", 2)
    top.wait_for("xample.test")
    top.resize(140, 40)
    top.wait_for(lambda text: "a-name-that-is-quite-long.example.test" in text and
                 len(text.splitlines()) == 40 and "q quit" in text.splitlines()[-1])
    top.resize(30, 4)
    top.wait_for(lambda text: len(text.splitlines()) == 4)
    top.resize(80, 24)
    top.wait_for(lambda text: "q quit" in text and "CLIENT" in text)


def test_colour_is_an_addition(server, terminal):
    plain, coloured = terminal("top", env={"NO_COLOR": "1"}), terminal("top")
    ask(server, "often.test")
    ask(server, "more.test")
    for top in (plain, coloured):
        top.wait_for(lambda text: "often.test" in text and "more.test" in text)
    assert COLOUR.search(coloured.coloured())
    assert not COLOUR.search(plain.coloured())


def test_a_name_cannot_steer_the_terminal(server, terminal):
    top = terminal("top")
    ask(server, "\\027]0\\059owned\\007.test")
    top.wait_for("027]0")
    assert "owned" not in top.tmux("display", "-p", "#{pane_title}")
    top.press("a")
    top.wait_for("this name can't be written as a rule")


def test_many_names_cost_bounded_memory(server, terminal):
    top = terminal("top")
    for i in range(12_000):
        server.exchange(make_query(f"{i}.random.test").to_wire())
        if i % 1000 == 999:  # as fast as it is read
            ask(server, "often.test", 5)
            text = top.wait_for(lambda text, often=(i + 1) // 200: re.search(rf"> +{often} often.test", text))
    assert "dropped" not in text


def test_without_a_terminal_without_a_server_or_with_an_unknown_terminal(server, directory):
    done = run("top", "--control", server.control)
    assert done.returncode == 1 and not done.stdout
    assert done.stderr == "nxgate top needs a terminal; use nxgate watch --json in a pipe\n"
    for arguments, env, told in ((["--control", directory / "none"], {}, "no nxgate is running"),
                                 (["--control", server.control], {"TERM": "none-such"}, "TERM=none-such")):
        with Terminal(BINARY, "top", *arguments, env=env) as shell:
            assert told in shell.wait_for("ended 1").replace("\n", "")


def test_watch_is_coloured_on_a_terminal_and_plain_with_no_color(server, terminal):
    coloured, plain = terminal("watch"), terminal("watch", env={"NO_COLOR": "1"})
    ask(server, "bad.test")
    for each in (coloured, plain):
        each.wait_for("bad.test")
    assert COLOUR.search(coloured.coloured())
    assert "\x1b" not in plain.coloured()
