"""Programs that users run, behind a firewall that checks names at connections."""
import os
import shutil
import subprocess

import pytest

from harness.timing import Stopwatch, within
from harness.tls import HttpsSite
from test_names import SHARED, app, attach, outside  # noqa: F401 (fixtures)

NODE = """
const https = require("https");
https.get({hostname: process.argv[1], rejectUnauthorized: false}, (answer) => {
  answer.on("data", (data) => process.stdout.write(data));
}).on("error", (error) => { console.error(error.message); process.exit(3); });
"""
PYTHON = """
import ssl, sys, urllib.request
print(urllib.request.urlopen(f"https://{sys.argv[1]}/", context=ssl._create_unverified_context()).read().decode())
"""
JAVA = """
import java.net.URL;
import java.security.cert.X509Certificate;
import javax.net.ssl.*;

class Fetch implements X509TrustManager {
  public void checkClientTrusted(X509Certificate[] chain, String type) {}
  public void checkServerTrusted(X509Certificate[] chain, String type) {}
  public X509Certificate[] getAcceptedIssuers() { return new X509Certificate[0]; }

  public static void main(String[] names) throws Exception {
    SSLContext any = SSLContext.getInstance("TLS");
    any.init(null, new TrustManager[] {new Fetch()}, null);
    HttpsURLConnection.setDefaultSSLSocketFactory(any.getSocketFactory());
    HttpsURLConnection.setDefaultHostnameVerifier((name, session) -> true);
    System.out.write(new URL("https://" + names[0] + "/").openStream().readAllBytes());
    System.out.flush();
  }
}
"""
GO = """
package main

import ("crypto/tls"; "fmt"; "io"; "net/http"; "os")

func main() {
  transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
  answer, fault := (&http.Client{Transport: transport}).Get("https://" + os.Args[1] + "/")
  if fault != nil { fmt.Println(fault); os.Exit(3) }
  io.Copy(os.Stdout, answer.Body)
}
"""
#: What is compiled first: a file, its text, and by what.
SOURCES = {
    "java": ("Fetch.java", JAVA, ["javac", "Fetch.java"]),
    "go": ("fetch.go", GO, ["go", "build", "fetch.go"]),
}
#: What fetches https://NAME/, and what it says of a name that is refused.
CLIENTS = {
    "curl": (["curl", "-ksS", "https://{}/"], "unrecognized name"),
    "curl by TLS 1.2": (["curl", "-ksS", "--tls-max", "1.2", "https://{}/"], "unrecognized name"),
    "wget": (["wget", "-qO-", "--no-check-certificate", "https://{}/"], None),
    "openssl": (["sh", "-c", "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | "
                 "openssl s_client -quiet -ign_eof -connect {0}:443 -servername {0} 2>&1"],
                "unrecognized name"),
    "python": (["/usr/bin/python3", "-c", PYTHON, "{}"], "UNRECOGNIZED_NAME|unrecognized name"),
    "node": (["node", "-e", NODE, "{}"], "unrecognized name"),
    "java": (["java", "-cp", "DIRECTORY", "Fetch", "{}"], "unrecognized_name"),
    "go": (["DIRECTORY/fetch", "{}"], "unrecognized name"),
    "chromium": (["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir=DIRECTORY",
                  "--ignore-certificate-errors", "--dump-dom", "https://{}/"], "ERR_SSL_UNRECOGNIZED_NAME_ALERT"),
}


@pytest.fixture
def site(outside):  # noqa: F811
    made = HttpsSite(outside, SHARED)
    yield made
    made.close()


@pytest.fixture
def inside(app, site, attach):  # noqa: F811
    """A namespace whose programs resolve by nxgate; `bad.test` is at the address of `also.test`."""
    attach(app)
    app.resolv_conf("nameserver 198.51.100.53\n")
    (app.etc / "hosts").write_text(f"{SHARED} bad.test\n")
    return app


@pytest.mark.parametrize("client", CLIENTS)
def test_an_allowed_name_is_fetched_and_another_at_its_address_is_not(inside, site, directory, client):
    command, complaint = CLIENTS[client]
    file, source, compiler = SOURCES.get(client, (None, None, command))
    if not shutil.which(compiler[0]):
        pytest.skip(f"{compiler[0]} isn't installed")
    if source:
        (directory / file).write_text(source)
        subprocess.run(compiler, cwd=directory, env={"GOCACHE": str(directory / "cache"), **os.environ}, check=True)

    def fetch(name):
        return inside.run(*(part if part in (NODE, PYTHON) else
                            part.replace("DIRECTORY", str(directory)).format(name) for part in command))

    good = fetch("also.test")
    assert site.PAGE.decode() in good.stdout, good
    with Stopwatch() as watch:
        bad = fetch("bad.test")
    assert site.PAGE.decode() not in bad.stdout
    if complaint:
        said = (bad.stdout + bad.stderr).lower()
        assert any(each.lower() in said for each in complaint.split("|")), bad
    assert watch.seconds < within(5)
    assert set(site.hosts) <= {"also.test", None}


@pytest.mark.parametrize("name", ["also.test", "bad.test"])
def test_curl_over_http_is_told_why_it_is_refused(inside, site, name):
    inside.run("curl", "-s", "http://also.test/", check=True)
    done = inside.run("curl", "-s", "-w", "%{http_code}", f"http://{name}/", check=True)
    if name == "also.test":
        assert done.stdout == f"{site.PAGE.decode()}200"
    else:
        assert "the name isn't allowed by policy default" in done.stdout
        assert done.stdout.endswith("403")


def test_an_upgrade_to_http2_without_tls_is_left_out(inside, site):
    done = inside.run("curl", "-s", "--http2", "-w", "%{http_version}", "http://also.test/", check=True)
    assert done.stdout == f"{site.PAGE.decode()}1.1"


def test_http2_by_prior_knowledge_is_refused(inside, site):
    inside.run("curl", "-s", "http://also.test/", check=True)
    done = inside.run("curl", "-s", "--http2-prior-knowledge", "http://also.test/")
    assert done.returncode != 0
    assert site.hosts == ["also.test"]


def test_many_at_once(inside, site):
    """A hundred clients, each with a connection of its own."""
    done = inside.run("sh", "-c", "for i in $(seq 100); do curl -ksS https://also.test/ & done; wait",
                      timeout=120)
    assert done.stdout == site.PAGE.decode() * 100, done.stderr
