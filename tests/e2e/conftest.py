"""Fixtures: nxgate itself, scripted upstreams, network namespaces. All are gone after each test."""
import resource
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from harness import lookup  # noqa: E402
from harness.engine import Engine  # noqa: E402
from harness.netns import Namespace  # noqa: E402
from harness.nxgate import Nxgate, free_port  # noqa: E402
from harness.upstream import Upstream  # noqa: E402


@pytest.fixture
def nxgate():
    """Starts servers: nxgate("--allow", "example.com") or nxgate(config="..."); see Nxgate."""
    started = []

    def start(*arguments, **options):
        server = Nxgate(*arguments, **options)
        started.append(server)
        return server

    yield start
    for server in reversed(started):
        server.stop()


@pytest.fixture
def upstream():
    """Starts scripted upstreams: upstream({"example.com": answer(...)}); see Upstream."""
    started = []

    def start(script=None, **options):
        server = Upstream(script or {}, **options)
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def namespace():
    """Makes network namespaces: namespace("app"); see Namespace."""
    made = []

    def make(label):
        made.append(Namespace(label))
        return made[-1]

    yield make
    for each in made:
        each.delete()


@pytest.fixture(scope="session")
def engine_of_all(record_testsuite_property):
    """One Docker engine for every test that needs one."""
    made = []

    def namespace(label):
        made.append(Namespace(label))
        return made[-1]

    engine = Engine(namespace, "--live-restore")
    record_testsuite_property("engine", engine.version())
    yield engine
    engine.stop()
    for each in made:
        each.delete()


@pytest.fixture
def engine(engine_of_all):
    """The engine, without the containers and networks of the test before."""
    yield engine_of_all
    engine_of_all.clear()


@pytest.fixture
def directory():
    """A directory that nobody else needs, readable for whom nxgate becomes."""
    with tempfile.TemporaryDirectory(prefix="nxgate-test-") as path:
        Path(path).chmod(0o755)
        yield Path(path)


@pytest.fixture(scope="session")
def musl_lookup(tmp_path_factory):
    """A program that calls musl's getaddrinfo, as those of Alpine's images do."""
    return lookup.build_musl(tmp_path_factory.mktemp("musl"))


@pytest.fixture
def many_descriptors():
    """Lets this process have so many open files: many_descriptors(10_000)."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)

    def raise_to(count):
        if before[1] != resource.RLIM_INFINITY and before[1] < count:
            pytest.skip(f"no more than {before[1]} open files here")
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], count), before[1]))

    yield raise_to
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture
def port():
    return free_port()
