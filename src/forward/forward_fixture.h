// For tests: a forwarder with its loop, its cache and a group of scripted upstreams.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "forward/forwarder.h"
#include "forward/scripted_upstream.h"

namespace nxgate::forward {

using engine::UpstreamFailure;
using engine::UpstreamProtocol;
using engine::UpstreamResult;
using Seen = ScriptedUpstream::Seen;
using Replies = std::vector<Packet>;

inline constexpr std::uint32_t kGroup = 7;
inline constexpr std::uint16_t kTruncatedFlag = 0x0200;
inline constexpr std::uint16_t kServFail = 2;

inline Replies answering(const Seen& seen) { return {address_reply(seen.query)}; }
inline Replies silent(const Seen&) { return {}; }
inline Replies failing(const Seen& seen) { return {empty_reply(seen.query, kServFail)}; }

inline cache::Key key_of(std::string_view name) {
  cache::Key key;
  key.question = {*wire::DomainName::from_text(name), wire::Type::kA, wire::Class::kIn};
  key.hash = wire::hash_of(key.question.name, wire::process_hash_key());
  key.group = kGroup;
  return key;
}

inline std::shared_ptr<const engine::Snapshot> snapshot_of(
    std::vector<engine::UpstreamServer> servers, Milliseconds timeout, std::string netns = {}) {
  engine::UpstreamGroup group{.name = "test",
                              .servers = std::move(servers),
                              .timeout = timeout,
                              .netns = std::move(netns),
                              .identity = kGroup};
  return std::make_shared<engine::Snapshot>(
      engine::Snapshot{.policies = {{}, {}, UINT16_MAX}, .groups = {std::move(group)}});
}

class Forward : public testing::Test {
 protected:
  void use(std::vector<const ScriptedUpstream*> upstreams, Milliseconds timeout = Milliseconds(600),
           UpstreamProtocol protocol = UpstreamProtocol::kUdp) {
    std::vector<engine::UpstreamServer> servers;
    for (const auto* upstream : upstreams) servers.push_back({protocol, upstream->endpoint()});
    use(snapshot_of(std::move(servers), timeout));
  }
  void use(std::shared_ptr<const engine::Snapshot> snapshot) {
    snapshots_.emplace(std::move(snapshot));
    forwarder_.emplace(loop_, shared_, *snapshots_, cache_);
  }

  /// Submits, runs the loop until the callback came, and notes the time that took.
  UpstreamResult ask(const cache::Key& key) {
    std::optional<UpstreamResult> result;
    const Instant start = Clock::now();
    forwarder_->submit(key, client_, [&](const UpstreamResult& came) { result = came; });
    loop_.restart();
    while (!result && Clock::now() - start < Seconds(5)) loop_.run_one_for(Milliseconds(100));
    took_ = std::chrono::duration_cast<Milliseconds>(Clock::now() - start);
    return result.value_or(UpstreamResult{});
  }
  UpstreamFailure failure_of(std::string_view name) { return ask(key_of(name)).failure; }

  void run_for(Milliseconds time) {
    loop_.restart();
    loop_.run_for(time);
  }

  ClientKey client_{1};
  // The order matters: the forwarder goes before its loop.
  cache::Cache cache_{cache::Limits{}};
  Shared shared_;
  boost::asio::io_context loop_{1};
  /// As a worker's loop, it doesn't end for want of work: an answer may be posted to it.
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      loop_.get_executor()};
  std::optional<SnapshotCell<engine::Snapshot>> snapshots_;
  std::optional<Forwarder> forwarder_;
  Milliseconds took_{};
};

}  // namespace nxgate::forward
