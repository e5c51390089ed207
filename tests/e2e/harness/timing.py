"""How long things may take: generous bounds, since the machine is shared and sanitizers are slow."""
import time

from harness.nxgate import SANITIZED


def within(seconds):
    """An upper bound for what should take `seconds`."""
    return seconds * 5 if SANITIZED else seconds


def wait_for(condition, timeout=10.0, what="the condition"):
    """Waits until `condition()` is true, and returns what it gave."""
    deadline = time.monotonic() + within(timeout)
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {within(timeout)} s")
        time.sleep(0.02)


class Stopwatch:
    """`with Stopwatch() as watch: ...`, then watch.seconds."""

    def __enter__(self):
        self.start = time.monotonic()
        return self

    def __exit__(self, *_):
        self.seconds = time.monotonic() - self.start
