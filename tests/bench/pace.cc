// A load at a fixed rate, whatever becomes of it: queries leave when they are due, not when the one
// before is answered, so a server that falls behind shows it in its latencies.
//
//   pace ADDRESS PORT RATE SECONDS FILE    FILE begins each of its lines, 64 or more, with a qname
//
// Prints one JSON object: what was sent and answered, by rcode, and quantiles of the latency.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

namespace {

using Clock = std::chrono::steady_clock;
using Nanoseconds = std::chrono::nanoseconds;

constexpr std::size_t kBatch = 64;
constexpr double kRatePerSocket = 20'000;  // an id comes again after three seconds
constexpr auto kDrain = std::chrono::seconds(1);
constexpr auto kFresh = std::chrono::milliseconds(100);

std::vector<std::uint8_t> query(const std::string& qname) {
  std::vector<std::uint8_t> wire = {0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
  for (std::size_t at = 0; at < qname.size();) {
    const std::size_t end = std::min(qname.find('.', at), qname.size());
    wire.push_back(static_cast<std::uint8_t>(end - at));
    wire.insert(wire.end(), qname.begin() + static_cast<std::ptrdiff_t>(at),
                qname.begin() + static_cast<std::ptrdiff_t>(end));
    at = end + 1;
  }
  wire.insert(wire.end(), {0, 0, 1, 0, 1});
  return wire;
}

/// One connected socket, and when each of its queries left.
struct Lane {
  int fd;
  std::uint16_t next_id = 0;
  std::vector<Clock::time_point> sent = std::vector<Clock::time_point>(65536);
};

struct Load {
  std::vector<std::vector<std::uint8_t>> queries;
  std::vector<Lane> lanes;
  std::size_t sent = 0;
  std::array<std::size_t, 16> rcodes{};
  std::vector<std::uint32_t> latencies;  // nanoseconds

  /// Sends up to `count` queries, as many as the socket takes.
  void send(std::size_t count) {
    Lane& lane = lanes[sent / kBatch % lanes.size()];
    std::array<iovec, kBatch> vectors;
    std::array<mmsghdr, kBatch> messages{};
    const auto now = Clock::now();
    const std::size_t wanted = std::min(count, kBatch - sent % kBatch);
    for (std::size_t i = 0; i < wanted; ++i) {
      std::vector<std::uint8_t>& wire = queries[(sent + i) % queries.size()];
      const auto id = static_cast<std::uint16_t>(lane.next_id + i);
      wire[0] = static_cast<std::uint8_t>(id >> 8);
      wire[1] = static_cast<std::uint8_t>(id);
      lane.sent[id] = now;
      vectors[i] = {wire.data(), wire.size()};
      messages[i].msg_hdr.msg_iov = &vectors[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    const int done = ::sendmmsg(lane.fd, messages.data(), static_cast<unsigned>(wanted), 0);
    const std::size_t taken = done > 0 ? static_cast<std::size_t>(done) : 0;
    sent += taken;
    lane.next_id = static_cast<std::uint16_t>(lane.next_id + taken);
  }

  void receive(Lane& lane) {
    std::array<std::array<std::uint8_t, 512>, kBatch> buffers;
    std::array<iovec, kBatch> vectors;
    std::array<mmsghdr, kBatch> messages{};
    for (std::size_t i = 0; i < kBatch; ++i) {
      vectors[i] = {buffers[i].data(), buffers[i].size()};
      messages[i].msg_hdr.msg_iov = &vectors[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    const int received = ::recvmmsg(lane.fd, messages.data(), kBatch, MSG_DONTWAIT, nullptr);
    const auto now = Clock::now();
    for (std::size_t i = 0; received > 0 && i < static_cast<std::size_t>(received); ++i) {
      const auto& at = buffers[i];
      auto& left = lane.sent[static_cast<std::size_t>(at[0] << 8 | at[1])];
      if (messages[i].msg_len < 12 || left == Clock::time_point{}) continue;
      latencies.push_back(static_cast<std::uint32_t>(Nanoseconds(now - left).count()));
      left = {};
      ++rcodes[at[3] & 15U];
    }
  }

  /// Takes what has come by `deadline`, or at once if something has.
  void wait_until(Clock::time_point deadline) {
    std::vector<pollfd> watched;
    for (const Lane& lane : lanes) watched.push_back({.fd = lane.fd, .events = POLLIN});
    const auto left = std::max(Nanoseconds(deadline - Clock::now()), Nanoseconds(0)).count();
    const timespec timeout = {.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000};
    if (::ppoll(watched.data(), watched.size(), &timeout, nullptr) <= 0) return;
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      if ((watched[i].revents & (POLLIN | POLLERR)) != 0) receive(lanes[i]);
    }
  }

  void run(double rate, Clock::duration length) {
    const auto start = Clock::now();
    const auto end = start + length;
    for (auto now = start; now < end; now = Clock::now()) {
      const double elapsed = std::chrono::duration<double>(now - start).count();
      const auto due = static_cast<std::size_t>(elapsed * rate) + 1;
      if (due > sent) send(due - sent);
      const auto next =
          start + std::chrono::duration_cast<Clock::duration>(
                      std::chrono::duration<double>(static_cast<double>(sent) / rate));
      wait_until(std::min(next, end));
    }
    while (latencies.size() < sent && Clock::now() < end + kDrain) wait_until(end + kDrain);
  }

  void print() {
    std::ranges::sort(latencies);
    const auto quantile = [&](double share) {
      if (latencies.empty()) return 0.0;
      const auto at = static_cast<std::size_t>(share * static_cast<double>(latencies.size() - 1));
      return latencies[at] / 1000.0;
    };
    const auto fresh = std::ranges::upper_bound(latencies, Nanoseconds(kFresh).count());
    std::printf("{\"sent\": %zu, \"answered\": %zu, \"fresh\": %zu, ", sent, latencies.size(),
                static_cast<std::size_t>(fresh - latencies.begin()));
    std::printf("\"p50_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f, \"rcodes\": [",
                quantile(0.5), quantile(0.99), quantile(1));
    for (std::size_t i = 0; i < rcodes.size(); ++i)
      std::printf(i == 0 ? "%zu" : ", %zu", rcodes[i]);
    std::puts("]}");
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fputs("usage: pace ADDRESS PORT RATE SECONDS FILE\n", stderr);
    return 2;
  }
  sockaddr_in server{};
  server.sin_family = AF_INET;
  server.sin_port = htons(static_cast<std::uint16_t>(std::strtoul(argv[2], nullptr, 10)));
  const double rate = std::strtod(argv[3], nullptr);
  const std::chrono::duration<double> seconds(std::strtod(argv[4], nullptr));
  if (::inet_pton(AF_INET, argv[1], &server.sin_addr) != 1 || rate <= 0) return 2;

  Load load;
  std::ifstream file(argv[5]);
  for (std::string line; std::getline(file, line);) {
    load.queries.push_back(query(line.substr(0, line.find(' '))));
  }
  if (load.queries.size() < kBatch) return 2;  // one batch has each query once at most
  for (double covered = 0; covered < rate; covered += kRatePerSocket) {
    const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
    const int size = 4 << 20;
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&server), sizeof server) != 0) {
      std::perror("connect");
      return 1;
    }
    load.lanes.push_back({.fd = fd});
  }
  load.run(rate, std::chrono::duration_cast<Clock::duration>(seconds));
  load.print();
}
