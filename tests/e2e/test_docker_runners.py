"""Containers named, labelled and connected as the runners of GitLab and GitHub do it, with the configuration of
docs/troubleshooting.md. The runners themselves aren't here."""
import re

import pytest

from harness.engine_upstream import ADDRESS, configured  # noqa: F401
from harness.nxgate import ROOT, SANITIZED

pytestmark = pytest.mark.skipif(SANITIZED, reason="it is about a document")

GITLAB = "com.gitlab.gitlab-runner"


@pytest.fixture
def watch(nxgate, configured, directory):  # noqa: F811
    """`nxgate docker` with that configuration."""
    part = (ROOT / "docs/troubleshooting.md").read_text().split("## CI runners")[1]
    text = re.search(r"^```toml\n(.*?)^```$", part, re.M | re.S)[1]
    text = text.replace("[docker]", '[docker]\nsocket = "ENGINE"')
    control = directory / "control.sock"
    return nxgate("--hook-socket", str(directory / "hook.sock"), command="docker",
                  config=configured(f'{text}[control]\nsocket = "{control}"\n'))


def resolves(container, name):
    found = container.run("getent", "ahostsv4", name)
    return bool(found.stdout) and found.stdout.split()[0]


def test_each_container_of_a_gitlab_job_has_its_own_list(engine, watch):
    network = engine.network("runner-x-project-1-concurrent-0-job-7-network")

    def start(kind, *options):
        return engine.run(f"runner-x-project-1-concurrent-0-{kind}", "--label", f"{GITLAB}.managed=true",
                          "--label", f"{GITLAB}.type={kind}", "--label", f"{GITLAB}.job.id=7", *options,
                          network=network)

    service = start("service", "--network-alias", "postgres")
    helper, job = start("predefined"), start("build")
    assert resolves(job, "postgres") == service.address(network)
    assert resolves(job, "pypi.org") == resolves(job, "gitlab.example.com") == ADDRESS
    assert resolves(helper, "gitlab.example.com") == ADDRESS and not resolves(helper, "pypi.org")
    assert not resolves(job, "www.example.com")
    assert not resolves(engine.run("started-by-the-job"), "gitlab.example.com")


def test_a_container_job_of_github_is_attached_by_whatever_network(engine, watch):
    network = engine.network("github_network_0123456789abcdef0123456789abcdef")
    job = engine.run("0123_debian12_4567", "--label", "89abcd", network=network)
    service = engine.run("4567_postgres_0123", "--network-alias", "postgres", network=network)
    assert resolves(job, "postgres") == service.address(network)
    assert "status: NXDOMAIN" in job.run("dig", "+tries=1", "pypi.org").stdout
