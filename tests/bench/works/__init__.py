"""What is measured: a function each, from a Bench to a Table."""
from works.answers import cached, denied
from works.egress import egress
from works.forwarded import forwarded
from works.latency import latency
from works.lists import million, ten_million
from works.overload import overload
from works.relayed import relay_latency, relay_open, relay_rate, relay_throughput
from works.reload import reload
from works.run import run_latency, run_programs, run_start, run_throughput
from works.scaling import scaling
from works.start import start
from works.streams import idle, tcp, tcp_short
from works.syscalls import syscalls

#: By name, in their order.
WORKS = {work.__name__: work for work in (denied, cached, forwarded, egress, million, ten_million, start,
                                          latency, tcp, tcp_short, idle, reload, overload, scaling,
                                          syscalls, relay_latency, relay_rate, relay_throughput,
                                          relay_open, run_start, run_latency, run_throughput,
                                          run_programs)}
#: Several of them by one name.
GROUPS = {"connections": [name for name in WORKS if name.startswith("relay_")],
          "run": [name for name in WORKS if name.startswith("run_")]}
