"""What narrows a container's policy, a label or a guest, and where aliases lead all the same."""
import contextlib

import pytest
from harness.upstream import answer
from test_docker_labels import attached, status

CONFIG = """
[upstreams.default]
servers = ["9.9.9.9:{port}"]
netns = "{netns}"
[upstreams.inner]
servers = ["10.99.0.1:{inner}"]
netns = "{netns}"
[policies.default]
allow = ["default.example"]
[policies.ci]
allow = ["* force"]
records = ["mine.own A 192.0.2.9"]
[[policies.ci.routes]]
names = ["corp.example"]
upstream = "inner"
[policies.strict]
allow = ["both.example"]
[docker]
socket = "{engine}"
label-policies = ["*"]
"""
NAMES = ["printer.home.arpa", "nas.local", "1.0.0.10.in-addr.arpa", "wpad", "db.corp.example", "mine.own"]


@pytest.mark.parametrize("narrowed", ["label", "guest"])
def test_alias_leads_to_no_other_server_than_without(engine, nxgate, upstream, directory, narrowed):
    """Private names to no public server, routed ones to their own, and local ones to nobody."""
    with contextlib.suppress(Exception):
        engine.outside.add_address("9.9.9.9/32")
    script = {"*": answer("@ 60 A 203.0.113.7")}
    for number, name in enumerate(NAMES):
        script[f"lone{number}.both.example"] = answer(f"@ 60 CNAME {name}.")
        script[f"whole{number}.both.example"] = answer(f"@ 60 CNAME {name}.", f"{name}. 60 A 203.0.113.9")
    public = upstream(script, namespace=engine.outside, address="9.9.9.9")
    inner = upstream({"*": answer("@ 60 A 203.0.113.8")}, namespace=engine.outside, address="10.99.0.1")
    server = nxgate("--hook-socket", str(directory / "hook.sock"), command="docker", config=CONFIG.format(
        port=public.port, inner=inner.port, netns=engine.outside.path, engine=engine.socket))
    labels = ["--label", "nxgate.policy=ci"]
    if narrowed == "label":
        labels += ["--label", "nxgate.allow=both.example"]
    web = engine.run("web", *labels)
    attached(server, "web", "ci")
    if narrowed == "guest":
        engine.run("guest", "--network", "container:web", "--label", "nxgate.policy=strict")
        server.wait_for_log("also restricted by strict")
    for number, name in enumerate(NAMES):
        for how in ("lone", "whole"):
            status(web, f"{how}{number}.both.example")
            status(web, name)
    assert not [name for name in NAMES if public.count(name)]
    assert inner.count("db.corp.example") and not inner.count("mine.own")
