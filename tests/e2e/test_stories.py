"""The three stories that nxgate was made for, with the programs that people use."""
import socket
import statistics
import threading

import pytest
from harness.lookup import GLIBC, Lookup
from harness.nxgate import SANITIZED, addresses, make_query, rcode
from harness.timing import Stopwatch, within
from harness.upstream import answer, by_type, nxdomain

HTTP = "import http.server; http.server.HTTPServer(('%s', 80), http.server.SimpleHTTPRequestHandler).serve_forever()"


@pytest.fixture
def sandbox(namespace):
    """A namespace with nothing but loopback, whose programs ask 127.0.0.1."""
    inside = namespace("sandbox")
    inside.resolv_conf("nameserver 127.0.0.1\n")
    (inside.etc / "nsswitch.conf").write_text("hosts: dns\n")
    (inside.etc / "hosts").write_text("")
    return inside


def test_first_story_everything_is_nxdomain(nxgate, sandbox, musl_lookup):
    nxgate(listen=[f"127.0.0.1:53@{sandbox.path}", f"[::1]:53@{sandbox.path}"])
    for server in ("127.0.0.1", "::1"):
        for transport in ("+notcp", "+tcp"):
            said = sandbox.run("dig", f"@{server}", transport, "www.example.com").stdout
            assert "status: NXDOMAIN" in said
    with Stopwatch() as watch:
        assert sandbox.run("getent", "ahosts", "www.example.com").returncode == 2
        assert Lookup(sandbox, musl_lookup, "www.example.com").output == "EAI_NONAME"
        assert Lookup(sandbox, *GLIBC, "www.example.com").output == "EAI_NONAME"
        curl = sandbox.run("curl", "-sS", "http://www.example.com/")
    assert curl.returncode == 6 and "Could not resolve host" in curl.stderr
    assert watch.seconds < within(3)


@pytest.fixture
def fixed_reply(sandbox):
    """What netcat can do on port 53 of the sandbox: to each packet the same 12 octets, apart from the id."""
    def listen():
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind(("127.0.0.1", 53))
        return server

    def serve():
        while True:
            query, client = server.recvfrom(4096)
            if not query:
                return
            server.sendto(query[:2] + bytes.fromhex("8183") + bytes(8), client)

    server = sandbox.call(listen)
    thread = threading.Thread(target=serve)
    thread.start()
    yield
    sandbox.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"", ("127.0.0.1", 53)))
    thread.join()
    server.close()


@pytest.mark.skipif(SANITIZED, reason="it is about what is used instead of nxgate")
def test_a_header_that_says_nxdomain_is_no_answer_for_glibc(fixed_reply, sandbox):
    """The times of README.md: two queries of getent hosts, each tried twice for 5 s; one pair of ahosts."""
    for command, seconds in (("ahosts", 10), ("hosts", 20)):
        with Stopwatch() as watch:
            assert sandbox.run("getent", command, "www.example.com").returncode == 2
        assert seconds - 1 < watch.seconds < seconds + 3, command


def test_second_story_a_sandbox_with_an_allow_list(nxgate, sandbox, namespace, upstream, musl_lookup):
    internet = namespace("internet")
    internet.add_address("1.1.1.1/32")
    up = upstream({"blog.qiqitori.com": by_type(A=answer("@ 300 A 127.0.0.80")), "*": nxdomain()},
                  address="1.1.1.1", port=53, namespace=internet)
    server = nxgate("--allow", "qiqitori.com", "--upstream", f"1.1.1.1@{internet.path}", port=53,
                    listen=[f"127.0.0.1:53@{sandbox.path}"])
    assert sandbox.run("ip", "route").stdout == ""
    assert Lookup(sandbox, *GLIBC, "blog.qiqitori.com").addresses == ["127.0.0.80"]
    assert Lookup(sandbox, musl_lookup, "blog.qiqitori.com").addresses == ["127.0.0.80"]

    def denial(i):
        with Stopwatch() as watch:
            assert rcode(server.ask(make_query(f"n{i}.example.com"))) == "NXDOMAIN"
        return watch.seconds
    times = sandbox.call(lambda: [denial(i) for i in range(200)])
    assert statistics.median(times) < within(0.01)
    assert not [r for r in up.received if "example" in r.qname.lower()]

    web = sandbox.popen("/usr/bin/python3", "-c", HTTP % "127.0.0.80")
    try:
        got = sandbox.run("curl", "-sS", "--retry", "20", "--retry-connrefused", "--retry-delay", "1",
                          "-o", "/dev/null", "-w", "%{http_code}", "http://blog.qiqitori.com/")
        assert got.stdout == "200"
    finally:
        web.kill()
        web.wait()
    assert sandbox.run("curl", "-sS", "http://www.example.com/").returncode == 6


def test_third_story_one_networks_dns_in_another(nxgate, sandbox, namespace, upstream, directory):
    app = namespace("app")
    app.add_address("10.9.0.53/32")
    up = upstream({"*": answer("@ 1 A 10.9.0.80")}, address="10.9.0.53", port=53, namespace=app)
    (directory / "hosts").write_text("10.9.0.99 printer.office\n")
    server = nxgate("--to", f"10.9.0.53@{app.path}", "--hosts", directory / "hosts",
                    command="forward", port=53, listen=[f"127.0.0.1:53@{sandbox.path}"])

    def every_request():
        for i in range(500):
            assert addresses(server.ask(make_query(f"n{i}.intranet.example"), tcp=i % 10 == 0)) == ["10.9.0.80"]
            assert addresses(server.ask(make_query("printer.office"))) == ["10.9.0.99"]
        reverse = server.ask(make_query("99.0.9.10.in-addr.arpa", "PTR"))
        assert reverse.answer[0][0].to_text() == "printer.office."
    sandbox.call(every_request)
    assert len({r.qname.lower() for r in up.received} - {"."}) == 500
    for i in range(3):
        assert sandbox.run("getent", "hosts", f"g{i}.intranet.example").stdout.split()[0] == "10.9.0.80"
