"""Namespaces around a server's, each with a veth link to it."""
from contextlib import ExitStack, contextmanager

from harness.netns import Namespace


def address(client, end=1):
    """Of the server's end, or of the client's (2), on the link of that client."""
    return f"10.78.{client}.{end}"


@contextmanager
def star(clients):
    """Yields the server's namespace and those of as many clients; they are gone afterwards."""
    with ExitStack() as stack:
        middle, *others = (Namespace(label) for label in ("server", *map(str, range(clients))))
        for each in (middle, *others):
            stack.callback(each.delete)
        for i, other in enumerate(others):
            middle.join(other, f"{address(i)}/24", f"{address(i, 2)}/24", device=f"eth{i}")
        yield middle, others
