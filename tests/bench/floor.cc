// The kernel's floor: the least a UDP server on this machine can do for an answer. It receives in
// batches, turns each message into its answer without a thought, and sends the batch back. Whatever
// a real server spends beyond this is its own. It also is the upstream of those that forward.
//
//   floor ADDRESS PORT deny       listens there until it is ended, and answers NXDOMAIN
//   floor ADDRESS PORT address    the same with one address, another in each answer
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace {

constexpr unsigned kBatch = 64;
constexpr std::size_t kMessageSize = 4096;
constexpr std::size_t kHeaderSize = 12;
/// A record of the qname, but for the end of its address: A, IN, an hour, 198.18.x.y.
constexpr std::array<std::uint8_t, 14> kRecord = {0xc0, 12, 0,  1, 0, 1,   0,
                                                  0,    14, 16, 0, 4, 198, 18};

std::array<std::array<std::uint8_t, kMessageSize>, kBatch> buffers;
std::array<sockaddr_in, kBatch> peers;
std::array<iovec, kBatch> vectors;
std::array<mmsghdr, kBatch> messages;
std::uint16_t given = 0;

/// Both turn the message of `size` bytes in `at` into its answer, and return the answer's size.
using Answer = std::size_t (*)(std::uint8_t* at, std::size_t size);

std::size_t deny(std::uint8_t* at, std::size_t size) {
  at[2] |= 0x84;
  at[3] = 0x83;
  return size;
}

/// Drops what follows the question, as an OPT does.
std::size_t give_address(std::uint8_t* at, std::size_t size) {
  std::size_t end = kHeaderSize;
  while (end < size && at[end] != 0) ++end;
  end += 5;
  at[2] |= 0x80;
  at[3] = 0x80;
  std::memcpy(at + 6, "\0\1\0\0\0\0", 6);
  std::memcpy(at + end, kRecord.data(), kRecord.size());
  end += kRecord.size();
  at[end] = static_cast<std::uint8_t>(++given >> 8);
  at[end + 1] = static_cast<std::uint8_t>(given);
  return end + 2;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view work = argc == 4 ? argv[3] : "";
  const Answer answer = work == "deny" ? deny : work == "address" ? give_address : nullptr;
  sockaddr_in at{};
  if (answer == nullptr || ::inet_pton(AF_INET, argv[1], &at.sin_addr) != 1) {
    std::fputs("usage: floor ADDRESS PORT deny|address\n", stderr);
    return 2;
  }
  const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
  at.sin_family = AF_INET;
  at.sin_port = htons(static_cast<std::uint16_t>(std::strtoul(argv[2], nullptr, 10)));
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
      vectors[i] = {buffers[i].data(), kMessageSize / 2};
      messages[i].msg_hdr.msg_namelen = sizeof peers[i];
    }
    const int received = ::recvmmsg(fd, messages.data(), kBatch, MSG_WAITFORONE, nullptr);
    if (received <= 0) continue;
    for (unsigned i = 0; i < static_cast<unsigned>(received); ++i) {
      vectors[i].iov_len = answer(buffers[i].data(), messages[i].msg_len);
    }
    for (int done = 0; done < received;) {
      const int sent =
          ::sendmmsg(fd, messages.data() + done, static_cast<unsigned>(received - done), 0);
      done += sent > 0 ? sent : 1;
    }
  }
}
