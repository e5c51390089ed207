// For tests: an upstream server on loopback that does what a test tells it to.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/address.h"
#include "sys/descriptor.h"

namespace nxgate::forward {

using Packet = std::vector<std::uint8_t>;

/// UDP and TCP on one ephemeral port of 127.0.0.1, served by a thread of its own.
class ScriptedUpstream {
 public:
  struct Seen {
    Packet query;
    std::uint16_t client_port = 0;
    bool tcp = false;
  };
  /// Replies to one query, sent in this order; none is silence.
  using Script = std::function<std::vector<Packet>(const Seen&)>;

  /// Without `tcp` connections are refused.
  explicit ScriptedUpstream(Script script, bool tcp = true);
  ~ScriptedUpstream();
  ScriptedUpstream(const ScriptedUpstream&) = delete;
  ScriptedUpstream& operator=(const ScriptedUpstream&) = delete;

  [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }
  [[nodiscard]] std::vector<Seen> seen() const;
  /// Changes what it does from now on.
  void script(Script script);

 private:
  void run();
  void serve_udp();
  void serve_tcp();
  std::vector<Packet> react(Seen seen);

  Endpoint endpoint_;
  sys::Descriptor udp_;
  sys::Descriptor tcp_;
  mutable std::mutex mutex_;
  Script script_;
  std::vector<Seen> seen_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

/// The address 192.0.2.1 for whatever `query` asks, with a TTL of a minute.
Packet address_reply(const Packet& query);
/// Where the question of a query ends.
std::size_t question_end(const Packet& query);
/// The same message with another rcode and no record, or with TC.
Packet empty_reply(const Packet& query, std::uint16_t flags);

}  // namespace nxgate::forward
