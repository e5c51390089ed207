#include "app/plan.h"

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <utility>

#include "app/container_commands.h"
#include "app/rights.h"
#include "attach/subjects.h"
#include "base/error.h"
#include "cli/control_place.h"
#include "cli/options.h"
#include "config/settings.h"
#include "store/policy_store.h"
#include "store/settings_source.h"
#include "store/snapshot_builder.h"
#include "sys/privileges.h"
#include "workers/limits.h"
#include "workers/listeners.h"

namespace nxgate::app {
namespace {

AttachSource attach_source(const std::optional<attach::Subjects>& subjects) {
  if (!subjects) return AttachSource::kNo;
  return subjects->socket.empty() ? AttachSource::kNamespaces : AttachSource::kContainers;
}

}  // namespace

Result<Plan> plan_of(const cli::Options& options, const config::Settings& settings,
                     std::size_t descriptors) {
  if (auto found = store::find_namespaces(settings); !found) return std::unexpected(found.error());
  const config::ServerSettings& server = settings.server;
  Plan plan{.user = server.user.empty() ? sys::usual_user() : server.user,
            .description = store::describe(settings),
            .listeners = workers::to_open(server.listen, workers::host_has_ipv6()),
            .workers = workers::worker_count(server),
            .cache = store::cache_limits(settings.cache),
            .tcp = workers::tcp_limits(server, descriptors),
            .rate = workers::rate_limits(server.rate_limit),
            .subjects = {},
            .rights = {},
            .reach = {},
            .control = settings.control,
            .query_log = settings.query_log};
  if (options.command == cli::Command::kAttach || options.command == cli::Command::kDocker) {
    auto found = find_subjects(options, settings.docker);
    if (!found) return std::unexpected(found.error());
    plan.subjects = *std::move(found);
  }
  if (plan.control.implied) plan.control.socket = cli::usual_control_socket();
  plan.rights = rights(settings, attach_source(plan.subjects));
  plan.reach = reach(settings, plan.listeners, plan.subjects ? &*plan.subjects : nullptr);
  return plan;
}

}  // namespace nxgate::app
