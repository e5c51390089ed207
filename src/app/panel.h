// What the control socket can be asked for.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "admin/control.h"
#include "app/amendments.h"
#include "app/attachments.h"
#include "app/fence_reports.h"
#include "app/host_fences.h"
#include "app/learner.h"
#include "app/main_loop.h"
#include "app/query_logs.h"
#include "app/rates.h"
#include "app/reloader.h"
#include "app/standing_fault.h"
#include "app/worker.h"
#include "app/workers.h"
#include "config/settings.h"
#include "observe/hub.h"
#include "serve/worker.h"
#include "wire/name.h"

namespace nxgate::app {

struct ControlRoom;

/// The parts of the running server that the panel asks and tells; they outlive it.
struct Running {
  MainLoop& loop;
  Reloader& reloader;
  Workers& workers;
  Shared& shared;
  observe::Hub& hub;
  HostFences& fences;
  FenceReports& reports;
  const std::vector<serve::Listener>& listeners;
  const config::ControlSettings& settings;
  const QueryLogs& logs;
  const ControlRoom& room;
  const std::vector<StandingFault>& left_closed;  ///< as it was at start
};

/// Answers each path of docs/openapi.json by one function. Main thread.
class Panel final : public admin::Control {
 public:
  explicit Panel(const Running& running);

  [[nodiscard]] admin::Reply handle(const admin::Request& request) override;

  /// What is attached, as long as there is somebody who attaches.
  void show(Attachments* attachments) noexcept { attachments_ = attachments; }

 private:
  using Handler = admin::Reply (Panel::*)(const admin::Request&);
  struct Path {
    const char* method;
    const char* path;
    Handler handler;
  };
  static const std::vector<Path>& paths();

  admin::Reply status(const admin::Request& request);
  admin::Reply health(const admin::Request& request);
  admin::Reply attachments(const admin::Request& request);
  admin::Reply explain(const admin::Request& request);
  admin::Reply watch(const admin::Request& request);
  admin::Reply rules(const admin::Request& request);
  admin::Reply add_rule(const admin::Request& request);
  admin::Reply remove_rule(const admin::Request& request);
  admin::Reply reload(const admin::Request& request);
  admin::Reply flush(const admin::Request& request);
  admin::Reply metrics(const admin::Request& request);
  admin::Reply learning(const admin::Request& request);
  admin::Reply learn(const admin::Request& request);
  admin::Reply proposal(const admin::Request& request);

  /// By what it is called.
  [[nodiscard]] std::optional<Attachments::View> attached(const std::string& name) const;
  [[nodiscard]] std::string others_of(const std::string& policy,
                                      const wire::DomainName& name) const;
  [[nodiscard]] bool knows(const std::string& policy) const;
  [[nodiscard]] std::string contradiction(const std::string& policy,
                                          const policy::Rule& added) const;
  [[nodiscard]] std::vector<StandingFault> standing_faults() const;
  void amended();
  void take_reports();
  void await_end();

  Running running_;
  Attachments* attachments_ = nullptr;
  Rates rates_;
  const Amendment::Time started_ = std::chrono::system_clock::now();
  boost::asio::steady_timer ends_;
  Learner learner_;
};

/// Metrics and nothing else, for those who read them over TCP.
class MetricsPage final : public admin::Control {
 public:
  explicit MetricsPage(Panel& panel) : panel_(panel) {}
  [[nodiscard]] admin::Reply handle(const admin::Request& request) override;

 private:
  Panel& panel_;
};

}  // namespace nxgate::app
