#include "app/plan.h"

#include <algorithm>
#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <utility>

#include <fmt/core.h>

#include "app/container_commands.h"
#include "app/rights.h"
#include "attach/followed.h"
#include "attach/subjects.h"
#include "base/error.h"
#include "cli/control_place.h"
#include "cli/options.h"
#include "config/settings.h"
#include "config/value.h"
#include "docker/client.h"
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

/// What nxgate asked in the namespace of a container that it attaches would come back to it.
Result<void> asks_elsewhere(const config::Settings& settings,
                            const std::optional<attach::Subjects>& subjects) {
  if (!subjects) return {};
  for (const config::UpstreamSettings& upstream : settings.upstreams) {
    const auto name = config::container_in(upstream.netns);
    const auto is_it = [&name](const attach::Followed& each) { return each.found().name == name; };
    if (!name || std::ranges::none_of(subjects->containers, is_it)) continue;
    return fail(
        fmt::format("upstream {} is queried from the container {}, whose queries nxgate answers if "
                    "it is attached: name another container of its networks",
                    upstream.name.name, *name));
  }
  return {};
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
            .relayed = workers::relayed_connections(descriptors),
            .rate = workers::rate_limits(server.rate_limit),
            .subjects = {},
            .rights = {},
            .reach = {},
            .containers = named_containers(settings),
            .control = settings.control,
            .query_log = settings.query_log};
  if (options.command == cli::Command::kAttach || options.command == cli::Command::kDocker) {
    auto found = find_subjects(options, settings.docker);
    if (!found) return std::unexpected(found.error());
    plan.subjects = *std::move(found);
  }
  if (plan.control.implied) plan.control.socket = cli::usual_control_socket();
  if (auto apart = asks_elsewhere(settings, plan.subjects); !apart) {
    return std::unexpected(apart.error());
  }
  plan.rights = rights(settings, attach_source(plan.subjects));
  std::string engine;
  if (!plan.containers.empty()) {
    auto socket = docker::engine_socket(settings.docker.socket);
    if (!socket) return std::unexpected(socket.error());
    engine = *std::move(socket);
  }
  plan.reach = reach(settings, plan.listeners, plan.subjects ? &*plan.subjects : nullptr, engine);
  return plan;
}

}  // namespace nxgate::app
