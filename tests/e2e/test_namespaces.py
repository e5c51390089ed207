"""Listeners and upstreams inside network namespaces, from one process outside of them."""
import os
import re
import subprocess

import pytest
from harness.netns import ip
from harness.nxgate import addresses, make_query, rcode, run
from harness.timing import wait_for
from harness.upstream import answer

GOOD = {"*": answer("@ 60 A 192.0.2.1")}

#: Bits of /proc/PID/status, from capabilities(7).
NET_BIND_SERVICE, NET_RAW, SYS_PTRACE, SYS_ADMIN = 1 << 10, 1 << 13, 1 << 19, 1 << 21


def ask_inside(inside, server, qname="x.test", tcp=False):
    return inside.call(lambda: server.ask(make_query(qname), tcp=tcp))


@pytest.mark.parametrize("named_by", ["name", "path", "pid"])
def test_listener_in_a_namespace(nxgate, namespace, named_by):
    inside = namespace("web")
    holder = subprocess.Popen(["ip", "netns", "exec", inside.name, "sleep", "60"])
    try:
        if named_by == "pid":  # `ip` has to have entered it
            own = subprocess.run(["readlink", "/proc/self/ns/net"], capture_output=True, text=True).stdout
            wait_for(lambda: subprocess.run(["readlink", f"/proc/{holder.pid}/ns/net"],
                                            capture_output=True, text=True).stdout != own)
        place = {"name": inside.name, "path": inside.path, "pid": f"pid:{holder.pid}"}[named_by]
        server = nxgate(listen=[f"127.0.0.1:PORT@{place}"])
        for tcp in (False, True):
            assert rcode(ask_inside(inside, server, tcp=tcp)) == "NXDOMAIN"
        with pytest.raises(OSError):
            server.tcp(timeout=1)
    finally:
        holder.kill()
        holder.wait()


def test_an_answer_too_large_for_the_link_comes_in_fragments(nxgate, namespace):
    inside = namespace("narrow")
    ip("-n", inside.name, "link", "set", "lo", "mtu", 600)
    server = nxgate("--record", f"x.test TXT {' '.join(['a' * 250] * 4)}",
                    listen=[f"127.0.0.1:PORT@{inside.name}"])
    for _ in range(2):
        response = inside.call(lambda: server.ask(make_query("x.test", "TXT", edns=True)))
        assert len(response.answer[0][0].to_text()) > 1000


def test_the_process_and_its_threads_stay_outside(nxgate, namespace, upstream):
    inside, app = namespace("web"), namespace("app")
    upstream(GOOD, port=53, namespace=app)
    server = nxgate("--allow", "x.test", "--upstream", f"127.0.0.1@{app.path}",
                    listen=[f"127.0.0.1:PORT@{inside.path}"])
    assert addresses(ask_inside(inside, server)) == ["192.0.2.1"]
    tasks = os.listdir(f"/proc/{server.pid}/task")
    assert len(tasks) > 1
    assert {os.readlink(f"/proc/{server.pid}/task/{task}/ns/net") for task in tasks} == {
        os.readlink("/proc/self/ns/net")}


def test_each_namespace_has_the_policy_of_its_listener(nxgate, namespace):
    first, second, third = namespace("a"), namespace("b"), namespace("c")
    server = nxgate(config=f"""
[server]
listen = [{{ address = "127.0.0.1:PORT", netns = "{first.name}", policy = "one" }},
          {{ address = "127.0.0.1:PORT", netns = "{second.name}", policy = "two" }},
          "127.0.0.1:PORT@{third.name}"]
[policies.default]
deny = "refused"
[policies.one]
records = ["x.test A 192.0.2.1"]
[policies.two]
records = ["x.test A 192.0.2.2"]
""")
    for _ in range(3):
        assert addresses(ask_inside(first, server)) == ["192.0.2.1"]
        assert addresses(ask_inside(second, server, tcp=True)) == ["192.0.2.2"]
        assert rcode(ask_inside(third, server)) == "REFUSED"


@pytest.mark.parametrize("place, kept", [
    ("127.0.0.1:PORT@{name}", SYS_ADMIN),
    ("127.0.0.1:53@{name}", SYS_ADMIN | NET_BIND_SERVICE),
    ("lo:PORT@{name}", SYS_ADMIN | NET_RAW),
    ("127.0.0.1:PORT@pid:{pid}", SYS_ADMIN | SYS_PTRACE)],
    ids=["name", "low-port", "interface", "process"])
def test_of_root_the_helper_keeps_what_the_namespace_needs_and_no_more(nxgate, namespace, place, kept):
    server = nxgate(listen=[place.format(name=namespace("web").name, pid=os.getpid())])
    for pid, rights in ((server.pid, 0), (server.helper, kept)):
        status = open(f"/proc/{pid}/status").read()
        assert re.search(r"Uid:(\s+65534){4}\n", status) and re.search(r"NoNewPrivs:\s+1\n", status)
        for kind, expected in (("Prm", rights), ("Eff", rights), ("Inh", 0), ("Bnd", 0), ("Amb", 0)):
            found = int(re.search(rf"Cap{kind}:\s+(\w+)", status)[1], 16)
            assert found == expected, f"Cap{kind} is {found:x}"


def test_listener_of_a_table_with_its_policy(nxgate, namespace, upstream):
    inside, up = namespace("web"), upstream(GOOD)
    server = nxgate(config=f"""
[server]
listen = ["127.0.0.1:PORT", {{ address = "127.0.0.1:PORT", netns = "{inside.path}", policy = "ci" }}]
[upstreams.default]
servers = ["{up.endpoint}"]
[policies.default]
[policies.ci]
allow = ["x.test"]
""")
    assert rcode(server.query("x.test")) == "NXDOMAIN"
    assert addresses(ask_inside(inside, server)) == ["192.0.2.1"]


