#include "workers/workers.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/clock.h"
#include "base/error.h"
#include "helper/confinement.h"
#include "serve/worker_context.h"
#include "telemetry/counters.h"
#include "workers/inherited_listeners.h"
#include "workers/worker.h"

namespace nxgate::workers {
namespace {

/// How long stopping waits for pending upstream answers.
constexpr Milliseconds kGrace{1500};

}  // namespace

Workers::Workers(Shared& shared, const InheritedListeners& inherited, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    counters_.push_back(std::make_unique<telemetry::Counters>());
    const auto& listeners = i == 0 ? inherited.all : inherited.shared;
    workers_.push_back(std::make_unique<Worker>(shared, listeners, *counters_.back(), i));
  }
}

Result<void> Workers::open(std::vector<serve::OpenListener> given) {
  for (const auto& worker : workers_) {
    if (auto opened = worker->open(std::exchange(given, {})); !opened) return opened;
  }
  return {};
}

Result<void> Workers::run(helper::Confinement confinement) {
  try {
    for (const auto& worker : workers_) worker->run(confinement);
  } catch (const std::system_error& error) {
    stop();
    return fail(
        fmt::format("cannot start a worker thread: {}; the user may have reached its limit of "
                    "threads, see `ulimit -u`",
                    error.what()));
  }
  return {};
}

void Workers::stop() {
  const Instant deadline = Clock::now() + kGrace;
  for (const auto& worker : workers_) worker->stop(deadline);
  for (const auto& worker : workers_) worker->join();
}

void Workers::refresh() {
  for (const auto& worker : workers_) worker->refresh();
}

void Workers::ask(const std::function<void()>& answer) {
  for (const auto& worker : workers_) worker->ask(answer);
}

void Workers::adopt(serve::OpenListener open) {
  Adopted made{.policy = open.listener.policy, .v4 = open.listener.at.endpoint.address.is_v4()};
  using Load = std::pair<std::size_t, std::size_t>;  // of the family, then of all
  std::vector<Load> loads(workers_.size());
  for (const Adopted& other : adopted_) {
    Load& load = loads[other.worker];
    load.first += other.v4 == made.v4;
    ++load.second;
  }
  made.worker = static_cast<std::size_t>(std::ranges::min_element(loads) - loads.begin());
  workers_[made.worker]->adopt(std::move(open));
  adopted_.push_back(std::move(made));
}

void Workers::abandon(const std::string& policy) {
  std::erase_if(adopted_, [&policy](const Adopted& each) { return each.policy == policy; });
  for (const auto& worker : workers_) worker->abandon(policy);
}

}  // namespace nxgate::workers
