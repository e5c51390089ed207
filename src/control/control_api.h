// The API of the control socket.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "attach/attachments.h"
#include "base/address.h"
#include "config/settings.h"
#include "control/learner.h"
#include "firewall/firewall_reports.h"
#include "firewall/host_firewalls.h"
#include "http/control.h"
#include "observe/hub.h"
#include "relay/relay.h"
#include "serve/worker_context.h"
#include "store/policy_store.h"
#include "store/runtime_rules.h"
#include "store/standing_fault.h"
#include "wire/name.h"
#include "workers/query_logs.h"
#include "workers/rates.h"
#include "workers/worker.h"
#include "workers/workers.h"

namespace nxgate::control {

struct ControlRoom;

/// What the API needs from other parts of the server. Main thread.
class Operations {
 public:
  virtual ~Operations() = default;
  /// Reloads as for SIGHUP, and then reports whether it succeeded.
  virtual void reload(std::function<void(bool taken)> done) = 0;
  /// Notifies all that follow reloads that what is enforced has changed.
  virtual void changed() = 0;
  /// Its persistent faults.
  [[nodiscard]] virtual std::vector<store::StandingFault> standing_faults() const = 0;
};

/// The parts of the running server that the API uses; they outlive it.
struct Running {
  boost::asio::io_context& loop;
  Operations& operations;
  store::PolicyStore& policy_store;
  workers::Workers& workers;
  workers::Shared& shared;
  observe::Hub& hub;
  firewall::HostFirewalls& firewalls;
  firewall::FirewallReports& reports;
  const std::vector<serve::Listener>& listeners;
  const config::ControlSettings& settings;
  const workers::QueryLogs& logs;
  const ControlRoom& room;
  relay::Relay& relay;
  const std::vector<store::StandingFault>& left_closed;  ///< as it was at start
};

/// Answers each path of docs/openapi.json by one function. Main thread.
class ControlApi final : public http::Control {
 public:
  explicit ControlApi(const Running& running);

  [[nodiscard]] boost::asio::awaitable<http::Reply> handle(const http::Request& request) override;

  /// The attachments, as long as there are any to show; null otherwise.
  void show(attach::Attachments* attachments) noexcept { attachments_ = attachments; }

 private:
  using Handler = http::Reply (ControlApi::*)(const http::Request&);
  /// Of what is waited for.
  using SlowHandler = boost::asio::awaitable<http::Reply> (ControlApi::*)(const http::Request&);
  struct Path {
    const char* method;
    const char* path;
    std::variant<Handler, SlowHandler> handler;
  };
  static const std::vector<Path>& paths();

  http::Reply status(const http::Request& request);
  http::Reply health(const http::Request& request);
  http::Reply attachments(const http::Request& request);
  boost::asio::awaitable<http::Reply> connections(const http::Request& request);
  http::Reply explain(const http::Request& request);
  http::Reply explain_connection(const http::Request& request);
  http::Reply watch(const http::Request& request);
  http::Reply rules(const http::Request& request);
  http::Reply add_rule(const http::Request& request);
  boost::asio::awaitable<http::Reply> remove_rule(const http::Request& request);
  boost::asio::awaitable<http::Reply> reload(const http::Request& request);
  http::Reply flush(const http::Request& request);
  http::Reply metrics(const http::Request& request);
  http::Reply learning(const http::Request& request);
  http::Reply learn(const http::Request& request);
  http::Reply proposal(const http::Request& request);

  /// Whose questions are explained: an address, or where the policy of an attachment holds.
  struct Client {
    IpAddress address;
    std::string key;  ///< of the attachment's listeners
  };
  [[nodiscard]] std::optional<Client> find_client(const std::string& who) const;
  http::Reply explain_address(const IpAddress& address, const Client& client,
                              const std::string& who);
  /// By what it is called.
  [[nodiscard]] std::optional<attach::Attachments::View> attached(const std::string& name) const;
  [[nodiscard]] std::string others_of(const std::string& policy,
                                      const wire::DomainName& name) const;
  [[nodiscard]] bool knows(const std::string& policy) const;
  [[nodiscard]] std::string contradiction(const std::string& policy,
                                          const policy::Rule& added) const;
  [[nodiscard]] std::vector<store::StandingFault> standing_faults() const;
  [[nodiscard]] boost::asio::awaitable<bool> reloaded();
  [[nodiscard]] http::Reply refused_reload(std::string_view what) const;
  void rules_changed();
  void take_reports();
  void await_end();

  Running running_;
  attach::Attachments* attachments_ = nullptr;
  workers::Rates rates_;
  const store::RuntimeRule::Time started_ = std::chrono::system_clock::now();
  boost::asio::steady_timer ends_;
  Learner learner_;
};

/// Only the metrics, for readers over TCP.
class MetricsPage final : public http::Control {
 public:
  explicit MetricsPage(ControlApi& api) : api_(api) {}
  [[nodiscard]] boost::asio::awaitable<http::Reply> handle(const http::Request& request) override;

 private:
  ControlApi& api_;
};

}  // namespace nxgate::control
