#include "relay/session.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <fmt/core.h>

#include "base/address.h"
#include "base/bytes.h"
#include "base/client_key.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/log.h"
#include "engine/connection.h"
#include "engine/connection_event.h"
#include "engine/decision.h"
#include "engine/observer.h"
#include "engine/reason.h"
#include "peek/server_name.h"
#include "policy/connection_checks.h"
#include "policy/policy.h"
#include "relay/context.h"
#include "relay/octets.h"
#include "relay/pump.h"
#include "relay/side.h"
#include "sys/descriptor.h"
#include "sys/socket.h"
#include "telemetry/connection_counters.h"
#include "wire/name.h"

namespace nxgate::relay {

namespace asio = boost::asio;

namespace {

using engine::ConnectionEvent;
using engine::ConnectionVerdict;

/// For all that a client says before the decision.
constexpr Seconds kToSpeak{10};
constexpr Seconds kToHear{2};
constexpr std::size_t kPiece = 4UL << 10;
constexpr std::size_t kMostUnheard = 1UL << 20;
}  // namespace

Session::Session(Context& context, std::shared_ptr<const Place> place, ClientKey counted,
                 const Endpoint& client, const Endpoint& to)
    : context_(context),
      own_place_(context.sessions.insert(context.sessions.end(), this)),
      place_(std::move(place)),
      counted_(counted),
      client_(context.loop),
      server_(context.loop),
      deadline_(context.loop),
      sent_(context.counters, telemetry::Direction::kSent),
      received_(context.counters, telemetry::Direction::kReceived) {
  event_.number = context_.room.last_number.fetch_add(1, std::memory_order_relaxed) + 1;
  event_.place = place_->netns.own() ? "" : place_->netns.text();
  event_.client = client;
  event_.to = to;
}

Session::~Session() {
  context_.sessions.erase(own_place_);
  --context_.open;
  release_held();
  context_.room.connections.give_back(counted_);
}

void Session::start(sys::Descriptor client) {
  if (!client_.open(std::move(client))) return;
  asio::co_spawn(
      context_.loop, [self = shared_from_this()] { return self->run(); }, asio::detached);
}

asio::awaitable<void> Session::run() {
  const auto self = shared_from_this();
  deadline_.expires_after(kToSpeak);
  deadline_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto session = weak.lock();
    if (error || !session) return;
    session->late_ = true;
    session->client_.cancel();
  });
  const policy::Policy* const policy = take_policy();
  const auto check = policy == nullptr || !policy->egress
                         ? std::nullopt
                         : policy->egress->checks.at(event_.to.port);
  if (!check) {
    (void)refuse(ConnectionVerdict::kNoPolicy, "nothing is checked at this port any more");
  } else {
    switch (*check) {
      case policy::NameIn::kTls:
        co_await run_tls();
        break;
      case policy::NameIn::kHttp:
        co_await run_http();
        break;
      case policy::NameIn::kNowhere:
        co_await run_by_address();
        break;
    }
  }
  if (opened_) tell(ConnectionEvent::Kind::kEnded);
  deadline_.cancel();
  // Without a reset, which would overtake what is still on its way.
  client_.close();
  server_.close();
}

asio::awaitable<Bytes> Session::read_more() {
  const std::size_t before = held_.size();
  if (!context_.room.unread.take(counted_, kPiece)) {
    broken("too much is held back for connections that wait for a decision");
    co_return Bytes();
  }
  counted_octets_ += kPiece;
  held_.resize(before + kPiece);
  const Side::Got got = co_await client_.read(MutableBytes(held_).subspan(before));
  held_.resize(before + got.count);
  context_.room.unread.give_back(counted_, kPiece - got.count);
  counted_octets_ -= kPiece - got.count;
  if (got.kind == Side::Got::Kind::kBytes) co_return Bytes(held_).subspan(before);
  if (late_) {
    broken(fmt::format("it didn't say a name within {} s", kToSpeak.count()));
  } else if (before != 0) {
    broken("it ended before it said a name");
  }
  co_return Bytes();
}

