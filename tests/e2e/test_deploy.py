"""The manifests below deploy/: each object by the API's own description of it, each configuration by nxgate."""
import re
import subprocess

import kubernetes.client
import pytest
import yaml
from harness.engine import COMPOSE
from harness.nxgate import BINARY, ROOT, SANITIZED

pytestmark = pytest.mark.skipif(SANITIZED, reason="no program of ours is tried but `check`")

MANIFESTS = sorted((ROOT / "deploy/kubernetes").glob("*.yaml"))
KINDS = {("v1", "ConfigMap"): "V1ConfigMap", ("v1", "Namespace"): "V1Namespace", ("v1", "Pod"): "V1Pod",
         ("apps/v1", "DaemonSet"): "V1DaemonSet"}
PLAIN = {"str": str, "int": int, "bool": bool, "object": object}


def faults(value, kind, path):
    """What of a value isn't as the API describes its kind: keys it has not, types, what is required."""
    if listed := re.fullmatch(r"list\[(.*)\]", kind):
        if not isinstance(value, list):
            return [f"{path}: no list"]
        return [fault for i, each in enumerate(value) for fault in faults(each, listed[1], f"{path}[{i}]")]
    if mapped := re.fullmatch(r"dict\(str, (.*)\)", kind):
        if not isinstance(value, dict):
            return [f"{path}: no map"]
        return [fault for key, each in value.items() for fault in faults(each, mapped[1], f"{path}.{key}")]
    if kind in PLAIN:
        return [] if isinstance(value, PLAIN[kind]) else [f"{path}: {value!r} is no {kind}"]
    model = getattr(kubernetes.client, kind)
    known = {name: field for field, name in model.attribute_map.items()}
    found = [f"{path}.{key}: there is no such key" for key in value if key not in known]
    given = {known[key]: each for key, each in value.items() if key in known}
    for field, each in given.items():
        found += faults(each, model.openapi_types[field], f"{path}.{model.attribute_map[field]}")
    try:
        model(**given)  # refuses what lacks a required field
    except (ValueError, TypeError) as error:
        found.append(f"{path}: {error}")
    return found


def objects(path):
    return list(yaml.safe_load_all(path.read_text()))


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_manifests_are_as_the_api_wants_them(path):
    for each in objects(path):
        assert not faults(each, KINDS[each["apiVersion"], each["kind"]], each["kind"])


def test_a_manifest_that_is_wrong_is_noticed():
    pod = next(each for each in objects(ROOT / "deploy/kubernetes/sidecar.yaml") if each["kind"] == "Pod")
    container = pod["spec"]["containers"][1]
    container["imagePullPolice"] = "Always"
    container["args"] = "serve"
    del container["name"]
    assert len(faults(pod, "V1Pod", "Pod")) == 3


def check(text, directory):
    file = directory / "nxgate.toml"
    file.write_text(text)
    done = subprocess.run([BINARY, "check", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_their_configurations_are_good(path, directory):
    for each in objects(path):
        if each["kind"] == "ConfigMap":
            check(each["data"]["nxgate.toml"], directory)


def test_the_swarm_stack_is_one(directory):
    stack = ROOT / "deploy/swarm"
    done = subprocess.run([COMPOSE, "-f", stack / "stack.yaml", "config", "--quiet"],
                          capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    check((stack / "nxgate.toml").read_text(), directory)
