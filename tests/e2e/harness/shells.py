"""What real shells offer for an unfinished command line, with nxgate's completions loaded."""
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

BASH = """
source "$1"; line="$2"
words="${line//=/ = }"
[[ $line != *= ]] || words="${words% }"
read -ra COMP_WORDS <<<"$words"
[[ $words == *' ' ]] && COMP_WORDS+=('')
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_nxgate
[[ ${#COMPREPLY[@]} == 0 ]] || printf '%s\\n' "${COMPREPLY[@]}"
"""


def bash(script, line, cwd):
    """The words in COMPREPLY. The line is split as readline does it: an `=` is a word."""
    done = subprocess.run(["bash", "--norc", "-uc", BASH, "bash", script, line], cwd=cwd, text=True,
                          capture_output=True, check=True)
    assert not done.stderr, done.stderr
    return done.stdout.splitlines()


def fish(script, line, cwd):
    """What is offered, each with its help."""
    done = subprocess.run(
        ["fish", "--no-config", "-c", f"source {script}; complete -C '{line}'"], cwd=cwd, text=True,
        capture_output=True, check=True, env=os.environ | {"HOME": str(cwd)})
    assert not done.stderr, done.stderr
    return dict((row + "\t").split("\t")[:2] for row in done.stdout.splitlines())


class Zsh:
    """An interactive zsh on a terminal wide enough that no line is folded."""

    SETTINGS = ("PROMPT='READY'\\>; LISTMAX=1000; unset zle_bracketed_paste; "
                "unsetopt beep list_types prompt_sp; fpath=({} $fpath); "
                "autoload -Uz compinit; compinit -u -D")

    def __init__(self, functions, cwd):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.environ.update(TERM="dumb", HOME=str(cwd))
            os.execvp("zsh", ["zsh", "-f", "-i"])
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 500, 250, 0, 0))
        self._type(self.SETTINGS.format(functions) + "\n")

    def _type(self, keys):
        """What is on the terminal once these keys have been dealt with, and those that say so."""
        os.write(self.terminal, f"{keys}print -r -- E''ND\n".encode())
        seen, deadline = "", time.monotonic() + 30
        while "\nEND\nREADY>" not in seen:
            assert time.monotonic() < deadline, seen
            if select.select([self.terminal], [], [], 0.2)[0]:
                seen += os.read(self.terminal, 65536).decode().replace("\r", "")
        return seen

    def complete(self, line):
        """What is offered, each with its help, if it has any."""
        list_choices, clear_line = "\x04", "\x15"
        offered = {}
        for row in self._type(line + list_choices + clear_line).split("\n")[1:]:
            if row.startswith("READY>") or row == "END":
                break
            described = re.match(r"(\S+) +-- (.*?) *$", row)
            offered.update([described.groups()] if described
                           else [(each, "") for each in re.split(r"  +", row.strip())])
        return offered

    def close(self):
        os.close(self.terminal)
        os.waitpid(self.pid, 0)