bool Session::hold(std::size_t octets) {
  context_.room.unread.give_back(counted_, std::exchange(counted_octets_, 0));
  if (octets == 0) return true;
  if (!context_.room.unread.take(counted_, octets)) return false;
  counted_octets_ = octets;
  return true;
}

void Session::release_held() {
  context_.room.unread.give_back(counted_, std::exchange(counted_octets_, 0));
  held_ = {};
}

bool Session::refuse(ConnectionVerdict verdict, std::string_view why) {
  event_.verdict = verdict;
  event_.why = why;
  tell(ConnectionEvent::Kind::kDenied);
  return false;
}

void Session::broken(std::string_view why) { (void)refuse(ConnectionVerdict::kUnreadable, why); }

const policy::Policy* Session::take_policy() {
  snapshot_ = context_.snapshots.load();
  const policy::Policy* const policy = snapshot_->policies.find(place_->policy);
  judgement_ = {.policy = policy};
  event_.policy = policy == nullptr ? "" : policy->name;
  if (policy != nullptr && !policy->container.empty()) event_.place = policy->container;
  return policy;
}

engine::ConnectionDecision Session::judge(const policy::Policy* policy) const {
  const std::array clients{place_->client ? place_->client : client_at(event_.client.address),
                           client_behind(place_->policy)};
  return engine::judge_connection(policy, {name_ ? &*name_ : nullptr, event_.to, clients},
                                  Clock::now());
}

bool Session::decide(const peek::ServerName& name, bool encrypted) {
  const policy::Policy* const policy = take_policy();
  const bool has_name = name.kind == peek::ServerName::Kind::kName;
  name_.reset();
  event_.name = has_name ? name.name.to_text() : name.text;
  event_.rule.clear();
  event_.encrypted_hello = encrypted;
  if (name.kind == peek::ServerName::Kind::kUnusable) {
    return refuse(ConnectionVerdict::kUnreadable, "what it says is no name of a host");
  }
  if (has_name) name_ = name.name;
  const engine::ConnectionDecision decision = judge(policy);
  if (decision.judgement.policy != nullptr) judgement_ = decision.judgement;
  if (name_ && decision.judgement.policy != nullptr) {
    event_.rule = rule_of(reason_of(decision.judgement, decision.judgement.allowed()
                                                            ? engine::Outcome::kForward
                                                            : engine::Outcome::kDeny));
  }
  if (!decision.allowed()) return refuse(decision.verdict, in_words(decision.verdict));
  const policy::ConnectionChecks& checks = policy->egress->checks;
  if (encrypted && checks.encrypted_hello == policy::EncryptedHello::kRefuse) {
    return refuse(ConnectionVerdict::kUnreadable,
                  "there is an encrypted ClientHello in it, which `ech = \"refuse\"` forbids");
  }
  const bool from_host = checks.dial == policy::DialFrom::kHost || place_->netns.own();
  if (event_.to.address.is_unspecified() ||
      (from_host && sys::is_own_address(event_.to, sys::NetnsRef()))) {
    return refuse(ConnectionVerdict::kAddressDenied, "it is the host itself");
  }
  event_.verdict = decision.verdict;
  opener_ = decision.opener;
  verdict_ = {decision.always, checks.dial, policy->sets};
  return true;
}

void Session::tell(ConnectionEvent::Kind kind) {
  if (!snapshot_) {
    snapshot_ = context_.snapshots.load();
    judgement_ = {.policy = snapshot_->policies.find(place_->policy)};
  }
  event_.kind = kind;
  event_.sent = sent_.count();
  event_.received = received_.count();
  event_.lasted = std::chrono::duration_cast<Milliseconds>(Clock::now() - begun_);
  count(kind);
  context_.observer.refresh();
  if (context_.observer.interested()) {
    context_.observer.saw({.at = std::chrono::system_clock::now(),
                           .concluded = Clock::now(),
                           .taken = Clock::now() - begun_,
                           .client = event_.client,
                           .transport = engine::Transport::kTcp,
                           .question = {.name = name_ ? *name_ : wire::DomainName()},
                           .judgement = judgement_,
                           .snapshot = snapshot_,
                           .connection = std::make_shared<const ConnectionEvent>(event_)});
  }
  // Which would keep a list alive that has been replaced.
  judgement_ = {};
  snapshot_.reset();
  if (kind != ConnectionEvent::Kind::kDenied) return;
  log::repeated("refused connections " + place_->policy, refusal_text());
}

