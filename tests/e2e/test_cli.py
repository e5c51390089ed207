"""The command line: faults with their place, exit statuses, help, what is logged."""
import json
import re
import socket

import pytest
from harness.nxgate import BINARY, ROOT, free_port, rcode, run
from harness.upstream import answer


@pytest.fixture
def check(directory):
    """check("...") writes a configuration and gives the lines about it and the exit status."""
    def run_check(text):
        path = directory / "bad.toml"
        path.write_text(text)
        done = run("check", path)
        return [line.replace(str(path), "FILE") for line in done.stderr.splitlines()], done
    return run_check


@pytest.mark.parametrize("text, place, words", [
    ('[server]\nwrokers = 3\n', "2:1", ['"wrokers"', 'did you mean "workers"']),
    ('[server]\nlisten = ["300.1.1.1:53"]\n', "2:11", ["300.1.1.1:53", "expected"]),
    ('[server]\nlisten = ["127.0.0.1:99999"]\n', "2:11", ["127.0.0.1:99999", "expected"]),
    ('[server]\nlisten = ["127.0.0.1:53", "127.0.0.1:53"]\n', "2:27", ["overlaps", "2:11"]),
    ('[server]\nlisten = ["127.0.0.1:53", "0.0.0.0:53"]\n', "2:27", ["overlaps"]),
    ('[server\n', "1:8", ["expected ']'"]),
    ('[policies.default]\nallow = ["x.test", "a..b"]\n', "2:20", ["a..b", "empty label"]),
    ('[policies.default]\nallow = ["com"]\n', "2:10", ["com", "public suffix", "com force"]),
    ('[policies.default]\nallow = ["github.io"]\n', "2:10", ["public suffix"]),
    ('[policies.default]\nallow-files = ["/nowhere/x.list"]\n', "2:16", ["/nowhere/x.list", "No such file"]),
    ('[policies.default]\nhosts-files = ["/nowhere/hosts"]\n', "2:16", ["No such file"]),
    ('[policies.default]\nrecords = ["db.test A 10.0.0.500"]\n', "2:12", ["10.0.0.500", "IPV4"]),
    ('[policies.default]\ndeny = "nope"\n', "2:8", ["nope", '"nxdomain"']),
    ('[policies.default]\nnegative-ttl = "10"\n', "2:16", ['"10"', '"10s"']),
    ('[policies.default]\nsuppress-types = ["AAAAA"]\n', "2:19", ["AAAAA", "expected"]),
    ('[policies.default]\nupstream = "nowhere"\n', "2:12", ["nowhere", "no such upstream"]),
    ('[upstreams.default]\nservers = ["dns.example.com"]\n', "2:12", ["dns.example.com", "expected"]),
    ('[upstreams.default]\ntimeout = "1s"\n', "1:1", ["servers"]),
    ('[[clients]]\nfrom = ["10.0.0.0/33"]\npolicy = "default"\n', "2:9", ["10.0.0.0/33"]),
    ('[[clients]]\nfrom = ["10.0.0.0/8"]\npolicy = "ci"\n', "3:10", ["ci", "no such policy"]),
    ('[policies.default]\nallow = "x.test"\n', "2:9", ["expected a list of texts"]),
    ('[policies.default]\nallow = ["*.co.uk"]\n', "2:10", ["`*.co.uk`", "`*.co.uk force`"]),
    ('[policies.default]\nallow = ["."]\n', "2:10", ["force"]),
    ('[policies.default]\nallow-files = ["none/*.list"]\n', "2:16", ["none/*.list", "No such file"]),
    ('[policies.default]\nallow = ["%s.test"]\n' % ("a" * 64), "2:10", ["a" * 64, "63"]),
    ('[policies.default]\nroutes = [{ names = ["x.test"], upstream = "d" }]\n', "2:44", ['"d"', "no such upstream"]),
    ('[policies.default]\nroutes = [{ name = ["x.test"] }]\n', "2:13", ['"name"', 'did you mean "names"']),
    ('[policies.default]\ndeny = "address"\n', "1:11", ["deny-addresses"]),
    ('[server]\ntcp-idle = 10\n', "2:12", ['"10"', '"10s"']),
    ('[server]\nworkers = 0\n', "2:11", ['"0"', '"auto"']),
    ('[server]\nlisten = ["[::1]:53", "[::]:53"]\n', "2:23", ["[::]:53", "overlaps", "2:11"]),
    ('[server]\nlisten = [{ address = "127.0.0.1:53", policy = "ci" }]\n', "2:48", ['"ci"', "no such policy"]),
    ('[upstreams.default]\nservers = ["127.0.0.1:53"]\n[policies.default]\nallow = ["x.test"]\n', "2:12",
     ["nxgate itself"]),
    ('[[clients]]\nfrom = ["10.0.0.0/8"]\n', "1:1", ['"policy"']),
    ('unknown = 1\n', "1:1", ['"unknown"']),
])
def test_check_tells_each_fault_with_its_place(check, text, place, words):
    lines, done = check(text)
    assert done.returncode == 1 and not done.stdout
    (line,) = [line for line in lines if line.startswith(f"FILE:{place}: ")] or [lines]
    for word in words:
        assert word in line


