// Connections that begin with a ClientHello, and what comes of them. HELLO is a file that has one.
//
//   hello_client ADDRESS PORT HELLO first SECONDS         one at a time, a millisecond apart
//   hello_client ADDRESS PORT HELLO short SECONDS COUNT   COUNT at a time, each gone at its first
//   octet hello_client ADDRESS PORT HELLO up|down SECONDS       one that carries what it can
//   hello_client ADDRESS PORT HELLO open COUNT            keeps COUNT open until its input ends
//
// Prints a JSON object; octets and seconds, of which `cpu` are its own.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string_view>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr std::size_t kPiece = 256UL << 10;
constexpr auto kApart = std::chrono::milliseconds(1);

sockaddr_in server{};
std::vector<char> hello;
std::vector<char> buffer(kPiece);

double cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto in_seconds = [](const timeval& at) {
    return static_cast<double>(at.tv_sec) + static_cast<double>(at.tv_usec) / 1e6;
  };
  return in_seconds(used.ru_utime) + in_seconds(used.ru_stime);
}

/// One connection, up to the first octet of the answer. Ends by a reset, without a TIME_WAIT that
/// would use up the ports.
class Connection {
 public:
  Connection() : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const int on = 1;
    const linger at_once = {.l_onoff = 1, .l_linger = 0};
    const timeval patience = {.tv_sec = 5, .tv_usec = 0};
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    const auto begin = Clock::now();
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&server), sizeof server) != 0) return;
    connected_ = Clock::now() - begin;
    if (!send(hello.data(), hello.size())) return;
    std::array<char, 1024> answer;
    // The first octet of a handshake; an alert would be a refusal.
    is_answered_ = ::recv(fd_, answer.data(), answer.size(), 0) > 0 && answer[0] == 22;
    first_ = Clock::now() - begin;
  }
  Connection(Connection&& other) noexcept : Connection(other) { other.fd_ = -1; }
  ~Connection() {
    if (fd_ >= 0) ::close(fd_);
  }

  [[nodiscard]] bool send(const char* from, std::size_t size) const {
    return ::send(fd_, from, size, MSG_NOSIGNAL) == static_cast<ssize_t>(size);
  }
  [[nodiscard]] std::size_t receive(std::vector<char>& into) const {
    const ssize_t got = ::recv(fd_, into.data(), into.size(), 0);
    return got > 0 ? static_cast<std::size_t>(got) : 0;
  }
  /// Until the other end has taken all.
  void finish() const {
    ::shutdown(fd_, SHUT_WR);
    while (receive(buffer) > 0) continue;
  }

  [[nodiscard]] bool is_answered() const { return is_answered_; }
  [[nodiscard]] Clock::duration connected() const { return connected_; }
  [[nodiscard]] Clock::duration first() const { return first_; }

 private:
  Connection(const Connection&) = default;

  int fd_;
  bool is_answered_ = false;
  Clock::duration connected_{};
  Clock::duration first_{};
};

double microseconds(std::vector<Clock::duration>& sorted, double share) {
  if (sorted.empty()) return 0;
  std::ranges::sort(sorted);
  const auto at = static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1));
  return std::chrono::duration<double, std::micro>(sorted[at]).count();
}

bool first(Seconds length) {
  std::vector<Clock::duration> connected;
  std::vector<Clock::duration> answered;
  std::size_t failed = 0;
  for (const auto end = Clock::now() + length; Clock::now() < end;) {
    {
      const Connection connection;
      if (connection.is_answered()) {
        connected.push_back(connection.connected());
        answered.push_back(connection.first());
      } else {
        ++failed;
      }
    }
    std::this_thread::sleep_for(kApart);
  }
  std::printf(
      "{\"count\": %zu, \"failed\": %zu, \"connect_us\": %.1f, \"p50_us\": %.1f, "
      "\"p99_us\": %.1f}\n",
      answered.size(), failed, microseconds(connected, 0.5), microseconds(answered, 0.5),
      microseconds(answered, 0.99));
  return failed == 0;
}

bool short_ones(Seconds length, std::size_t count) {
  std::atomic<std::size_t> answered = 0;
  std::atomic<std::size_t> failed = 0;
  const auto begin = Clock::now();
  {
    std::vector<std::jthread> clients;
    for (std::size_t i = 0; i < count; ++i) {
      clients.emplace_back([&] {
        while (Clock::now() < begin + length) ++(Connection().is_answered() ? answered : failed);
      });
    }
  }
  std::printf("{\"count\": %zu, \"failed\": %zu, \"seconds\": %.3f, \"cpu\": %.4f}\n",
              answered.load(), failed.load(), Seconds(Clock::now() - begin).count(), cpu_seconds());
  return true;
}

bool bulk(Seconds length, bool up) {
  const Connection connection;
  std::size_t octets = 0;
  if (!connection.is_answered() || !connection.send(up ? "u" : "d", 1)) return false;
  const double before = cpu_seconds();
  const auto begin = Clock::now();
  while (Clock::now() < begin + length) {
    const std::size_t moved =
        up ? (connection.send(buffer.data(), kPiece) ? kPiece : 0) : connection.receive(buffer);
    if (moved == 0) return false;
    octets += moved;
  }
  if (up) connection.finish();
  std::printf("{\"octets\": %zu, \"seconds\": %.3f, \"cpu\": %.4f}\n", octets,
              Seconds(Clock::now() - begin).count(), cpu_seconds() - before);
  return true;
}

bool open_ones(std::size_t count) {
  std::vector<Connection> kept;
  kept.reserve(count);
  while (kept.size() < count) {
    // As a client goes on with its handshake; relays may be less patient with those that don't.
    if (!kept.emplace_back().is_answered() || !kept.back().send("u", 1)) return false;
  }
  std::printf("{\"open\": %zu}\n", kept.size());
  std::fflush(stdout);
  std::getchar();
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view work = argc > 4 ? argv[4] : "";
  if (argc != (work == "short" ? 7 : 6) || ::inet_pton(AF_INET, argv[1], &server.sin_addr) != 1) {
    std::fputs("usage: hello_client ADDRESS PORT HELLO first|short|up|down|open NUMBER [COUNT]\n",
               stderr);
    return 2;
  }
  server.sin_family = AF_INET;
  server.sin_port = htons(static_cast<std::uint16_t>(std::strtoul(argv[2], nullptr, 10)));
  std::ifstream file(argv[3], std::ios::binary);
  hello.assign(std::istreambuf_iterator<char>(file), {});
  const double number = std::strtod(argv[5], nullptr);
  bool done = false;
  if (work == "first") done = first(Seconds(number));
  if (work == "short") done = short_ones(Seconds(number), std::strtoul(argv[6], nullptr, 10));
  if (work == "up" || work == "down") done = bulk(Seconds(number), work == "up");
  if (work == "open") done = open_ones(static_cast<std::size_t>(number));
  return done ? 0 : 1;
}
