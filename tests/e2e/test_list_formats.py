"""Lists as people download them: hosts files, adblock filters, response policy zones, and what editors do to files."""
import pytest

from harness.nxgate import run

CONFIG = """[policies.default]
allow = [". force"]
deny-files = ["deny.list"]
"""
LISTS = {
    "hosts": "# StevenBlack\n127.0.0.1 localhost\n::1 ip6-localhost\n0.0.0.0 ads.example www.track.example\n",
    "adblock": "[Adblock Plus]\n! Title\n||ads.example^\n||track.example^$third-party,important\n",
    "rpz": "$TTL 60\n@ SOA ns.x. a.x. 1 2 3 4 5\n  NS ns.x.\nads.example CNAME .\n*.track.example CNAME *.\n",
    "names": "ads.example\r\ntrack.example\r\n",
}
MARK = b"\xef\xbb\xbf"


@pytest.fixture
def configured(tmp_path):
    """configured(list, more="", mark=b""): a configuration with that deny list."""

    def write(text, more="", mark=b""):
        (tmp_path / "deny.list").write_bytes(mark + text.encode())
        path = tmp_path / "nxgate.toml"
        path.write_bytes(mark + (CONFIG + more).encode())
        return path

    return write


def answers(config, qname):
    done = run("explain", qname, "--config", config)
    assert done.returncode == 0, done.stderr
    return "denied" if "denied" in done.stdout else "allowed"


@pytest.mark.parametrize("mark", [b"", MARK], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("kind", LISTS)
def test_a_list_denies_what_it_names_whatever_its_format(configured, kind, mark):
    config = configured(LISTS[kind], mark=mark)
    checked = run("check", config)
    assert (checked.returncode, checked.stderr) == (0, "")
    for qname in ("ads.example", "www.track.example"):
        assert answers(config, qname) == "denied"
    assert answers(config, "good.example") == "allowed"


def test_what_no_rule_says_is_told_with_its_place_and_number(configured):
    patterns = "".join(f"/^ad{number}\\./\n" for number in range(7))
    config = configured("||ads.example^\n@@||good.example^\n-banner-\n" + patterns)
    checked = run("check", config)
    assert checked.returncode == 0
    place = config.parent / "deny.list"
    assert f"{place}:2:1: warning: skipped: `@@||good.example^`: exceptions" in checked.stderr
    assert f"{place}:3:1: " in checked.stderr
    assert "9 lines are skipped in total" in checked.stderr
    assert checked.stderr.count("skipped: ") == 5
    assert answers(config, "ads.example") == "denied"


@pytest.mark.parametrize("line, why", [
    ("github.com/foo", "path"), ("git@github.com", "e-mail"), ('"github.com"', "quotes"), ("ads2.example$x", "adblock"),
])
def test_a_wrong_line_is_refused_or_skipped(configured, line, why):
    text = f"ads.example\n{line}\n"
    checked = run("check", configured(text))
    assert checked.returncode == 1
    assert "deny.list:2:1: " in checked.stderr and why in checked.stderr
    config = configured(text, 'on-bad-line = "skip"\n')
    # The option is read whatever its place.
    assert run("check", config).returncode == 0
    assert answers(config, "ads.example") == "denied"


def test_a_list_of_which_nothing_is_a_rule_is_refused(configured):
    checked = run("check", configured("! patterns\n/ad/\n-banner-\n"))
    assert checked.returncode == 1
    assert "deny.list: none of its lines is a rule about a name" in checked.stderr
    assert run("check", configured("! only a title\n")).returncode == 0


def test_what_is_no_text_has_no_format(configured):
    checked = run("check", configured("\1\2\n||ads.example^\n"))
    assert checked.returncode == 1
    assert "deny.list:1:1: " in checked.stderr and "deny.list:2:1: " in checked.stderr


def test_the_format_can_be_said(configured, tmp_path):
    config = configured("")
    config.write_text(CONFIG.replace('"deny.list"', '{ path = "deny.list", format = "hosts" }'))
    (tmp_path / "deny.list").write_text("# only comments at first\nads.example\n0.0.0.0 www.track.example\n")
    assert answers(config, "www.track.example") == "denied"
    config.write_text(CONFIG.replace('"deny.list"', '{ path = "deny.list", format = "names" }'))
    checked = run("check", config)
    assert checked.returncode == 1 and "deny.list:3:1: " in checked.stderr


def test_an_allowed_name_that_is_denied_too_is_a_warning(configured):
    config = configured("twice.example\n")
    config.write_text(CONFIG.replace('". force"', '". force", "twice.example"'))
    checked = run("check", config)
    assert checked.returncode == 0
    assert "`twice.example` does nothing" in checked.stderr
