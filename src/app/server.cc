#include "app/server.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

#include "app/disk_files.h"
#include "app/listeners.h"
#include "app/main_loop.h"
#include "app/options.h"
#include "app/reloader.h"
#include "app/report.h"
#include "app/settings_source.h"
#include "app/snapshot_builder.h"
#include "app/worker.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "config/settings.h"
#include "serve/limits.h"
#include "serve/server.h"
#include "serve/worker.h"
#include "sys/netns.h"
#include "sys/privileges.h"
#include "telemetry/counters.h"

namespace nxgate::app {
namespace {

/// How long stopping waits for upstreams that still owe an answer.
constexpr Milliseconds kGrace{1500};

/// Every TCP client and every upstream question holds a descriptor.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    log::warning("the limit on open files stays low; many clients at once may be refused");
  }
}

/// Says now, and not at the first reload, which files are out of reach without root.
void warn_of_unreadable(const std::vector<std::string>& watched, const std::string& user) {
  for (const std::string& path : watched) {
    if (::access(path.c_str(), R_OK) == 0 || errno != EACCES) continue;
    log::warning("{} can't be read as {}: its changes can't be taken up", path, user);
  }
}

log::Level level_of(int verbosity) {
  constexpr log::Level kLevels[] = {log::Level::kInfo, log::Level::kQuery, log::Level::kExchange};
  return kLevels[std::clamp(verbosity, 0, 2)];
}

std::size_t worker_count(const config::ServerSettings& settings) {
  return settings.workers != 0 ? settings.workers
                               : std::max(1U, std::thread::hardware_concurrency());
}

/// Started by another user than root, nothing is given up.
sys::KeptCapabilities kept_for(const config::Settings& settings) {
  if (::geteuid() == 0) return needed_by(settings);
  return {.enter_namespaces = true,
          .find_by_process = true,
          .bind_low_ports = true,
          .bind_interfaces = true};
}

serve::TcpLimits tcp_limits(const config::ServerSettings& settings) {
  serve::TcpLimits limits;
  limits.connections = settings.tcp_clients;
  limits.connections_per_client = settings.tcp_per_client;
  limits.idle = settings.tcp_idle;
  return limits;
}

/// The threads and their counters, from opening the sockets to the last answer.
class Workers {
 public:
  Workers(Shared& shared, const std::vector<serve::Listener>& listeners, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      counters_.push_back(std::make_unique<telemetry::Counters>());
      workers_.push_back(std::make_unique<Worker>(shared, listeners, *counters_.back(), i == 0));
    }
  }

  [[nodiscard]] Result<void> open() {
    for (const auto& worker : workers_) {
      if (auto opened = worker->open(); !opened) return opened;
    }
    return {};
  }

  void run() {
    for (const auto& worker : workers_) worker->run();
  }

  void stop() {
    const Instant deadline = Clock::now() + kGrace;
    for (const auto& worker : workers_) worker->stop(deadline);
    for (const auto& worker : workers_) worker->join();
  }

  [[nodiscard]] std::string summary() const { return telemetry::summary(counters_); }

 private:
  std::vector<std::unique_ptr<telemetry::Counters>> counters_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

/// A namespace that is missing now is a slip; one that goes away later may come back.
Result<void> find_namespaces(const config::Settings& settings) {
  for (const config::UpstreamSettings& upstream : settings.upstreams) {
    if (upstream.netns.empty()) continue;
    if (auto found = sys::NetnsRef(upstream.netns).open(); !found) {
      return fail("upstream " + upstream.name.name + ": " + found.error().message);
    }
  }
  return {};
}

int failed(const Error& error) {
  log::error("{}", error.message);
  return kFailure;
}

}  // namespace

int serve(const Options& options) {
  log::set_level(level_of(options.verbosity));
  std::signal(SIGPIPE, SIG_IGN);  // a log that nobody reads any more is no reason to end
  DiskFiles files;
  LoadedSettings loaded = load_settings(options, files);
  if (report(loaded)) return kFailure;
  if (auto found = find_namespaces(loaded.settings); !found) return failed(found.error());
  raise_descriptor_limit();

  const auto listeners = to_open(loaded.settings.server.listen, host_has_ipv6());
  const std::size_t count = worker_count(loaded.settings.server);
  const std::string user = loaded.settings.server.user;
  const sys::KeptCapabilities keep = kept_for(loaded.settings);
  const std::string description = describe(loaded.settings);
  const auto limits = cache_limits(loaded.settings.cache);
  const serve::TcpLimits tcp = tcp_limits(loaded.settings.server);
  Reloader reloader(options, files, std::move(loaded), keep);

  Shared shared(reloader.snapshots(), limits, tcp);
  if (auto free = serve::probe_free(listeners); !free) return failed(free.error());
  Workers workers(shared, listeners, count);
  if (auto opened = workers.open(); !opened) return failed(opened.error());
  if (auto dropped = sys::drop_privileges(user, keep); !dropped) return failed(dropped.error());
  warn_of_unreadable(reloader.watched(), user);
  auto loop = MainLoop::create(reloader);
  if (!loop) return failed(loop.error());
  workers.run();
  log::info("ready: {} worker{} on {} (udp, tcp), {}", count, count == 1 ? "" : "s",
            describe(listeners), description);
  const std::string reason = (*loop)->run();
  workers.stop();
  const std::string summary = workers.summary();
  log::flush_repeated();
  log::info("stopped by {}: {}", reason, summary.empty() ? "no query came" : summary);
  return kSuccess;
}

}  // namespace nxgate::app
