// One connection whose name is checked, from its first octet to its last.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/address.h"
#include "base/bytes.h"
#include "base/client_key.h"
#include "base/clock.h"
#include "engine/connection.h"
#include "engine/connection_event.h"
#include "engine/decision.h"
#include "engine/snapshot.h"
#include "peek/http_requests.h"
#include "peek/second_hello.h"
#include "peek/server_name.h"
#include "policy/connection_checks.h"
#include "relay/context.h"
#include "relay/octets.h"
#include "relay/pump.h"
#include "relay/side.h"
#include "sys/descriptor.h"
#include "sys/netns.h"
#include "wire/name.h"

namespace nxgate::relay {

/// Reads what the client says first, decides, connects onward and hands on. Used by the thread of
/// its context; it lives as long as its coroutine.
class Session : public std::enable_shared_from_this<Session> {
 public:
  /// `counted` is what it has taken of Room::connections, which it gives back.
  Session(Context& context, std::shared_ptr<const Place> place, ClientKey counted,
          const Endpoint& client, const Endpoint& to);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Takes an accepted connection.
  void start(sys::Descriptor client);
  /// Ends it if a policy of now denies it and says so.
  void review();
  /// Ends it, which looks like a reset from both ends.
  void close();

  [[nodiscard]] const Place& place() const noexcept { return *place_; }
  /// As at its end; nothing before the decision.
  [[nodiscard]] std::optional<engine::ConnectionEvent> view() const;

 private:
  /// What its client is about to do there.
  struct Verdict {
    bool always = false;
    policy::DialFrom dial = policy::DialFrom::kNamespace;
    std::shared_ptr<policy::EgressSets> sets;
  };

  [[nodiscard]] boost::asio::awaitable<void> run();
  [[nodiscard]] boost::asio::awaitable<void> run_tls();
  [[nodiscard]] boost::asio::awaitable<void> run_http();
  [[nodiscard]] boost::asio::awaitable<void> run_by_address();
  struct Http;
  [[nodiscard]] bool may_go_on(Http& http, peek::HttpRequests::Step step);
  [[nodiscard]] boost::asio::awaitable<void> send_requests(Http& http,
                                                           std::vector<std::uint8_t> rest);
  void finish_refused();
  [[nodiscard]] boost::asio::awaitable<void> hand_back(Http& http, bool upgrades);
  [[nodiscard]] boost::asio::awaitable<bool> hand_back_answer(Http& http);

  /// The policy of now, by which it goes on; null if none covers the client.
  [[nodiscard]] const policy::Policy* take_policy();
  [[nodiscard]] engine::ConnectionDecision judge(const policy::Policy* policy) const;
  /// Decides, and notes why. `encrypted`: there is another hello in the one that was read.
  [[nodiscard]] bool decide(const peek::ServerName& name, bool encrypted = false);
  [[nodiscard]] bool refuse(engine::ConnectionVerdict verdict, std::string_view why);
  /// What can't be understood.
  void broken(std::string_view why);
  void tell(engine::ConnectionEvent::Kind kind);
  void count(engine::ConnectionEvent::Kind kind);
  [[nodiscard]] std::string refusal_text() const;

  /// More of what the client says before the decision, behind `held_`; empty if it says no more, in
  /// time or at all, which has been noted.
  [[nodiscard]] boost::asio::awaitable<Bytes> read_more();
  /// To where the client wants, from where the policy says.
  [[nodiscard]] boost::asio::awaitable<bool> connect();
  [[nodiscard]] boost::asio::awaitable<std::error_code> connect_from(sys::NetnsRef netns);
  [[nodiscard]] boost::asio::awaitable<std::error_code> connect_server();
  /// What is left of one direction.
  [[nodiscard]] boost::asio::awaitable<void> hand_on(Side& from, Side& to, Octets& moved);
  [[nodiscard]] boost::asio::awaitable<bool> wait_for(boost::asio::steady_timer& event);
  void end_server_after(Seconds limit);
  /// Hands on in both directions until both have ended.
  [[nodiscard]] boost::asio::awaitable<void> hand_on(peek::SecondHello& second);
  [[nodiscard]] boost::asio::awaitable<void> hand_on(Side& from, Side& to, Octets& moved,
                                                     peek::SecondHello& second);
  [[nodiscard]] boost::asio::awaitable<End> watch(Side& from, Side& to, Octets& moved,
                                                  peek::SecondHello& second);
  /// The last that the client is told, which must reach it whatever it still sends.
  [[nodiscard]] boost::asio::awaitable<void> say_goodbye(Bytes last);
  void release_held();
  /// Counts so many octets of it as held back; false if there is no room for them.
  [[nodiscard]] bool hold(std::size_t octets);

  Context& context_;
  std::list<Session*>::iterator own_place_;
  std::shared_ptr<const Place> place_;
  ClientKey counted_;
  Side client_;
  Side server_;
  boost::asio::steady_timer deadline_;
  bool late_ = false;
  bool opened_ = false;
  std::vector<std::uint8_t> held_;  ///< what the client said before the decision
  std::size_t counted_octets_ = 0;
  Verdict verdict_;
  std::shared_ptr<const engine::Snapshot> snapshot_;  ///< by which it was decided
  engine::Judgement judgement_;
  std::optional<wire::DomainName> name_;
  std::optional<wire::DomainName> opener_;  ///< of the address, if that alone was judged
  Instant begun_ = Clock::now();
  Octets sent_;
  Octets received_;
  engine::ConnectionEvent event_;
};

}  // namespace nxgate::relay