def test_check_reports_all_faults_at_once(check):
    lines, _ = check('[server]\nfoo = 1\n[policies.default]\nbar = 2\nallow = ["a..b"]\n')
    assert [re.match(r"FILE:(\d+):\d+: ", line).group(1) for line in lines] == ["2", "4", "5"]


def test_check_tells_faults_of_list_files_with_their_own_place(check, directory):
    (directory / "a.list").write_text("x.test\n\n  bad..name\n")
    lines, _ = check('[policies.default]\nallow-files = ["a.list"]\n')
    assert len(lines) == 1 and lines[0].startswith(f"{directory}/a.list:3:3: ")


def test_check_tells_faults_of_hosts_files_with_their_own_place(check, directory):
    (directory / "hosts").write_text("10.0.0.1 a.test\n10.0.0.300 b.test\n")
    lines, _ = check('[policies.default]\nhosts-files = ["hosts"]\n')
    assert len(lines) == 1 and lines[0].startswith(f"{directory}/hosts:2:1: ") and "10.0.0.300" in lines[0]


def test_a_fault_does_not_bring_control_bytes_to_the_terminal(check):
    lines, done = check('[policies.default]\nallow = ["\\u001b[31mx..test"]\n"k\\u001b[31m" = 1\n')
    assert done.returncode == 1 and len(lines) == 2
    assert "\x1b" not in done.stderr


