"""The action for GitHub and examples for GitLab, agents and development containers: what they run. None of those is
here itself."""
import json
import os
import subprocess

import pytest
import yaml

from harness.fenced import as_user, needs_sandbox
from harness.nxgate import BINARY, ROOT

ACTION = ROOT / "action"


@pytest.fixture
def step(directory):
    """Runs the commands of a step as an ordinary user; gives what it did and the job's summary."""
    directory.chmod(0o777)
    (directory / "bin").mkdir()
    (directory / "bin/nxgate").symlink_to(BINARY)
    (directory / "action").mkdir()
    for each in ("run.sh", "summary.py"):  # a clone may be below /root
        (directory / "action" / each).write_text((ACTION / each).read_text())

    def run(commands, **inputs):
        done = subprocess.run(
            [*as_user(), "sh", directory / "action/run.sh"], capture_output=True, text=True, timeout=60, check=False,
            cwd="/", env={"PATH": f"{directory}/bin:{os.environ['PATH']}", "RUNNER_TEMP": str(directory),
                          "GITHUB_STEP_SUMMARY": str(directory / "summary.md"), "NXGATE_RUN": commands, **inputs})
        summary = directory / "summary.md"
        return done, summary.read_text() if summary.exists() else ""

    return run


@needs_sandbox
def test_what_is_denied_is_in_the_summary_and_fails_the_step(step):
    done, summary = step("getent hosts bad.test || true\necho done")
    assert (done.returncode, done.stdout) == (3, "done\n"), done.stderr
    assert "1 denied; status 3." in summary and "| bad.test | denied |" in summary


@needs_sandbox
def test_it_may_be_left_to_the_commands_to_fail(step):
    assert step("getent hosts bad.test || true", NXGATE_FAIL_ON_DENIED="false")[0].returncode == 0
    assert step("false\necho not this", NXGATE_FAIL_ON_DENIED="false")[0].stdout == ""
    assert step("exit 7")[0].returncode == 7


@needs_sandbox
def test_lists_may_be_written_in_lines(step):
    done, summary = step("echo ran", NXGATE_ALLOW="a.test,\n  b.test:5432\n", NXGATE_PRESET="npm, github")
    assert (done.returncode, done.stdout, done.stderr) == (0, "ran\n", "")
    assert "0 denied; status 0." in summary
    done, _ = step("echo ran", NXGATE_ALLOW="not a..name")
    assert done.returncode == 125 and "ran" not in done.stdout


def test_the_action_is_one():
    """By GitHub's metadata syntax: a composite action, whose steps name a shell and use inputs that there are."""
    action = yaml.safe_load((ACTION / "action.yml").read_text())
    assert set(action) <= {"name", "author", "description", "inputs", "outputs", "runs", "branding"}
    assert action["runs"]["using"] == "composite"
    used = set()
    for each in action["runs"]["steps"]:
        assert set(each) == {"shell", "run", "env"} and "${{" not in each["run"], "an input is no code"
        script = each["run"].split('"')[1].replace("$GITHUB_ACTION_PATH", str(ACTION))
        subprocess.run(["sh", "-n", script], check=True)
        used |= {value.removeprefix("${{ inputs.").removesuffix(" }}") for value in each["env"].values()}
    assert used == set(action["inputs"])
    for each in action["inputs"].values():
        assert set(each) in ({"description", "required"}, {"description", "default"})


def test_the_example_for_gitlab_is_one(directory):
    jobs = yaml.safe_load((ROOT / "examples/gitlab/nxgate.gitlab-ci.yml").read_text())
    command, = jobs["fenced build"]["script"]
    assert jobs["fenced build"]["extends"] in jobs and command.endswith("-- npm ci")
    assert jobs[".nxgate"]["artifacts"]["paths"] == ["nxgate-report.json"]
    for each in (*jobs[".nxgate"]["before_script"], command):
        subprocess.run(["sh", "-n", "-c", each], check=True)


@needs_sandbox
def test_an_agents_shell_is_a_sandbox_for_each_command(directory):
    """With what is on the list, and with nothing if there is none."""
    directory.chmod(0o777)
    for name, source in (("bash", (ROOT / "examples/agents/bash").read_text()), ("nxgate", None)):
        path = directory / name
        path.symlink_to(BINARY) if source is None else path.write_text(source)
    config = directory / "config/nxgate"
    config.mkdir(parents=True)

    def run(command):
        return subprocess.run(
            [*as_user(), "sh", directory / "bash", "-c", command], capture_output=True, text=True, timeout=60,
            check=False, cwd="/", env={"PATH": f"{directory}:{os.environ['PATH']}", "HOME": str(directory),
                                       "XDG_CONFIG_HOME": str(directory / "config")})

    done = run("getent hosts bad.test; echo $BASH_VERSION; exit 7")
    assert done.returncode == 7 and done.stdout.strip() and "denied bad.test" in done.stderr
    (config / "agent.list").write_text("not a..name\n")
    assert run("echo ran").returncode == 125
    (config / "agent.list").write_text("good.test\n")
    assert run("echo ran").stdout == "ran\n"


def test_the_settings_of_agents_name_that_shell():
    for path in (ROOT / "examples/agents").glob("*.json"):
        json.loads(path.read_text())
        assert '"/usr/local/lib/nxgate/bash"' in path.read_text()
    assert os.access(ROOT / "examples/agents/bash", os.X_OK)


def test_the_feature_is_one_and_installs_a_release(directory):
    """By the schema of features: their id is the directory's name."""
    place = ROOT / "examples/devcontainer/nxgate"
    feature = json.loads((place / "devcontainer-feature.json").read_text())
    assert feature["id"] == place.name and {"version", "name", "options", "securityOpt"} <= set(feature)
    assert all(set(each) == {"type", "default", "description"} for each in feature["options"].values())
    for each in feature["securityOpt"]:
        assert f"--security-opt {each}" in (ROOT / "docs/run.md").read_text()
    (directory / "install.sh").write_text(f'echo "from $NXGATE_URL" >{directory}/ran')
    path = {"PATH": "/usr/bin:/bin"}
    url = f"file://{directory}"
    done = subprocess.run(["sh", place / "install.sh"], env=path, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "give the feature the url" in done.stderr
    subprocess.run(["sh", place / "install.sh"], env={**path, "URL": url}, check=True, timeout=60)
    assert (directory / "ran").read_text() == f"from {url}\n"
