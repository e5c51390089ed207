// For tests: an engine with a policy in the words of the configuration, and an upstream that waits.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/engine.h"
#include "policy/local_data.h"
#include "policy/rule_set.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace nxgate::engine {

using telemetry::Counter;
using wire::Rcode;
using wire::Type;

inline wire::DomainName name(std::string_view text) { return *wire::DomainName::from_text(text); }

struct PolicyText {
  std::string name = "default";
  std::vector<std::string> allow;
  std::vector<std::string> deny;
  std::vector<std::string> records;
  policy::DenyReply reply = policy::DenyReply::kNxDomain;
  policy::FailureReply on_failure = policy::FailureReply::kServFail;
  std::vector<Type> suppressed = {};
};

inline std::shared_ptr<policy::Policy> make_policy(const PolicyText& text) {
  const std::uint64_t key = wire::process_hash_key();
  policy::RuleSet rules;
  const auto add = [&rules](const std::vector<std::string>& list, policy::Action action) {
    for (const std::string& line : list) {
      const auto rule = policy::parse_rule(line);
      rules.add({rule->name, rule->scope, action, {"test", 1, 1}});
    }
  };
  add(text.allow, policy::Action::kAllow);
  add(text.deny, policy::Action::kDeny);
  auto local = std::make_unique<policy::LocalData>(key);
  for (const std::string& line : text.records) {
    const auto record = policy::parse_record(line);
    local->add(record->owner, record->wildcard, record->record);
  }
  auto made = std::make_shared<policy::Policy>();
  made->name = text.name;
  made->deny = text.reply;
  made->deny_v4 = IpAddress::parse("192.0.2.1");
  made->on_upstream_failure = text.on_failure;
  made->suppressed_types = text.suppressed;
  made->matcher = std::make_unique<policy::Matcher>(std::move(rules), local->names(),
                                                    std::span<const policy::Route>{});
  made->local = std::move(local);
  made->grants = std::make_unique<policy::Grants>(key);
  return made;
}

inline std::shared_ptr<const Snapshot> make_snapshot(std::shared_ptr<const policy::Policy> policy,
                                                     bool covers_all = true) {
  policy::PolicySet::Policies policies;
  policies.push_back(std::move(policy));
  return std::make_shared<const Snapshot>(Snapshot{
      .generation = 7,
      .policies = policy::PolicySet(std::move(policies), {},
                                    covers_all ? std::uint16_t{0} : policy::PolicySet::kNone),
      .groups = {{.name = "up", .identity = 42}},
      .options = {}});
}

/// Keeps what it is asked until the test answers.
class FakeUpstream : public Upstream {
 public:
  void submit(const cache::Key& key, ClientKey client, UpstreamCallback done) override {
    asked.push_back(key);
    clients.push_back(client);
    waiting.push_back(std::move(done));
  }
  std::vector<cache::Key> asked;
  std::vector<ClientKey> clients;
  std::vector<UpstreamCallback> waiting;
};

struct Reply {
  std::vector<std::uint8_t> bytes;
  [[nodiscard]] std::uint16_t word(std::size_t at) const {
    return static_cast<std::uint16_t>(bytes.at(at) << 8 | bytes.at(at + 1));
  }
  [[nodiscard]] Rcode rcode() const { return Rcode{static_cast<std::uint16_t>(word(2) & 15)}; }
  [[nodiscard]] bool authoritative() const { return (word(2) & 0x0400) != 0; }
  [[nodiscard]] std::uint16_t answers() const { return word(6); }
  [[nodiscard]] std::uint16_t authorities() const { return word(8); }
  [[nodiscard]] bool contains(std::string_view text) const {
    return std::string(bytes.begin(), bytes.end()).find(text) != std::string::npos;
  }
};

class EngineTest : public testing::Test {
 protected:
  void use(const PolicyText& text, bool covers_all = true) {
    use_policy(make_policy(text), covers_all);
  }

  void use_policy(std::shared_ptr<const policy::Policy> policy, bool covers_all = true) {
    cell.publish(make_snapshot(std::move(policy), covers_all));
    engine.refresh();
  }

  Reply ask(std::string_view qname, Type type = Type::kA, bool with_opt = false,
            std::uint16_t qclass = 1) {
    std::array<std::uint8_t, 600> message{};
    wire::Writer writer(message);
    for (const int word : {0x1234, 0x0100, 1, 0, 0, with_opt ? 1 : 0}) {
      writer.u16(static_cast<std::uint16_t>(word));
    }
    writer.bytes(name(qname).wire());
    writer.u16(static_cast<std::uint16_t>(type));
    writer.u16(qclass);
    if (with_opt) writer.bytes(std::array<std::uint8_t, 11>{0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0});
    Request request{.message = writer.written(),
                    .client = {client, 4000},
                    .listener_client = listener_client,
                    .received = now,
                    .allowance = allowance};
    Reply reply;
    reply.bytes.resize(4096);
    const Handled handled = engine.handle(request, reply.bytes, [this] {
      return [this](Bytes bytes) { late.bytes.assign(bytes.begin(), bytes.end()); };
    });
    disposition = handled.disposition;
    reply.bytes.resize(handled.size);
    return reply;
  }

  std::shared_ptr<cache::Answer> address_answer(const cache::Key& key, std::uint32_t ttl = 60,
                                                std::vector<wire::DomainName> targets = {}) {
    const std::vector<std::uint8_t> body{
        0xc0, 12, 0, 1, 0, 1, 0, 0, 0, static_cast<std::uint8_t>(ttl), 0, 4, 9, 9, 9, 9};
    auto answer = cache::new_answer(body, std::array<std::uint16_t, 1>{6}, targets);
    answer->key = key;
    answer->answers = 1;
    answer->stored = now;
    answer->ttl = ttl;
    return answer;
  }

  Instant now = Clock::now();
  SnapshotCell<Snapshot> cell{make_snapshot(make_policy({}))};
  cache::Cache cache{{}};
  FakeUpstream upstream;
  telemetry::Counters counters;
  NameBudget budget;
  Engine engine{cell, cache, upstream, counters, budget};
  IpAddress client = *IpAddress::parse("10.0.0.7");
  ClientKey listener_client;
  ReplyAllowance allowance = ReplyAllowance::kWhole;
  Disposition disposition{};
  Reply late;
};

}  // namespace nxgate::engine
