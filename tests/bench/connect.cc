// TCP connections a second: each asks one question, takes the answer and is gone, without a
// TIME_WAIT that would use up the ports.
//
//   connect PORT SECONDS CONCURRENT QNAME    prints how many connections of 127.0.0.1:PORT were
//   answered
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using Clock = std::chrono::steady_clock;

/// With the length that TCP puts in front (RFC 1035 section 4.2.2).
std::vector<std::uint8_t> framed_query(std::string_view qname) {
  std::vector<std::uint8_t> wire = {0, 0, 0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
  while (!qname.empty()) {
    const std::string_view label = qname.substr(0, qname.find('.'));
    wire.push_back(static_cast<std::uint8_t>(label.size()));
    wire.insert(wire.end(), label.begin(), label.end());
    qname.remove_prefix(std::min(label.size() + 1, qname.size()));
  }
  wire.insert(wire.end(), {0, 0, 1, 0, 1});
  wire[1] = static_cast<std::uint8_t>(wire.size() - 2);
  return wire;
}

/// One connection; whether a whole answer came.
bool ask(const sockaddr_in& server, const std::vector<std::uint8_t>& query) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  const linger at_once = {.l_onoff = 1, .l_linger = 0};
  const timeval patience = {.tv_sec = 2, .tv_usec = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  std::array<std::uint8_t, 1024> answer;
  std::size_t have = 0;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&server), sizeof server) == 0 &&
      ::send(fd, query.data(), query.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(query.size())) {
    while (have < 2 || have < 2U + static_cast<std::size_t>(answer[0] << 8 | answer[1])) {
      const ssize_t more = ::recv(fd, answer.data() + have, answer.size() - have, 0);
      if (more <= 0) break;
      have += static_cast<std::size_t>(more);
    }
  }
  ::close(fd);
  return have > 14;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fputs("usage: connect PORT SECONDS CONCURRENT QNAME\n", stderr);
    return 2;
  }
  sockaddr_in server{};
  server.sin_family = AF_INET;
  server.sin_port = htons(static_cast<std::uint16_t>(std::strtoul(argv[1], nullptr, 10)));
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const std::vector<std::uint8_t> query = framed_query(argv[4]);
  const auto end = Clock::now() + std::chrono::seconds(std::strtol(argv[2], nullptr, 10));

  std::atomic<std::size_t> answered = 0;
  {
    std::vector<std::jthread> clients;
    for (long i = 0; i < std::strtol(argv[3], nullptr, 10); ++i) {
      clients.emplace_back([&] {
        while (Clock::now() < end) answered += ask(server, query) ? 1 : 0;
      });
    }
  }
  std::printf("%zu\n", answered.load());
}
