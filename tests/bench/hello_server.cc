// A TCP server of one thread: reads a TLS record (a ClientHello), answers at once with a
// ServerHello, then takes whatever comes; or, if the first octet of that is a 'd', sends without
// end.
//
//   hello_server ADDRESS PORT    serves there until it is ended
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

constexpr std::size_t kPiece = 256UL << 10;
constexpr int kBacklog = 4096;
constexpr int kAtOnce = 64;
constexpr std::size_t kHeader = 5;  // of a TLS record

/// Of TLS 1.3, with the extensions that say so. Its random and its key are zeros.
constexpr auto kServerHello = [] {
  constexpr std::array<std::uint8_t, 11> kHead{22, 3, 3, 0, 90, 2, 0, 0, 86, 3, 3};
  constexpr std::array<std::uint8_t, 20> kTail{0, 0x13, 1, 0,    0, 46, 0, 0x2b, 0, 2,
                                               3, 4,    0, 0x33, 0, 36, 0, 0x1d, 0, 32};
  std::array<std::uint8_t, 95> hello{};
  std::ranges::copy(kHead, hello.begin());
  std::ranges::copy(kTail, hello.begin() + 43);
  return hello;
}();

struct Connection {
  std::size_t have = 0;  // of the hello
  std::size_t wanted = kHeader;
  std::array<std::uint8_t, kHeader> header{};
  enum class State : std::uint8_t { kHello, kCommand, kTakes, kSends } state = State::kHello;
};

class Server {
 public:
  explicit Server(int listener) : listener_(listener), epoll_(::epoll_create1(0)) {
    watch(listener, EPOLLIN, EPOLL_CTL_ADD);
  }

  void run() {
    std::array<epoll_event, kAtOnce> events;
    while (true) {
      const int ready = ::epoll_wait(epoll_, events.data(), kAtOnce, -1);
      for (int i = 0; i < ready; ++i) {
        const int fd = events[static_cast<std::size_t>(i)].data.fd;
        if (fd == listener_) {
          accept();
        } else if (!serve(fd, connections_[static_cast<std::size_t>(fd)])) {
          ::close(fd);
        }
      }
    }
  }

 private:
  void watch(int fd, std::uint32_t events, int operation) const {
    epoll_event event{.events = events, .data = {.fd = fd}};
    ::epoll_ctl(epoll_, operation, fd, &event);
  }

  void accept() {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
    if (fd < 0) return;
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const auto at = static_cast<std::size_t>(fd);
    if (connections_.size() <= at) connections_.resize(at + 1);
    connections_[at] = {};
    watch(fd, EPOLLIN, EPOLL_CTL_ADD);
  }

  /// False if the connection is over.
  bool serve(int fd, Connection& connection) {
    using State = Connection::State;
    if (connection.state == State::kSends) return send_more(fd);
    const ssize_t got = ::recv(fd, buffer_.data(), buffer_.size(), 0);
    if (got < 0) return errno == EAGAIN;
    if (got == 0) return false;
    if (connection.state == State::kHello) return take_hello(fd, connection, got);
    if (connection.state == State::kCommand) {
      connection.state = buffer_[0] == 'd' ? State::kSends : State::kTakes;
      if (connection.state == State::kSends) watch(fd, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
    }
    return true;
  }

  bool take_hello(int fd, Connection& connection, ssize_t got) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i) {
      if (connection.have < kHeader) connection.header[connection.have] = buffer_[i];
      if (++connection.have == kHeader) {
        connection.wanted += static_cast<std::size_t>(connection.header[3] << 8);
        connection.wanted += connection.header[4];
      }
    }
    if (connection.have < connection.wanted) return true;
    connection.state = Connection::State::kCommand;
    return ::send(fd, kServerHello.data(), kServerHello.size(), MSG_NOSIGNAL) > 0;
  }

  bool send_more(int fd) {
    return ::send(fd, buffer_.data(), buffer_.size(), MSG_NOSIGNAL) > 0 || errno == EAGAIN;
  }

  int listener_;
  int epoll_;
  std::vector<Connection> connections_;  // by descriptor
  std::array<std::uint8_t, kPiece> buffer_{};
};

}  // namespace

int main(int argc, char** argv) {
  sockaddr_in at{};
  if (argc != 3 || ::inet_pton(AF_INET, argv[1], &at.sin_addr) != 1) {
    std::fputs("usage: hello_server ADDRESS PORT\n", stderr);
    return 2;
  }
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  at.sin_family = AF_INET;
  at.sin_port = htons(static_cast<std::uint16_t>(std::strtoul(argv[2], nullptr, 10)));
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 ||
      ::listen(fd, kBacklog) != 0) {
    std::perror("bind");
    return 1;
  }
  Server(fd).run();
}
