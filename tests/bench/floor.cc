// The kernel's floor: the least a UDP server on this machine can do for an answer. It receives in
// batches, turns the header of each message into an NXDOMAIN without looking at the rest, and sends
// the batch back. Whatever a real server spends beyond this is its own.
//
//   floor PORT      listens on 127.0.0.1:PORT until it is ended
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace {

constexpr unsigned kBatch = 64;
constexpr std::size_t kMessageSize = 4096;

std::array<std::array<std::uint8_t, kMessageSize>, kBatch> buffers;
std::array<sockaddr_in, kBatch> peers;
std::array<iovec, kBatch> vectors;
std::array<mmsghdr, kBatch> messages;

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: floor PORT\n", stderr);
    return 2;
  }
  const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(static_cast<std::uint16_t>(std::strtoul(argv[1], nullptr, 10)));
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) {
    std::perror("bind");
    return 1;
  }
  for (unsigned i = 0; i < kBatch; ++i) {
    messages[i].msg_hdr = {.msg_name = &peers[i],
                           .msg_namelen = sizeof peers[i],
                           .msg_iov = &vectors[i],
                           .msg_iovlen = 1};
  }
  while (true) {
    for (unsigned i = 0; i < kBatch; ++i) {
      vectors[i] = {buffers[i].data(), buffers[i].size()};
      messages[i].msg_hdr.msg_namelen = sizeof peers[i];
    }
    const int received = ::recvmmsg(fd, messages.data(), kBatch, MSG_WAITFORONE, nullptr);
    if (received <= 0) continue;
    for (int i = 0; i < received; ++i) {
      buffers[static_cast<unsigned>(i)][2] |= 0x84;
      buffers[static_cast<unsigned>(i)][3] = 0x83;
      vectors[static_cast<unsigned>(i)].iov_len = messages[static_cast<unsigned>(i)].msg_len;
    }
    for (int done = 0; done < received;) {
      const int sent =
          ::sendmmsg(fd, messages.data() + done, static_cast<unsigned>(received - done), 0);
      done += sent > 0 ? sent : 1;
    }
  }
}
