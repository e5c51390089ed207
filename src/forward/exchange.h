// One question put to one server.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "base/bytes.h"
#include "base/clock.h"
#include "cache/cache.h"
#include "engine/snapshot.h"
#include "sys/netns.h"
#include "sys/socket.h"
#include "wire/answer.h"
#include "wire/upstream_query.h"

namespace nxgate::forward {

/// What all exchanges of one worker share. The buffers are used between two suspensions only, so
/// one of each is enough.
struct Bench {
  Bench(boost::asio::io_context& io_context, const cache::Limits& cache_limits)
      : loop(io_context), limits(cache_limits) {}

  boost::asio::io_context& loop;
  const cache::Limits& limits;
  std::array<std::uint8_t, wire::kLargestMessage> message;
  wire::ScrubbedAnswer scrubbed;
};

enum class Outcome : std::uint8_t {
  kSilent = 0,   ///< nothing that counts came until it was cancelled
  kUnreachable,  ///< the network refused, or the namespace is gone
  kNoSocket,     ///< we ourselves are out of descriptors or memory
  kBadAnswer,    ///< it replied, with a failure or a broken message
  kAnswered,
};

struct Reply {
  Outcome outcome = Outcome::kSilent;
  std::shared_ptr<const cache::Answer> answer;  ///< of kAnswered
};

/// Asks by UDP, and by TCP where the server wants that, the answer is truncated, or somebody tries
/// to forge one: a wrong id with our question in our letter case, or a heap of junk. Each query has
/// a random id, a random port and random letter case of its own (RFC 5452), and only what comes
/// from the asked address to that very socket counts.
///
/// It has no timeout of its own; whoever started it cancels it. One thread. The bench must outlive
/// it, except that it may be destroyed after the bench, as when a loop is torn down.
class Exchange {
 public:
  Exchange(Bench& bench, const engine::UpstreamServer& server, const std::string& netns,
           const cache::Key& key, bool by_tcp_only);

  /// Call once.
  [[nodiscard]] boost::asio::awaitable<Reply> run();

  /// Makes `run` end soon with kSilent, if it hasn't ended.
  void cancel();

  /// Whether messages came that were not ours; a server that changes the question's letters is
  /// better asked by TCP, where these are left small.
  [[nodiscard]] bool saw_junk() const noexcept { return saw_junk_; }

  /// Whether the server itself sent us to TCP. It is alive then, whatever becomes of the TCP.
  [[nodiscard]] bool replied() const noexcept { return replied_; }

 private:
  enum class Next : std::uint8_t { kDone, kWait, kTcp };

  boost::asio::awaitable<Next> ask_by_udp();
  boost::asio::awaitable<void> ask_by_tcp();
  boost::asio::awaitable<bool> receive(MutableBytes buffer);

  [[nodiscard]] bool open(sys::SocketKind kind);
  void compose(bool mixed_case);
  [[nodiscard]] Next judge(Bytes message);
  void network_failed(int error);
  void finish(Outcome outcome, std::string_view words);

  [[nodiscard]] Bytes sent() const noexcept { return Bytes(query_).first(query_size_); }

  Bench& bench_;
  engine::UpstreamServer server_;
  sys::NetnsRef netns_;
  cache::Key key_;
  bool by_tcp_only_;
  bool saw_junk_ = false;
  bool replied_ = false;
  bool cancelled_ = false;
  boost::asio::posix::stream_descriptor socket_;
  sys::SocketKind kind_{};
  Instant started_;
  std::array<std::uint8_t, wire::kLargestUpstreamQuery> query_;
  std::size_t query_size_ = 0;
  Reply reply_;
};

}  // namespace nxgate::forward
