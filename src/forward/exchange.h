// One question put to one server.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"
#include "cache/cache.h"
#include "forward/group.h"
#include "forward/tcp_query.h"
#include "forward/udp_channel.h"
#include "wire/answer.h"
#include "wire/upstream_query.h"

namespace nxgate::forward {

/// What the races of one worker share.
struct WorkerResources : SocketResources {
  WorkerResources(boost::asio::io_context& io_context, const cache::Limits& cache_limits)
      : SocketResources(io_context), limits(cache_limits) {}

  const cache::Limits& limits;
  wire::ScrubbedAnswer scrubbed;  ///< used between two turns of the loop only
};

/// Asks by UDP, and by TCP where the server wants that, the answer is truncated, or somebody tries
/// to forge one: a wrong id with our question in our letter case, or a heap of junk. Each query has
/// a random id and random letter case of its own and leaves from a random port (RFC 5452), and only
/// what comes from the asked address to that very port counts.
///
/// It has no timeout of its own; whoever started it cancels it, or destroys it. It can be used
/// again when it has ended. One thread; the resources must outlive its use, not its destruction.
class Exchange final : private WaitingQuery, private TcpClient {
 public:
  /// Who hears how an exchange ended, once for each start, as the last thing the exchange does.
  class Owner {
   public:
    virtual void ended(Exchange& exchange, Instant now) = 0;

   protected:
    ~Owner() = default;
  };

  Exchange(WorkerResources& resources, Owner& owner) : resources_(resources), owner_(owner) {}
  ~Exchange() { cancel(); }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  /// Asks the server with that index. `key` must stay until it has ended, which it may have before
  /// this returns.
  void start(std::shared_ptr<Group> group, std::size_t server, const cache::Key& key,
             bool by_tcp_only, Instant now);

  /// Ends it with kSilent, of which the owner hears nothing.
  void cancel() noexcept;

  [[nodiscard]] Outcome outcome() const noexcept { return outcome_; }
  /// Of kAnswered.
  [[nodiscard]] std::shared_ptr<const cache::Answer> take_answer() noexcept {
    return std::move(answer_);
  }

  /// Whether messages came that were not ours; a server that changes the question's letters is
  /// better asked by TCP, where these are left small.
  [[nodiscard]] bool saw_junk() const noexcept { return saw_junk_; }

  /// Whether the server itself sent us to TCP. It is alive then, whatever becomes of the TCP.
  [[nodiscard]] bool replied() const noexcept { return replied_; }

 private:
  enum class Next : std::uint8_t { kDone, kWait, kTcp };

  [[nodiscard]] Bytes query() const noexcept override { return Bytes(query_).first(query_size_); }
  bool receive(Bytes message, bool own_id, Instant now) override;
  void fail(int error, Instant now) override;
  void answered_by_tcp(Bytes message) override;
  void closed_by_tcp() override;
  void failed_by_tcp(int error) override { network_failed(error, Clock::now()); }

  void ask_by_udp(Instant now);
  void ask_by_tcp();
  void compose(std::uint16_t id, bool mixed_case);
  [[nodiscard]] Next judge(Bytes message, Instant now);
  void network_failed(int error, Instant now);
  void leave_port() noexcept;
  void note(Outcome outcome, std::string_view words, Instant now);
  void finish(Instant now);

  WorkerResources& resources_;
  Owner& owner_;
  std::shared_ptr<Group> group_;
  std::size_t server_ = 0;
  const cache::Key* key_ = nullptr;
  std::shared_ptr<UdpPort> port_;
  std::shared_ptr<TcpQuery> tcp_;
  Instant started_;
  Outcome outcome_{};
  bool saw_junk_ = false;
  bool replied_ = false;
  std::uint16_t id_ = 0;
  std::uint16_t query_size_ = 0;
  std::array<std::uint8_t, wire::kLargestUpstreamQuery> query_;
  std::shared_ptr<const cache::Answer> answer_;
};

}  // namespace nxgate::forward
