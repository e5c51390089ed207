"""What routers and hosts on the way to an upstream say (ICMP), which is limited in rate off loopback."""
import os
import signal
import socket
import time

import dns.message
import pytest
from harness.nxgate import addresses, make_query, rcode
from harness.timing import within
from harness.upstream import answer

QUESTIONS = 64
SERVER, CLIENT = "10.79.0.1", "10.79.0.2"


@pytest.fixture
def ends(namespace):
    """Where nxgate is, and where its upstream would be."""
    inside, outside = namespace("inside"), namespace("outside")
    inside.join(outside, f"{CLIENT}/24", f"{SERVER}/24")
    return inside, outside


def config(timeout="5s"):
    return f"""[server]
listen = ["127.0.0.1:PORT"]
workers = 1
[upstreams.default]
servers = ["{SERVER}"]
timeout = "{timeout}"
[policies.default]
allow = ["x.test"]
"""


def ask_at_once(server, inside, names):
    """The answers to questions that the server finds all in one turn of its loop."""
    with inside.call(socket.socket, socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", server.port))
        client.settimeout(within(3))
        os.kill(server.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, server.pid, os.WSTOPPED)
        for name in names:
            client.send(make_query(name).to_wire())
        os.kill(server.pid, signal.SIGCONT)
        return [dns.message.from_wire(client.recv(4096)) for _ in names]


def test_a_closed_port_fails_all_questions_of_a_burst_and_costs_nothing(nxgate, ends):
    inside, _ = ends
    server = nxgate(config=config(), namespace=inside)
    began, before = time.monotonic(), server.cpu_seconds()
    answers = ask_at_once(server, inside, [f"n{i}.x.test" for i in range(QUESTIONS)])
    assert [rcode(response) for response in answers] == ["SERVFAIL"] * QUESTIONS
    assert time.monotonic() - began < within(1)
    time.sleep(1)
    assert server.cpu_seconds() - before < within(0.5)


def test_one_refusal_does_not_take_out_a_server_that_answered_before(nxgate, ends, upstream):
    """All questions of the burst are refused by the same messages."""
    inside, outside = ends
    up = upstream({"*": answer("@ 60 A 192.0.2.1")}, port=53, namespace=outside, address=SERVER)
    server = nxgate(config=config(), namespace=inside)
    with inside.call(socket.socket, socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", server.port))
        client.settimeout(within(3))
        client.send(make_query("first.x.test").to_wire())
        assert addresses(dns.message.from_wire(client.recv(4096)))
    up.stop()
    answers = ask_at_once(server, inside, [f"n{i}.x.test" for i in range(QUESTIONS)])
    assert {rcode(response) for response in answers} == {"SERVFAIL"}
    assert "doesn't answer" not in server.log_text()