def test_upstream_in_a_namespace(nxgate, namespace, upstream):
    app = namespace("app")
    up = upstream(GOOD, port=53, namespace=app)
    server = nxgate("--allow", "x.test", "--upstream", f"127.0.0.1:53@{app.path}")
    assert addresses(server.query("x.test")) == ["192.0.2.1"]
    assert addresses(server.query("y.x.test", tcp=True)) == ["192.0.2.1"]
    assert up.count() == 2


def test_source_ports_inside_a_namespace_are_random_too(nxgate, namespace, upstream):
    app = namespace("app")
    up = upstream(GOOD, port=53, namespace=app)
    server = nxgate("--allow", "x.test", "--upstream", f"127.0.0.1@{app.path}")
    for i in range(200):
        server.query(f"n{i}.x.test")
    queries = [r for r in up.received if r.qname != "."]
    # The questions of 10 ms may share a port.
    assert len({r.peer[1] for r in queries}) >= 5 and len({r.message.id for r in queries}) > 190


@pytest.mark.parametrize("options", [
    ["--listen", "127.0.0.1:15353@no-such-netns"],
    ["--listen", "127.0.0.1:15353@/run/netns/no-such-netns"],
    ["--listen", "127.0.0.1:15353@pid:4194303"]])
def test_a_missing_namespace_at_start_is_an_error_that_names_it(options):
    done = run("serve", *options)
    assert done.returncode == 1
    assert options[1].split("@")[1] in done.stderr and "namespace" in done.stderr


def test_a_missing_namespace_of_an_upstream_is_an_error_at_start(port):
    ended = run("serve", "--listen", f"127.0.0.1:{port}", "--allow", "x.test", "--upstream",
                "127.0.0.1@no-such-netns", timeout=20)
    assert ended.returncode == 1 and "no-such-netns" in ended.stderr


def test_a_listeners_namespace_that_goes_and_returns(nxgate, namespace):
    inside = namespace("web")
    server = nxgate("--listen", f"127.0.0.1:PORT@{inside.name}", listen=["127.0.0.1:PORT"])
    assert rcode(ask_inside(inside, server)) == "NXDOMAIN"
    inside.delete()
    server.wait_for_log(inside.name + ".*(gone|vanished|went away|no longer|lost)", timeout=30)
    assert rcode(server.query("x.test")) == "NXDOMAIN"
    inside.recreate()

    def answered():
        try:
            return rcode(inside.call(lambda: server.ask(make_query("x.test"), timeout=1))) == "NXDOMAIN"
        except Exception:
            return False
    wait_for(answered, timeout=20, what="an answer in the new namespace")
    assert rcode(ask_inside(inside, server, tcp=True)) == "NXDOMAIN"


def test_an_upstreams_namespace_that_goes_and_returns(nxgate, namespace, upstream):
    app = namespace("app")
    first = upstream(GOOD, port=53, namespace=app)
    server = nxgate("--allow", "x.test", "--upstream", f"127.0.0.1@{app.path}")
    assert addresses(server.query("a.x.test"))
    app.delete()
    first.stop()
    assert rcode(server.query("b.x.test")) == "SERVFAIL"
    server.wait_for_log("namespace is missing")
    app.recreate()
    upstream(GOOD, port=53, namespace=app)
    wait_for(lambda: addresses(server.query("c.x.test")), timeout=20, what="the upstream's return")


def test_a_wildcard_listener_answers_from_the_address_that_was_asked(nxgate, namespace):
    inside = namespace("many")
    for address in ("192.0.2.1/32", "192.0.2.2/32", "2001:db8::2/128"):
        inside.add_address(address)
    server = nxgate("--listen", f"[::]:PORT@{inside.path}", listen=[f"0.0.0.0:PORT@{inside.path}"])
    for address in ("192.0.2.1", "192.0.2.2", "2001:db8::2", "127.0.0.5"):
        for tcp in (False, True):
            response = inside.call(lambda a=address, t=tcp: server.ask(make_query("x.test"), tcp=t, address=a))
            assert rcode(response) == "NXDOMAIN"


def test_an_interface_as_listener_follows_its_addresses(nxgate, namespace):
    left, right = namespace("left"), namespace("right")
    left.join(right, "10.77.0.1/24", "10.77.0.2/24")
    server = nxgate(listen=[f"eth0:PORT@{left.path}"])
    query = make_query("x.test")
    assert rcode(right.call(lambda: server.ask(query, address="10.77.0.1"))) == "NXDOMAIN"
    left.add_address("10.77.0.9/24", "eth0")
    assert rcode(right.call(lambda: server.ask(query, address="10.77.0.9"))) == "NXDOMAIN"


def test_an_interface_that_goes_and_returns_is_taken_up_again(nxgate, namespace):
    left, right = namespace("left"), namespace("right")
    left.join(right, "10.77.0.1/24", "10.77.0.2/24")
    server = nxgate(port=53, listen=[f"eth0:53@{left.name}"])

    def answered(tcp=False):
        ask = (lambda: server.ask(make_query("x.test"), address="10.77.0.1", tcp=tcp, timeout=1))
        try:
            return rcode(right.call(ask)) == "NXDOMAIN"
        except Exception:
            return False
    assert answered()
    ip("-n", left.name, "link", "del", "eth0")
    server.wait_for_log(f"eth0:53@{left.name}: its namespace or interface is gone", timeout=30)
    left.join(right, "10.77.0.1/24", "10.77.0.2/24")
    server.wait_for_log(f"listening on eth0:53@{left.name} again", timeout=30)
    wait_for(answered, timeout=20, what="an answer on the new interface")
    assert answered(tcp=True)