def test_check_tells_faults_as_json(check, directory):
    check("[server]\nfoo = 1\n")
    done = run("check", directory / "bad.toml", "--json")
    fault, = json.loads(done.stdout)["faults"]
    assert done.returncode == 1 and "foo" in fault.pop("text")
    assert fault == {"file": str(directory / "bad.toml"), "line": 2, "column": 1}
    check("")
    done = run("check", directory / "bad.toml", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["faults"] == []


def test_check_of_a_good_file(check):
    _, done = check('[policies.default]\nallow = ["x.test"]\n[upstreams.default]\nservers = ["192.0.2.53"]\n')
    assert done.returncode == 0 and ": ok, policy default: 1 rule" in done.stdout


def test_the_example_is_without_fault():
    assert run("check", "examples/nxgate.toml", cwd=ROOT).returncode == 0


def test_check_of_a_missing_file():
    done = run("check", "/nowhere.toml")
    assert done.returncode == 1 and "/nowhere.toml: No such file" in done.stderr


@pytest.mark.parametrize("arguments", [
    [], ["serve", "--bogus"], ["bogus"], ["check"], ["help", "bogus"], ["forward"], ["explain"],
    ["serve", "--config", "x.toml", "--allow", "x.test"]])
def test_mistakes_on_the_command_line_are_status_2(arguments):
    done = run(*arguments)
    assert done.returncode == 2 and done.stderr and not done.stdout


@pytest.mark.parametrize("arguments, words", [
    (["sevre"], 'no such subcommand: sevre (did you mean "serve"?)\n'),
    (["help", "sevre"], 'no such subcommand: sevre (did you mean "serve"?)\n'),
    (["learn", "strat", "--policy", "x"], 'no such subcommand: learn strat (did you mean "start"?)\n'),
    (["qqqq", "--json"], "no such subcommand: qqqq\n")])
def test_a_misspelt_subcommand_is_named(arguments, words):
    done = run(*arguments)
    assert (done.returncode, done.stderr, done.stdout) == (2, words, "")


@pytest.mark.parametrize("command, words", [
    ("serve --alow x.test", 'no such option: --alow (did you mean "--allow"?); see `nxgate serve --help`\n'),
    ("serve --lisen=127.0.0.1:5300 --workers 0", 'no such option: --lisen (did you mean "--listen"?)'),
    ("forward --too 1.1.1.1", 'no such option: --too (did you mean "--to"?); see `nxgate forward --help`\n'),
    ("learn start --polcy ci", 'no such option: --polcy (did you mean "--policy"?); see `nxgate learn start --help`\n'),
    ("docker --lable a=b", 'no such option: --lable (did you mean "--label"?)'),
    ("status --qqqqqqqq", "no such option: --qqqqqqqq; see `nxgate status --help`\n"),
    ("status -q", "no such option: -q; see `nxgate status --help`\n"),
    ("--jsno status", 'no such option: --jsno (did you mean "--json"?)')])
def test_a_misspelt_option_is_named(command, words):
    done = run(*command.split())
    assert done.returncode == 2 and done.stderr.startswith(words) and not done.stdout


@pytest.mark.parametrize("arguments", [
    ["attach"], ["detach"], ["doctor"], ["attach", "nothing", "--engine", "/nowhere.sock"],
    ["detach", "nothing", "--engine", "/nowhere.sock"], ["doctor", "nothing", "--engine", "/nowhere.sock"]])
def test_a_target_that_is_missing_is_told_what_it_may_be(arguments):
    done = run(*arguments)
    assert done.returncode == (2 if len(arguments) == 1 else 1)
    for kind in ("container|/nowhere.sock", "process", "network namespace"):
        assert re.search(kind, done.stderr), done.stderr


@pytest.mark.parametrize("server, what", [
    ("tls://1.1.1.1", "DNS over TLS"), ("tls://dns.google:853", "DNS over TLS"),
    ("https://dns.google/dns-query", "DNS over HTTPS"), ("quic://9.9.9.9", "DNS over QUIC")])
def test_an_encrypted_upstream_is_told_what_it_is(check, server, what):
    done = run("serve", "--upstream", server)
    assert done.returncode == 2 and f'"{server}": {what} (RFC ' in done.stderr and "isn't supported yet" in done.stderr
    lines, _ = check(f'[upstreams.default]\nservers = ["{server}"]\n')
    assert lines[0].startswith(f'FILE:2:12: "{server}": {what}')


@pytest.mark.parametrize("arguments, words", [
    (["--listen", "nonsense"], "nonsense"), (["--hosts", "/nowhere"], "/nowhere"),
    (["--user", "no-such-user", "--listen", "127.0.0.1:15353"], "no-such-user"),
    (["--config", "/nowhere.toml"], "/nowhere.toml: No such file"),
    (["--listen", "127.0.0.1:15353@no-such-netns"], "no-such-netns")])
def test_faults_at_start_are_status_1_and_name_the_text(arguments, words):
    done = run("serve", *arguments)
    assert done.returncode == 1 and words in done.stderr


@pytest.mark.parametrize("command, words", [
    ("serve --listen 127.0.0.1:70000", "--listen: \"127.0.0.1:70000\": expected"),
    ("serve --workers 0", "--workers: \"0\": expected"), ("serve --allow a..b", "--allow: `a..b`: "),
    ("serve --allow com", "public suffix"), ("serve --deny x.test:22", "--deny: `x.test:22`"),
    ("serve --upstream 1.1.1.300", "--upstream: \"1.1.1.300\""), ("forward --to 1.1.1.1@", "--to: "),
    ("serve --record db.test", "--record: "), ("serve --on-upstream-failure no", "--on-upstream-failure: "),
    ("docker --fail maybe", "--fail: "), ("docker --label =x", "--label: "), ("attach --pid abc", "--pid: \"abc\""),
    ("attach --netns a/b", "--netns: "), ("allow x.test --for 5", "--for: \"5\": expected a time, such as 10m"),
    ("allow x.test --for 0s", "--for: \"0s\"")])
def test_a_value_that_an_option_cannot_have_is_status_2_and_named(command, words):
    done = run(*command.split())
    assert done.returncode == 2 and words in done.stderr and not done.stdout


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_taken_port_is_an_error_that_names_it(kind):
    port = free_port()
    with socket.socket(socket.AF_INET, kind) as holder:
        holder.bind(("127.0.0.1", port))
        if kind == socket.SOCK_STREAM:
            holder.listen()
        done = run("serve", "--listen", f"127.0.0.1:{port}")
    assert done.returncode == 1
    assert f"127.0.0.1:{port}" in done.stderr and "in use by another program" in done.stderr


def test_a_second_server_on_the_same_port_is_an_error(nxgate):
    server = nxgate()
    done = run("serve", "--listen", f"127.0.0.1:{server.port}")
    assert done.returncode == 1 and "in use by another program" in done.stderr


def test_a_low_port_without_the_right_to_it(namespace):
    inside = namespace("unprivileged")
    done = inside.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                      BINARY, "serve", "--listen", "127.0.0.1:53")
    assert done.returncode == 1
    assert "127.0.0.1:53" in done.stderr and "requires root or CAP_NET_BIND_SERVICE" in done.stderr


def test_version_and_help_go_to_standard_output():
    assert re.fullmatch(r"nxgate \d+\.\d+\.\d+\n", run("--version").stdout)
    for command in ("serve", "forward", "check", "explain"):
        assert command in run("--help").stdout
        done = run("help", command)
        assert done.returncode == 0 and done.stdout == run(command, "--help").stdout
        assert "\n\n\n" not in done.stdout


def test_a_url_is_no_name():
    done = run("explain", "http://qiqitori.com/")
    assert done.returncode == 2 and "expected a name without scheme or path" in done.stderr


