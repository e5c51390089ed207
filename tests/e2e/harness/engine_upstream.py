"""What the configuration of a server at the engine of all tests begins with, and its upstream, which knows every name."""
import pytest

from harness.upstream import answer

ADDRESS = "203.0.113.7"


@pytest.fixture
def configured(upstream, engine):
    """configured(TEXT): TEXT with that upstream, and with the engine's socket for ENGINE.
    `configured.script` is what it says to some names."""
    server = upstream({"*": answer(f"@ 60 A {ADDRESS}")}, namespace=engine.outside, address="10.99.0.1")

    def fill(text):
        return (f'[upstreams.default]\nservers = ["10.99.0.1:{server.port}"]\nnetns = "{engine.outside.path}"\n' +
                text.replace("ENGINE", engine.socket))

    fill.script = server.script
    return fill
