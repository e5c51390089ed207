#include "forward/udp_channel.h"

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

class Query final : public WaitingQuery {
 public:
  void compose(std::uint16_t, bool) override {}
  [[nodiscard]] Bytes bytes() const noexcept override { return query_; }
  bool receive(Bytes, bool, Instant) override { return true; }
  void fail(const ChannelFailure& why, Instant) override { failure = why.error; }

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

TEST(UdpPort, FailsWhatHasNoRoomAndKeepsWhatIsSent) {
  boost::asio::io_context loop;
  SocketResources resources(loop);
  Pair pair;
  const int least = 1;  // the kernel makes it a few messages
  ASSERT_EQ(::setsockopt(pair.ours.get(), SOL_SOCKET, SO_SNDBUF, &least, sizeof least), 0);
  const auto port =
      *UdpPort::open(resources, std::move(pair.ours), std::make_shared<UdpPort::All>());
  std::vector<Query> queries(UdpPort::kMostQueries - 1);
  for (Query& query : queries) port->enter(query);
  loop.poll();

  const auto failed = static_cast<std::size_t>(
      std::ranges::count_if(queries, [](const Query& query) { return query.failure == EAGAIN; }));
  EXPECT_GT(failed, 0U);
  EXPECT_LT(failed, queries.size());
  EXPECT_EQ(pair.received(), queries.size() - failed);
  EXPECT_FALSE(port->full());

  Query late;
  port->enter(late);
  loop.poll();
  EXPECT_EQ(late.failure, 0);
  EXPECT_EQ(pair.received(), 1U);
}

class UdpPorts : public testing::Test {
 protected:
  /// Submits so many at once, and returns how many ports they leave from.
  std::size_t ports_of(std::size_t count) {
    queries_ = std::vector<Query>(count);
    for (Query& query : queries_) channel_.submit(query, Clock::now());
    loop_.poll();
    return *resources_.ports;
  }

  boost::asio::io_context loop_;
  SocketResources resources_{loop_};
  UdpChannel channel_{resources_, *Endpoint::parse("127.0.0.1:9", 53), {}};
  std::vector<Query> queries_;
};

TEST_F(UdpPorts, EachQuestionHasItsOwnWhileTheyAreFew) {
  EXPECT_EQ(ports_of(UdpChannel::kPorts), UdpChannel::kPorts);
  loop_.run_for(Milliseconds(200));
  queries_.clear();
  EXPECT_EQ(*resources_.ports, 0U);
}

TEST_F(UdpPorts, ABurstIsSpreadAtRandom) { EXPECT_EQ(ports_of(1000), UdpChannel::kPorts); }

TEST_F(UdpPorts, AFullOneIsReplaced) {
  EXPECT_GT(ports_of(UdpChannel::kPorts * UdpPort::kMostQueries), UdpChannel::kPorts);
}

TEST(UdpPort, TheLoopsRefusalIsAnError) {
  boost::asio::io_context loop;
  SocketResources resources(loop);
  Pair pair;
  boost::asio::posix::stream_descriptor taken(loop, pair.ours.get());
  const auto port =
      UdpPort::open(resources, std::move(pair.ours), std::make_shared<UdpPort::All>());
  ASSERT_FALSE(port);
  EXPECT_EQ(port.error().value(), EEXIST);
  taken.release();
}

}  // namespace
}  // namespace nxgate::forward
