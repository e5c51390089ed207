"""Frames past the network stack: a program that sends them, and a count of what comes out."""
import select
import socket
import struct
import subprocess
import time
from pathlib import Path

#: Packet sockets go by the queueing discipline or past it; AF_XDP sockets past all hooks.
KINDS = ("packet", "bypass", "xdp")
ETHERTYPE = 0x88b5
SO_TIMESTAMPNS = 35
_SOURCE = r"""
// KIND and LINK as the Python above says. Needs CAP_NET_RAW.
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define SIZE 64
static uint8_t frame[SIZE] = {255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, 0x88, 0xb5, 'n', 'x'};

// -1 with the step in `step` and errno.
static const char *step;
static int queue_of(unsigned link, unsigned queue, void **memory) {
  int ring = 8, fd = socket(AF_XDP, SOCK_RAW, 0);
  step = "socket";
  if (fd < 0) return -1;
  *memory = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  struct xdp_umem_reg umem = {.addr = (uintptr_t)*memory, .len = 4096, .chunk_size = 2048};
  struct sockaddr_xdp at = {.sxdp_family = AF_XDP, .sxdp_flags = XDP_COPY, .sxdp_ifindex = link,
                            .sxdp_queue_id = queue};
  if ((step = "umem", setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &umem, sizeof umem)) ||
      (step = "fill", setsockopt(fd, SOL_XDP, XDP_UMEM_FILL_RING, &ring, sizeof ring)) ||
      (step = "completion", setsockopt(fd, SOL_XDP, XDP_UMEM_COMPLETION_RING, &ring, sizeof ring)) ||
      (step = "tx", setsockopt(fd, SOL_XDP, XDP_TX_RING, &ring, sizeof ring)) ||
      (step = "bind", bind(fd, (void *)&at, sizeof at))) {
    int error = errno;
    close(fd);
    munmap(*memory, 4096);
    errno = error;
    return -1;
  }
  return fd;
}

static struct xdp {
  unsigned link;
  int fd;
  uint8_t *tx, *done;
  struct xdp_mmap_offsets at;
} sockets[64];

// Sends one by a socket of the link, of which there is one as soon as the kernel gives it.
static void send_xdp(unsigned link) {
  struct xdp *s = &sockets[link % 64];
  void *memory;
  if (s->link != link || s->fd <= 0) {
    if (s->fd > 0) close(s->fd);
    s->link = link;
    s->fd = queue_of(link, 0, &memory);
    if (s->fd < 0) return;
    memcpy(memory, frame, SIZE);
    socklen_t size = sizeof s->at;
    getsockopt(s->fd, SOL_XDP, XDP_MMAP_OFFSETS, &s->at, &size);
    s->tx = mmap(0, s->at.tx.desc + 8 * sizeof(struct xdp_desc), PROT_READ | PROT_WRITE, MAP_SHARED,
                 s->fd, XDP_PGOFF_TX_RING);
    s->done = mmap(0, s->at.cr.desc + 64, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd,
                   XDP_UMEM_PGOFF_COMPLETION_RING);
  }
  uint32_t *produced = (void *)(s->tx + s->at.tx.producer);
  uint32_t *consumed = (void *)(s->tx + s->at.tx.consumer);
  if (*produced - __atomic_load_n(consumed, __ATOMIC_ACQUIRE) < 8) {
    struct xdp_desc *d = (struct xdp_desc *)(s->tx + s->at.tx.desc) + *produced % 8;
    *d = (struct xdp_desc){.addr = 0, .len = SIZE};
    __atomic_store_n(produced, *produced + 1, __ATOMIC_RELEASE);
  }
  if (sendto(s->fd, 0, 0, MSG_DONTWAIT, 0, 0) < 0 && errno == ENXIO) {
    close(s->fd);
    s->fd = 0;
  }
  *(uint32_t *)(s->done + s->at.cr.consumer) = *(uint32_t *)(s->done + s->at.cr.producer);
}

static void send_packet(int fd, unsigned link) {
  struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = link, .sll_halen = 6};
  sendto(fd, frame, SIZE, 0, (void *)&to, sizeof to);
}

int main(int argc, char **argv) {
  void *memory;
  if (!strcmp(argv[1], "hold")) {
    int fd = queue_of(if_nametoindex(argv[2]), 0, &memory);
    if (fd < 0) return printf("%s: %s\n", step, strerror(errno)), 1;
    puts("held");
    fflush(stdout);
    sleep(argc > 3 ? atoi(argv[3]) : 1000);
    return 0;
  }
  if (!strcmp(argv[1], "open")) {  // a socket of this family
    int fd = socket(atoi(argv[2]), SOCK_STREAM, 0);
    puts(fd < 0 ? strerror(errno) : "opened");
    return fd < 0;
  }
  int xdp = !strcmp(argv[2], "xdp"), on = 1;
  int fd = socket(AF_PACKET, SOCK_RAW, 0);
  if (!strcmp(argv[2], "bypass")) setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on);
  for (;;) {
    struct if_nameindex *links = if_nameindex();
    for (struct if_nameindex *each = links; each && each->if_index; ++each) {
      if (each->if_index == 1) continue;  // lo
      for (int i = 0; i < 20; ++i) xdp ? send_xdp(each->if_index) : send_packet(fd, each->if_index);
    }
    if_freenameindex(links);
  }
}
"""


def build(directory):
    """A program without libraries, so that it runs in any container: `flood KIND`; `hold LINK`,
    which takes queue 0 for itself and says `held`, or what failed; `open FAMILY`, which opens a stream
    socket of that family and says `opened`, or what failed."""
    source, program = Path(directory) / "frames.c", Path(directory) / "frames"
    source.write_text(_SOURCE)
    subprocess.run(["gcc", "-static", "-O1", "-w", "-o", program, source], check=True)
    return str(program)


class Counter:
    """Counts the frames of `build`'s program that come into a namespace."""

    def __init__(self, namespace):
        self.socket = namespace.call(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                                           socket.htons(ETHERTYPE)))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)

    def _arrivals(self, seconds, link):
        """When each came, as the kernel noted it."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if select.select([self.socket], [], [], left)[0]:
                _, [(_, _, stamp)], _, where = self.socket.recvmsg(128, 64)
                if where[2] != socket.PACKET_OUTGOING and link in (None, where[0]):
                    whole, nano = struct.unpack("qq", stamp)
                    yield whole + nano / 1e9

    def count(self, seconds, link=None):
        """How many come within this time, of one link or all."""
        return sum(1 for _ in self._arrivals(seconds, link))

    def spread(self, seconds, link=None):
        """How many come within this time, and the seconds between the first and the last."""
        came = list(self._arrivals(seconds, link))
        return len(came), round(came[-1] - came[0], 6) if came else 0

    def close(self):
        self.socket.close()
