#include "forward/port.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <gtest/gtest.h>
#include <sys/socket.h>

namespace nxgate::forward {
namespace {

class Guest final : public PortGuest {
 public:
  [[nodiscard]] Bytes query() const noexcept override { return query_; }
  bool receive(Bytes, bool, Instant) override { return true; }
  void fail(int error, Instant) override { failure = error; }

  int failure = 0;

 private:
  std::array<std::uint8_t, 512> query_{};
};

struct Pair {
  Pair() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    ours = sys::Descriptor(ends[0]);
    theirs = sys::Descriptor(ends[1]);
  }
  /// How many messages have come.
  [[nodiscard]] std::size_t received() const {
    std::array<std::uint8_t, 512> bytes{};
    std::size_t count = 0;
    while (::recv(theirs.get(), bytes.data(), bytes.size(), 0) > 0) ++count;
    return count;
  }

  sys::Descriptor ours;
  sys::Descriptor theirs;
};

TEST(Port, FailsWhatHasNoRoomAndKeepsWhatIsSent) {
  boost::asio::io_context loop;
  PortYard yard(loop);
  Pair pair;
  const int least = 1;  // the kernel makes it a few messages
  ASSERT_EQ(::setsockopt(pair.ours.get(), SOL_SOCKET, SO_SNDBUF, &least, sizeof least), 0);
  const auto port = *Port::open(yard, std::move(pair.ours));
  std::vector<Guest> guests(Port::kMostQueries - 1);
  for (Guest& guest : guests) port->enter(port->draw_id(), guest);
  loop.poll();

  const auto failed = static_cast<std::size_t>(
      std::ranges::count_if(guests, [](const Guest& guest) { return guest.failure == EAGAIN; }));
  EXPECT_GT(failed, 0U);
  EXPECT_LT(failed, guests.size());
  EXPECT_EQ(pair.received(), guests.size() - failed);
  EXPECT_FALSE(port->full());

  Guest late;
  port->enter(port->draw_id(), late);
  loop.poll();
  EXPECT_EQ(late.failure, 0);
  EXPECT_EQ(pair.received(), 1U);
}

TEST(Port, TheLoopsRefusalIsAnError) {
  boost::asio::io_context loop;
  PortYard yard(loop);
  Pair pair;
  boost::asio::posix::stream_descriptor taken(loop, pair.ours.get());
  const auto port = Port::open(yard, std::move(pair.ours));
  ASSERT_FALSE(port);
  EXPECT_EQ(port.error().value(), EEXIST);
  taken.release();
}

}  // namespace
}  // namespace nxgate::forward
