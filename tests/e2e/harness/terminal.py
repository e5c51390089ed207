"""A terminal of its own for a program: a screen to read and keys to press, by tmux."""
import os
import shlex
import subprocess
import tempfile
from pathlib import Path

from harness.timing import wait_for


class Terminal:
    """`with Terminal("top", "-la") as terminal: terminal.wait_for("load average")`.

    Below what the program shows stands `ended STATUS` when it has ended.
    """

    def __init__(self, *command, env=None, columns=80, rows=24, timeout=20):
        self._timeout = timeout
        self._directory = tempfile.TemporaryDirectory(prefix="nxgate-test-")
        self._socket = Path(self._directory.name) / "tmux"
        # Ctrl-C is meant for the program alone.
        line = f'trap : INT; {shlex.join(map(str, command))}; echo "ended $?"; exec sleep 600'
        settings = [f"{key}={value}" for key, value in (env or {}).items()]
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", columns, "-y", rows,
                  "env", *settings, "sh", "-c", line)

    def tmux(self, *arguments):
        env = {key: value for key, value in os.environ.items() if key not in ("TMUX", "NO_COLOR")}
        return subprocess.run(["tmux", "-u", "-S", self._socket, *map(str, arguments)], env=env, check=True,
                              capture_output=True, text=True, timeout=30).stdout

    def text(self, *options):
        return self.tmux("capture-pane", "-p", *options)

    def coloured(self):
        """The screen with its escape sequences."""
        return self.text("-e")

    def press(self, *keys):
        """Keys as tmux calls them: a letter, Down, Tab, Enter, C-c."""
        self.tmux("send-keys", *keys)

    def resize(self, columns, rows):
        self.tmux("resize-window", "-x", columns, "-y", rows)

    def wait_for(self, condition):
        """The screen, once it shows this text or fulfils this condition."""
        shows = condition if callable(condition) else lambda text: condition in text
        shown = [""]

        def look():
            shown[0] = self.text()
            return shows(shown[0])

        try:
            wait_for(look, timeout=self._timeout, what=str(condition))
        except AssertionError as error:
            raise AssertionError(f"{error}; the screen is\n{shown[0]}") from None
        return shown[0]

    def close(self):
        subprocess.run(["tmux", "-S", self._socket, "kill-server"], capture_output=True, check=False)
        self._directory.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