@pytest.mark.parametrize("command, listens", [
    ("serve", "127.0.0.1:53 and [::1]:53"), ("forward", "127.0.0.1:53 and [::1]:53"),
    ("attach", "only inside attached namespaces"), ("docker", "only inside attached namespaces")])
def test_help_tells_where_each_command_listens_by_default(command, listens):
    words = " ".join(run("help", command).stdout.split())
    assert f"INTERFACE:PORT[@NETNS]; repeatable (default: {listens})" in words


def test_it_answers_where_ipv6_is_off(nxgate, namespace):
    """[::1] is listened on by default, and by default alone it may be missing."""
    inside = namespace("v4only")
    inside.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", check=True)
    server = nxgate(config="[policies.default]\n", namespace=inside)
    assert "not listening on [::1]:53: no IPv6 on this system" in server.log_text()
    assert "NXDOMAIN" in inside.run("dig", "@127.0.0.1", "x.test").stdout
    done = inside.run(BINARY, "serve", "--listen", "[::1]:53")
    assert done.returncode == 1 and "no interface has the address ::1" in done.stderr


def test_it_answers_as_nobody_after_binding(nxgate):
    server = nxgate()
    assert rcode(server.query("x.test")) == "NXDOMAIN"
    status = open(f"/proc/{server.pid}/status").read()
    assert re.search(r"Uid:\s+65534\s+65534\s+65534\s+65534", status)
    assert re.search(r"CapEff:\s+0+\n", status) and re.search(r"NoNewPrivs:\s+1", status)


def test_v_shows_each_query_in_one_line(nxgate):
    server = nxgate("--allow", "x.test", "--upstream", "127.0.0.1:1", "-v")
    server.query("denied.example", "AAAA")
    line = server.wait_for_log("denied.example")
    assert re.search(r"127\.0\.0\.1:\d+ denied\.example AAAA denied \(policy=default rule=default\) .* ms$", line)


def test_vv_shows_the_upstream_exchanges(nxgate, upstream):
    up = upstream({"x.test": answer("@ 60 A 192.0.2.1")})
    server = nxgate("--allow", "x.test", "--upstream", up.endpoint, "-vv")
    server.query("x.test")
    server.wait_for_log(rf"{up.endpoint} udp x\.test A: answer in")


def test_without_v_queries_leave_no_trace(nxgate):
    server = nxgate()
    server.query("private.example")
    server.stop()
    assert "private.example" not in server.log_text()


@pytest.mark.parametrize("byte", [0, 7, 9, 10, 13, 27, 32, 127, 128, 155, 255])
def test_bytes_of_a_name_break_no_log_line(nxgate, byte):
    server = nxgate("-v")
    server.query(rf"begin\{byte:03}[31m.end.test")
    line = server.wait_for_log(r"end\.test A denied")
    assert rf" begin\{byte:03}[31m.end.test A denied " in line


VERDICTS = """
[server]
listen = ["127.0.0.1:PORT"]
[upstreams.default]
servers = ["%s"]
[policies.default]
allow = ["a.x.test"]
deny-names = ["no.a.x.test"]
records = ["l.test A 10.0.0.1"]
suppress-types = ["TXT"]
"""


@pytest.mark.parametrize("qname, qtype, words", [
    ("b.a.x.test", "A", r"forwarded \(policy=default rule=a\.x\.test\)"),
    ("no.a.x.test", "A", r"denied \(policy=default rule=no\.a\.x\.test\)"),
    ("x.test", "A", r"nodata, .*\(policy=default rule=ancestor\)"),
    ("a.x.test", "TXT", r"nodata, type suppressed \(policy=default rule=a\.x\.test suppress-types\)"),
    ("l.test", "A", r"local \(policy=default rule=local data\)"),
])
@pytest.mark.parametrize("tcp", [False, True])
def test_v_tells_verdict_and_rule(nxgate, upstream, qname, qtype, words, tcp):
    server = nxgate("-v", config=VERDICTS % upstream({"*": answer("@ 60 A 192.0.2.1")}).endpoint)
    server.query(qname, qtype, tcp=tcp)
    line = server.wait_for_log(rf" {re.escape(qname)} {qtype} ")
    assert re.search(rf"127\.0\.0\.1:\d+ {re.escape(qname)} {qtype} {words} \d+\.\d+ ms$", line), line
    assert len([line for line in server.log_text().splitlines() if qname in line]) == 1


def test_v_tells_answers_from_the_cache_apart(nxgate, upstream):
    server = nxgate("-v", config=VERDICTS % upstream({"*": answer("@ 60 A 192.0.2.1")}).endpoint)
    for words in ("forwarded", "cached"):
        server.query("a.x.test")
        server.wait_for_log(rf"a\.x\.test A {words} ")