void Session::count(ConnectionEvent::Kind kind) {
  using Kind = ConnectionEvent::Kind;
  using telemetry::ConnectionResult;
  if (kind == Kind::kEnded) return;
  const std::uint8_t slot = judgement_.policy == nullptr ? 0 : judgement_.policy->slot;
  context_.counters.decided(slot, kind == Kind::kDenied   ? ConnectionResult::kDenied
                                  : kind == Kind::kFailed ? ConnectionResult::kFailed
                                                          : ConnectionResult::kOpened);
}

std::string Session::refusal_text() const {
  const std::string_view help = what_helps(event_.verdict);
  return fmt::format("refused a connection of {} to {}{}{}: {}{}{}{}", event_.client.to_string(),
                     event_.to.to_string(), event_.name.empty() ? "" : ", ",
                     event_.name.empty() ? "" : quote(event_.name), event_.why,
                     event_.policy.empty() ? "" : fmt::format(" by policy {}", event_.policy),
                     help.empty() ? "" : "; ", help);
}

asio::awaitable<void> Session::hand_on(Side& from, Side& to, Octets& moved) {
  if (co_await pump(from, to, context_.pipes, moved) == End::kBroken) co_return close();
  to.end_writing();
}

asio::awaitable<bool> Session::wait_for(asio::steady_timer& event) {
  (void)co_await event.async_wait(asio::as_tuple(asio::use_awaitable));
  co_return client_.is_open();
}

void Session::end_server_after(Seconds limit) {
  deadline_.expires_after(limit);
  deadline_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto session = weak.lock();
    if (!error && session) session->server_.close();
  });
}

asio::awaitable<void> Session::say_goodbye(Bytes last) {
  if (!co_await client_.write(last)) co_return;
  client_.end_writing();
  // A reset would overtake it: what the client still sends is read.
  deadline_.expires_after(kToHear);
  deadline_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto session = weak.lock();
    if (!error && session) session->client_.close();
  });
  std::array<std::uint8_t, 4096> unheard;
  for (std::size_t count = 0; count < kMostUnheard;) {
    const Side::Got got = co_await client_.read(unheard);
    if (got.kind != Side::Got::Kind::kBytes) break;
    count += got.count;
  }
  client_.close();
}

void Session::review() {
  if (event_.verdict != ConnectionVerdict::kAllowed) return;
  const auto snapshot = context_.snapshots.load();
  const policy::Policy* const policy = snapshot->policies.find(place_->policy);
  if (policy != nullptr && policy->egress && !policy->egress->checks.closes_on_change) return;
  engine::ConnectionDecision decision = judge(policy);
  const bool by_address = decision.opener || decision.verdict == ConnectionVerdict::kNotTold;
  if (by_address && opener_ && !opener_->is_root()) {
    decision = engine::judge_name(policy, *opener_, event_.to.port, Clock::now());
  }
  // That an answer's time is over ends nothing.
  const bool stays = decision.verdict == ConnectionVerdict::kNotTold && !verdict_.always;
  if (decision.allowed() || stays) return;
  event_.why = in_words(decision.verdict);
  close();
}

void Session::close() {
  deadline_.cancel();
  client_.reset();
  server_.reset();
}

std::optional<ConnectionEvent> Session::view() const {
  if (event_.verdict != ConnectionVerdict::kAllowed) return std::nullopt;
  ConnectionEvent seen = event_;
  seen.sent = sent_.count();
  seen.received = received_.count();
  seen.lasted = std::chrono::duration_cast<Milliseconds>(Clock::now() - begun_);
  return seen;
}

}  // namespace nxgate::relay
