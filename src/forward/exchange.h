// One question put to one server.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"
#include "cache/cache.h"
#include "forward/channel.h"
#include "forward/group.h"
#include "forward/quirks.h"
#include "forward/socket_resources.h"
#include "wire/answer.h"
#include "wire/types.h"
#include "wire/upstream_query.h"

namespace nxgate::forward {

/// What the races of one worker share.
struct WorkerResources : SocketResources {
  WorkerResources(boost::asio::io_context& io_context, const cache::Limits& cache_limits)
      : SocketResources(io_context), limits(cache_limits) {}

  const cache::Limits& limits;
  wire::ScrubbedAnswer scrubbed;  ///< used between two turns of the loop only
};

/// What a server said, by a message that answers the question or refuses to.
struct Said {
  wire::Rcode rcode{};
  std::optional<std::uint16_t> extended_error;  ///< RFC 8914
};

/// Asks by the server's first channel, and by its fallback (TCP behind UDP) where the answer is
/// truncated or somebody tries to forge one: a wrong id with our question in our letter case, what
/// is no whole message, or a heap of junk. If that fails the first channel has another try, since
/// the true answer may have come behind the forged one. A server that can't read EDNS, or changes
/// the letters of a question, is asked again without (`quirks.h`). Each query has a random id of
/// its own, by UDP also random letter case and a random port (RFC 5452), and only what comes from
/// the asked address to that very socket counts.
///
/// It has no timeout of its own; whoever started it cancels it, or destroys it. It can be used
/// again when it has ended. One thread; the resources must outlive its use, not its destruction.
class Exchange final : private WaitingQuery {
 public:
  /// Receives the end of an exchange, once for each start, as the last thing the exchange does.
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

  struct How {
    bool by_fallback = false;   ///< at once by the second of the server's channels, if it has two
    bool without_edns = false;  ///< since it may be that which the server says nothing to
  };
  /// Asks the server with that index. `key` must stay until it has ended, which it may have before
  /// this returns.
  void start(std::shared_ptr<Group> group, std::size_t server, const cache::Key& key, How how,
             Instant now);

  /// Ends it with kSilent, of which the owner hears nothing.
  void cancel() noexcept;

  [[nodiscard]] ExchangeResult outcome() const noexcept { return outcome_; }
  /// Of kAnswered.
  [[nodiscard]] std::shared_ptr<const cache::Answer> take_answer() noexcept {
    return std::move(answer_);
  }

  /// What it said last; nothing if no message of its own came.
  [[nodiscard]] const std::optional<Said>& said() const noexcept { return said_; }

  /// Whether messages came that were not ours; then it is better asked by the fallback.
  [[nodiscard]] bool saw_junk() const noexcept { return saw_junk_; }

  /// Whether the server itself sent us to the fallback. It is alive then, whatever becomes of that.
  [[nodiscard]] bool replied() const noexcept { return replied_; }

 private:
  enum class Next : std::uint8_t { kDone, kWait, kFallback, kRepeat };

  void compose(std::uint16_t id, bool mixed_case) override;
  [[nodiscard]] Bytes bytes() const noexcept override { return Bytes(query_).first(query_size_); }
  bool receive(Bytes message, bool own_id, Instant now) override;
  void fail(const ChannelFailure& failure, Instant now) override;

  void ask(Channel& channel, Instant now);
  void use_fallback(Instant now);
  [[nodiscard]] bool ask_again(Instant now);
  [[nodiscard]] Next judge(Bytes message, Instant now);
  [[nodiscard]] Next judge_letters();
  [[nodiscard]] Next judge_rcode(bool whole, Instant now);
  [[nodiscard]] bool may_mix_case() const noexcept;
  [[nodiscard]] Quirks& quirks() const noexcept { return group_->health->server(server_).quirks; }
  void network_failed(int error, Instant now);
  void note(ExchangeResult outcome, std::string_view words, Instant now);
  void finish(Instant now);

  WorkerResources& resources_;
  Owner& owner_;
  std::shared_ptr<Group> group_;
  std::size_t server_ = 0;
  const cache::Key* key_ = nullptr;
  Channel* channel_ = nullptr;  ///< by which it asks; the group holds it
  Instant started_;
  ExchangeResult outcome_{};
  bool saw_junk_ = false;
  bool replied_ = false;
  bool doubtful_ = false;  ///< what sent it to the fallback may be somebody else's
  bool asked_again_ = false;
  bool small_letters_ = false;
  bool edns_ = true;
  bool refused_edns_ = false;
  std::optional<Said> said_;
  std::uint16_t query_size_ = 0;
  std::array<std::uint8_t, wire::kLargestUpstreamQuery> query_;
  std::shared_ptr<const cache::Answer> answer_;
};

}  // namespace nxgate::forward
