"""Lists of names that come with the program: the command that shows them, and each way to use one."""
import re

import dns.query
import pytest
from harness.nxgate import ROOT, make_query, rcode, run
from harness.upstream import answer

LISTS = {path.stem: path.read_text() for path in (ROOT / "presets").glob("*.list")}
WRONG = '"npn": no such preset (did you mean "npm"?); `nxgate presets` lists them'


def explained(name, *arguments):
    done = run("explain", name, *arguments)
    assert done.returncode == 0, done.stderr
    return dict(re.findall(r"^(\w+) +(.*)$", done.stdout, re.MULTILINE))


@pytest.fixture
def write(directory):
    """write("presets = [...]"): a configuration with that in its policy."""
    def to_file(text):
        path = directory / "presets.toml"
        path.write_text("[policies.default]\n" + text)
        return path

    return to_file


def test_each_is_listed_with_what_it_is_for():
    done = run("presets")
    assert done.returncode == 0 and not done.stderr
    listed = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert listed == {name: text.splitlines()[0].removeprefix("# ") for name, text in LISTS.items()}


def test_each_is_shown_as_it_is_in_the_tree():
    assert len(LISTS) == 19
    for name, text in LISTS.items():
        done = run("presets", name)
        assert (done.returncode, done.stdout) == (0, text), name


def test_what_is_shown_can_be_read_as_a_list(write, directory):
    for name, text in LISTS.items():
        (directory / f"{name}.list").write_text(text)
    done = run("check", write('allow-files = ["*.list"]\n'))
    assert done.returncode == 0 and not done.stderr


@pytest.mark.parametrize("command", [["presets", "npn"], ["serve", "--preset", "pypi,npn"],
                                     ["attach", "--pid", "1", "--preset", "npn"], ["docker", "--preset", "npn"],
                                     ["explain", "a.test", "--preset", "npn"]])
def test_an_unknown_one_is_a_mistake_on_the_command_line(command):
    done = run(*command)
    assert done.returncode == 2 and WRONG in done.stderr and not done.stdout


def test_an_unknown_one_in_a_configuration_is_told_with_its_place(write):
    path = write('presets = ["pypi", "npn"]\n')
    done = run("check", path)
    assert done.returncode == 1 and done.stderr == f"{path}:2:20: {WRONG}\n"


def test_explain_tells_which_one_allowed(write):
    config = write('presets = ["npm", "vscode"]\ndeny-names = ["registry.yarnpkg.com"]\n')
    number = LISTS["npm"].splitlines().index("=registry.npmjs.org:tcp/443") + 1
    told = explained("registry.npmjs.org", "--config", config)
    assert told["rule"] == f'allow "=registry.npmjs.org" (preset npm:{number}:1)'
    assert "(preset vscode:" in explained("ms.gallery.vsassets.io", "--config", config)["rule"]
    assert explained("x.registry.npmjs.org", "--config", config)["verdict"] == "denied: NXDOMAIN"
    assert explained("registry.yarnpkg.com", "--config", config)["verdict"] == "denied: NXDOMAIN"
    assert "(preset go:" in explained("sum.golang.org", "--preset", "npm,go")["rule"]


def test_a_rule_of_the_policy_goes_before(write):
    config = write('presets = ["npm"]\nallow = ["=registry.npmjs.org:22"]\n')
    assert f"({config}:3:10)" in explained("registry.npmjs.org", "--config", config)["rule"]


def test_it_is_no_option_beside_a_configuration(write):
    done = run("serve", "--preset", "npm", "--config", write(""))
    assert done.returncode == 2 and "--preset and --config cannot be combined" in done.stderr


def test_a_server_resolves_the_names_of_those_it_is_given(nxgate, upstream):
    up = upstream({"*": answer("@ 60 A 192.0.2.7")})
    server = nxgate("--preset", "npm,pypi", "--allow", "own.test", "--upstream", up.endpoint)
    for name in ("registry.npmjs.org", "files.pythonhosted.org", "own.test"):
        assert rcode(server.query(name)) == "NOERROR", name
    for name in ("npmjs.org", "www.npmjs.org", "static.crates.io"):
        assert rcode(server.query(name)) in ("NXDOMAIN", "NOERROR") and not up.count(name), name


def test_a_reload_reads_the_key_again(nxgate, upstream):
    up = upstream({"*": answer("@ 60 A 192.0.2.7")})
    text = (f'[server]\nlisten = ["127.0.0.1:PORT"]\n[upstreams.default]\nservers = ["{up.endpoint}"]\n'
            '[policies.default]\nnegative-ttl = "0s"\npresets = ["{preset}"]\n')
    server = nxgate(config=text.replace("{preset}", "npm"))
    assert rcode(server.query("pypi.org")) == "NXDOMAIN"
    server.write_config(text.replace("{preset}", "pypi"))
    server.reload()
    assert rcode(server.query("pypi.org")) == "NOERROR"


def test_attach_takes_them_too(nxgate, upstream, namespace):
    outside, inside = namespace("outside"), namespace("inside")
    up = upstream({"*": answer("@ 60 A 192.0.2.7")}, namespace=outside)
    nxgate("--netns", inside.path, "--preset", "npm", "--upstream", f"127.0.0.1:{up.port}@{outside.path}",
           command="attach", listen=[])

    def status(name):
        return rcode(inside.call(lambda: dns.query.udp(make_query(name), "127.0.0.11", timeout=5)))

    assert (status("registry.npmjs.org"), status("github.com")) == ("NOERROR", "NXDOMAIN")
