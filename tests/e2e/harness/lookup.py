"""Real programs that look names up: one against musl, compiled here, and one against glibc."""
import subprocess
from pathlib import Path

from harness.timing import Stopwatch

_SOURCE = r"""
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>

int main(int argc, char **argv) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = 0;
  int error = getaddrinfo(argc > 1 ? argv[1] : "", 0, &hints, &list);
  if (error) return printf("%s\n", error == EAI_NONAME  ? "EAI_NONAME"
                                   : error == EAI_AGAIN ? "EAI_AGAIN"
                                                        : gai_strerror(error)), 2;
  for (; list; list = list->ai_next) {
    char text[64];
    getnameinfo(list->ai_addr, list->ai_addrlen, text, sizeof text, 0, 0, NI_NUMERICHOST);
    puts(text);
  }
  return 0;
}
"""


def build_musl(directory):
    source, program = Path(directory) / "lookup.c", Path(directory) / "lookup"
    source.write_text(_SOURCE)
    subprocess.run(["musl-gcc", "-static", "-O1", "-o", program, source], check=True)
    return str(program)


class Lookup:
    """What a program in a namespace got for a name: its words, and the seconds it took."""

    def __init__(self, namespace, *command):
        with Stopwatch() as watch:
            done = namespace.run(*command)
        self.seconds = watch.seconds
        self.ok, self.output = done.returncode == 0, done.stdout.strip()

    @property
    def addresses(self):
        return sorted({line.split()[0] for line in self.output.splitlines()})


#: getaddrinfo as glibc's programs call it; says why it failed.
GLIBC = ["/usr/bin/python3", "-c", """
import socket, sys
try:
    for found in socket.getaddrinfo(sys.argv[1], None, type=socket.SOCK_STREAM):
        print(found[4][0])
except socket.gaierror as error:
    names = {v: k for k, v in vars(socket).items() if k.startswith("EAI_")}
    sys.exit(print(names[error.errno]) or 2)
"""]
