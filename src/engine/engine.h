// One worker's DNS server without its sockets: a request in, a reply out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
#include "base/client_key.h"
#include "base/clock.h"
#include "base/snapshot.h"
#include "cache/cache.h"
#include "engine/decision.h"
#include "engine/name_budget.h"
#include "engine/observer.h"
#include "engine/responder.h"
#include "engine/snapshot.h"
#include "engine/upstream.h"
#include "telemetry/counters.h"
#include "wire/address_edit.h"
#include "wire/query.h"

namespace nxgate::engine {

struct Asker;

/// How much of an answer a request may get. The engine counts what is withheld.
enum class ReplyAllowance : std::uint8_t {
  kWhole = 0,
  kNoDenial,   ///< nothing if it is denied: the worker can't answer all that comes
  kTruncated,  ///< TC=1 and no record, so that an honest client comes back by TCP
  kNothing,    ///< its client asks too much
};

/// One message as it came in. `message` must stay valid during `handle` only.
struct Request {
  Bytes message;
  Endpoint client;
  Transport transport = Transport::kUdp;
  /// The policy its listener names, else the client's address decides. By name, since indices
  /// change with a reload; empty for none. Must outlive a late reply.
  std::string_view listener_policy;
  /// The client of its listener, if all of its clients count as one; else the address identifies
  /// the client.
  ClientKey listener_client{};
  Instant received;
  ReplyAllowance allowance = ReplyAllowance::kWhole;
};

/// The client that it counts for.
[[nodiscard]] inline ClientKey client_of(const Request& request) noexcept {
  return request.listener_client ? request.listener_client
                                 : client_at(request.client.address, request.listener_policy);
}

/// What to do with a request.
enum class Disposition : std::uint8_t {
  kDrop = 0,  ///< nothing is sent
  kReply,     ///< `size` bytes of the buffer are sent
  kPending,   ///< the late reply will be called, now or later
};

struct Handled {
  Disposition disposition = Disposition::kDrop;
  std::size_t size = 0;
};

/// Sends a reply that came late; called at most once, on the worker's thread, with an empty range
/// when there is nothing to send. The bytes are valid during the call only.
using LateReply = std::move_only_function<void(Bytes)>;

/// Decides and answers. One instance a worker, used by its thread alone; it must outlive every
/// callback that it gave to the upstream.
///
/// The deny, local and cached paths are synchronous: no lock but a cache shard's, no allocation, no
/// exception, no log formatting (unless -v asks for it).
class Engine {
 public:
  Engine(const SnapshotCell<Snapshot>& snapshots, cache::Cache& cache, Upstream& upstream,
         telemetry::Counters& counters, NameBudget& budget, Observer* observer = nullptr);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Switches to a newer snapshot; call once per batch.
  void refresh();

  /// So many replies left with the batch they came in, this long after it was received.
  void sent_at_once(std::size_t replies, Clock::duration taken) noexcept {
    counters_.prompt.add(taken, replies);
  }

  /// Handles one request. `out` must hold 65535 bytes for kTcp and wire::kLargestUdpSize for kUdp.
  /// `make_late` is called only for a request that must wait, to get its LateReply.
  template <class MakeLate>
  Handled handle(const Request& request, MutableBytes out, MakeLate&& make_late) {
    const Handled handled = answer_now(request, out);
    if (handled.disposition == Disposition::kPending) forward(make_late());
    return handled;
  }

 private:
  struct Pending;
  struct Conclusion;

  Handled answer_now(const Request& request, MutableBytes out);
  Handled answer_question(const Request& request, const wire::Query& query, ReplyContext& context);
  void charge(const Request& request, const wire::Question& question, Decision& decision);
  [[nodiscard]] std::size_t apply_egress(const wire::Query& query, const Snapshot& snapshot,
                                         const Decision& decision, const Asker& asker,
                                         std::size_t size, Instant now, ReplyContext& context);
  void prefetch(const Request& request, const cache::Key& key, const cache::Answer& answer);
  void forward(LateReply reply);
  void ask(std::unique_ptr<Pending> pending, const cache::Key& key);
  void answered(std::unique_ptr<Pending> pending, const UpstreamResult& result);
  void follow(std::unique_ptr<Pending> pending);
  void extend(std::unique_ptr<Pending> pending, const cache::Answer* answer);
  void finish(Pending& pending, const UpstreamResult& result);
  void conclude(const Conclusion& conclusion, std::size_t size, Bytes reply);

  SnapshotCell<Snapshot>::Reader reader_;
  std::shared_ptr<const Snapshot> snapshot_;
  cache::Cache& cache_;
  Upstream& upstream_;
  telemetry::Counters& counters_;
  NameBudget& budget_;
  Observer* observer_;                ///< null for none
  std::unique_ptr<Pending> pending_;  // between answer_now and forward
  std::vector<std::uint8_t> scratch_;
  std::vector<wire::FoundAddress> found_;
};

}  // namespace nxgate::engine
