"""A name whose answer comes when a test wants it."""
import concurrent.futures
import threading


class Slow:
    """An upstream's action: it answers with these records once it is let go."""

    def __init__(self, *records):
        self.records = records
        self.asked, self.goes = threading.Event(), threading.Event()

    def __call__(self, received):
        self.asked.set()
        self.goes.wait(5)
        received.reply(*self.records)

    def while_it_waits(self, ask, act):
        """Calls `ask`, and `act` before the answer comes; returns what `ask` did."""
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(ask)
            self.asked.wait(5)
            act()
            self.goes.set()
            return waiting.result()
