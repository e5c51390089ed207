"""Programs in a container of a real engine, behind a firewall that checks names at connections.

The container's own programs are this system's, which it sees read-only.
"""
import re
import shutil
import subprocess

import pytest

from harness.engine import ENGINE_CONFIG
from harness.http2 import Http2Site
from harness.nxgate import Nxgate
from harness.services import PROOF, Services
from harness.timing import within
from harness.upstream import Upstream, answer

ADDRESS, SECOND = "192.52.193.7", "192.52.193.8"
MOUNTED = {"/usr": "/usr", "/usr/bin": "/bin", "/usr/sbin": "/sbin", "/usr/lib": "/lib", "/usr/lib64": "/lib64",
           "/etc/ssl": "/etc/ssl", "/etc/alternatives": "/etc/alternatives"}
CONFIG = ENGINE_CONFIG + """
[policies.default]
allow = ["good.test", "second.test"]

[policies.default.egress]
"""
REQUESTS = "import requests; print(requests.get('{0}/page', verify=False).text)"
WEBSOCKET = """
import ssl, websocket
made = websocket.create_connection('{0}/socket', sslopt=dict(cert_reqs=ssl.CERT_NONE))
made.send('it came' + ' whole')
print(made.recv())
"""
NODE = """
require("https").get("{0}/page", {rejectUnauthorized: false},
    (answer) => answer.on("data", (data) => process.stdout.write(data)));
"""
APT = """
rm -rf /tmp/apt && mkdir -p /tmp/apt/lists/partial /tmp/apt/archives/partial && cd /tmp/apt && : >status &&
echo "deb [trusted=yes] {0}/apt ./" >sources &&
set -- -o Dir::Etc::SourceList=/tmp/apt/sources -o Dir::Etc::SourceParts=/none -o Dir::State=/tmp/apt \\
    -o Dir::State::status=/tmp/apt/status -o Dir::Cache=/tmp/apt -o APT::Sandbox::User=root \\
    -o Acquire::Retries=0 \\
    -o Acquire::https::Verify-Peer=false -o Acquire::https::Verify-Host=false &&
apt-get "$@" -o APT::Update::Error-Mode=any update && apt-get "$@" download hello && dpkg-deb -f hello*.deb
"""
GIT = """
rm -rf /tmp/git && git -c http.sslVerify=false clone -q {0}/git/hello.git /tmp/git && cat /tmp/git/proof
"""
PIP = """
rm -rf /tmp/pip && /usr/bin/python3 -m pip --no-cache-dir --disable-pip-version-check --retries 0 install \\
    --index-url {0}/simple --trusted-host {1} --target /tmp/pip hello && /usr/bin/python3 /tmp/pip/hello.py
"""
NPM = """
rm -rf /tmp/npm && mkdir -p /tmp/npm && cd /tmp/npm &&
npm --registry {0}/npm/ --strict-ssl=false --fetch-retries=0 --no-audit --no-fund install hello &&
cat node_modules/hello/package.json
"""
OPENSSL = "printf 'GET /page HTTP/1.0\\r\\n\\r\\n' | openssl s_client -quiet -ign_eof -connect {1}:443 -servername {1}"
ALERT = "unrecognized name"
FORBIDDEN = "403 +Forbidden by nxgate"
#: A client; what fetches PROOF from the site {0}, whose name is {1}, and shows it; and what it says of a name that is
#: refused.
CLIENTS = {
    "curl": ("curl -ksS {0}/page", ALERT),
    "curl over http": ("curl -sS {0}/page", "`bad.test`: the name isn't allowed by policy default"),
    "wget": ("wget -O- --no-check-certificate {0}/page", "server name sent was not recognized|" + ALERT),
    "wget over http": ("wget -O- {0}/page", FORBIDDEN),
    "openssl": (OPENSSL, ALERT),
    "git": (GIT, "server name sent was not recognized|" + ALERT),
    "apt-get": (APT, "A TLS fatal alert has been received|" + ALERT),
    "apt-get over http": (APT, FORBIDDEN),
    "pip": (PIP, ALERT),
    "npm": (NPM, ALERT),
    "node": (f"node -e '{NODE}'", ALERT),
    "python3-requests": (f'/usr/bin/python3 -W ignore -c "{REQUESTS}"', ALERT),
    "python3-websocket": (f'/usr/bin/python3 -c "{WEBSOCKET}"', ALERT),
    "python3-websocket over http": (f'/usr/bin/python3 -c "{WEBSOCKET}"', FORBIDDEN),
}
#: Programs by what has them.
PROGRAMS = {"pip": "python3 -m pip --version", "python3-requests": "python3 -c 'import requests'",
            "python3-websocket": "python3 -c 'import websocket'"}


@pytest.fixture(scope="module")
def inside(engine_of_all):
    """A container that asks nxgate; `bad.test` is at the address of `good.test`, `worse.test` at the other's."""
    engine = engine_of_all
    for address in (ADDRESS, SECOND):
        engine.outside.run("ip", "address", "replace", f"{address}/32", "dev", "lo", check=True)
    site = Services(engine.outside, ADDRESS)
    upstream = Upstream({"good.test": answer(f"@ 60 A {ADDRESS}"), "second.test": answer(f"@ 60 A {SECOND}")},
                        namespace=engine.outside, address="10.99.0.1")
    mounts = [f"--volume={engine.source(here)}:{there}:ro" for here, there in MOUNTED.items()]
    container = engine.run("web", "--add-host", f"bad.test:{ADDRESS}", "--add-host", f"worse.test:{SECOND}",
                           *mounts, network=engine.network("app_net"))
    running = Nxgate("web", command="attach", config=CONFIG.format(
        port=upstream.port, netns=engine.outside.path, socket=engine.socket))
    container.site = site
    yield container
    running.stop()
    engine.clear()
    upstream.stop()
    site.close()


def is_there(program):
    if program in PROGRAMS:
        done = subprocess.run(["sh", "-c", f"/usr/bin/{PROGRAMS[program]}"], check=False, capture_output=True)
        return done.returncode == 0
    return shutil.which(program) is not None


@pytest.mark.parametrize("client", CLIENTS)
def test_an_allowed_name_is_fetched_and_another_at_its_address_is_refused(inside, client):
    program, *over = client.split(" over ")
    command, complaint = CLIENTS[client]
    if not is_there(program):
        pytest.skip(f"{program} isn't installed")
    scheme = "ws" if "websocket" in program else "http"
    if not over:
        scheme += "s"

    def fetch(name):
        text = command.replace("{0}", f"{scheme}://{name}").replace("{1}", name)
        done, seconds = inside.timed("env", "-i", "HOME=/tmp", "PATH=/usr/bin:/bin", "sh", "-c", f"exec 2>&1; {text}")
        return done.stdout, seconds

    said, whole = fetch("good.test")
    assert PROOF in said, said
    said, seconds = fetch("bad.test")
    assert re.search(complaint, said, re.I), said
    assert PROOF not in said and "bad.test" not in inside.site.names + inside.site.hosts
    assert seconds < whole + within(2), "at once"


@pytest.mark.skipif(not shutil.which("node"), reason="node isn't installed")
def test_http2(inside):
    site = Http2Site(inside.engine.outside, SECOND)
    try:
        assert inside.run("curl", "-ksS", "--http2", "https://second.test/").stdout == "second.test by 2.0"
        assert ALERT in inside.run("curl", "-ksS", "--http2", "https://worse.test/").stderr
    finally:
        site.close()
