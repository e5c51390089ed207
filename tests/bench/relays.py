"""The relays that are compared. Each looks at the name in a ClientHello that the firewall of the client's
namespace has redirected to it there, and connects onward if that is the one that is allowed.

A relay's `command` writes its configuration for a Place and returns what runs it as `USER`, whose own
connections aren't redirected. `to` tells where it connects.
"""
import ssl
from dataclasses import dataclass

from peers import ALLOWED, Place
from server import enter

NAME = f"first.{ALLOWED}"  # the only one that is allowed
OTHER = "first.denied.test"
PORT = 443
USER = 65534
MANY = 4_000  # connections at once
ORIGINAL = "where the client did, by SO_ORIGINAL_DST"
FIXED = "to the one server that its configuration has for the name, since it doesn't know SO_ORIGINAL_DST"


def client_hello(name):
    """As OpenSSL says it."""
    context, said = ssl.create_default_context(), ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), said, server_hostname=name)
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        return said.read()
    raise RuntimeError("a handshake with nobody")


@dataclass
class RelayPlace(Place):
    server: str = None  # the address behind the only name


class Relay:
    def run(self, place):
        return [*enter(place.namespace), "setpriv", f"--reuid={USER}", f"--regid={USER}",
                "--clear-groups", *self.command(place)]


class Haproxy(Relay):
    name = "haproxy"
    to = ORIGINAL

    def command(self, place):
        return ["haproxy", "-db", "-f", place.write("haproxy.cfg", f"""global
  nbthread {place.workers}
  maxconn {MANY}
  tune.pipesize {1 << 20}
defaults
  mode tcp
  timeout connect 10s
  timeout client 5m
  timeout server 5m
  option tcp-smart-accept
  option tcp-smart-connect
  option splice-auto
frontend checked
  bind 127.0.0.1:{place.port}
  tcp-request inspect-delay 10s
  tcp-request content accept if {{ req.ssl_sni -i {NAME} }}
  tcp-request content reject
  default_backend onward
backend onward
  server there 0.0.0.0:0
""")]


class Nginx(Relay):
    name = "nginx"
    to = FIXED

    def command(self, place):
        own = place.directory / f"nginx-own-{place.port}"
        own.mkdir(exist_ok=True)
        own.chmod(0o777)
        return ["nginx", "-e", "stderr", "-p", str(own), "-c", place.write("nginx.conf", f"""
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
worker_processes {place.workers};
worker_rlimit_nofile {3 * MANY};
pid {own}/pid;
events {{ worker_connections {2 * MANY}; }}
stream {{
  map $ssl_preread_server_name $there {{ {NAME} {place.server}:{PORT}; }}
  server {{
    listen 127.0.0.1:{place.port} backlog={MANY};
    ssl_preread on;
    proxy_pass $there;
  }}
}}
""")]


class Sniproxy(Relay):
    name = "sniproxy"
    to = FIXED

    def command(self, place):
        return ["sniproxy", "-f", "-c", place.write("sniproxy.conf", f"""
listener 127.0.0.1:{place.port} {{
  protocol tls
  table allowed
}}
table allowed {{
  ^{NAME}$ {place.server}:{PORT}
}}
""")]


class Direct:
    """A veth link and nothing else."""
    name = "direct"


def all_relays(nxgate):
    """The first is what the others are compared with; nxgate isn't started by a `command`."""
    return [Direct(), nxgate, Haproxy(), Nginx(), Sniproxy()]
