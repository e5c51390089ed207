// The tables of keys, one a section. Each line is the only place where its key is mentioned.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "config/context.h"
#include "config/reading.h"
#include "config/settings.h"
#include "policy/list_format.h"

namespace nxgate::config {

/// A listener as a table: `{ address = "127.0.0.1:53", netns = "web", policy = "ci" }`.
struct ListenTable {
  Listener address;  ///< its namespace too, if that was written here
  std::string netns;
  Reference policy;
  bool freebind = false;
};

/// List files as a table: `{ path = "/etc/nxgate/ads.txt", format = "hosts" }`.
struct ListFile {
  Text path;                                 ///< may have wildcards
  std::optional<policy::ListFormat> format;  ///< told by the files themselves if unset
};

[[nodiscard]] std::span<const Field<Settings>> document_fields();
[[nodiscard]] std::span<const Field<ServerSettings>> server_fields();
[[nodiscard]] std::span<const Field<ListenTable>> listen_fields();
[[nodiscard]] std::span<const Field<RateLimitSettings>> rate_limit_fields();
[[nodiscard]] std::span<const Field<CacheSettings>> cache_fields();
[[nodiscard]] std::span<const Field<UpstreamSettings>> upstream_fields();
[[nodiscard]] std::span<const Field<PolicySettings>> policy_fields();
[[nodiscard]] std::span<const Field<ListFile>> list_file_fields();
[[nodiscard]] std::span<const Field<policy::Exfiltration>> exfiltration_fields();
[[nodiscard]] std::span<const Field<RouteSettings>> route_fields();
[[nodiscard]] std::span<const Field<ClientSettings>> client_fields();
[[nodiscard]] std::span<const Field<DockerSettings>> docker_fields();
[[nodiscard]] std::span<const Field<ControlSettings>> control_fields();
[[nodiscard]] std::span<const Field<QueryLogSettings>> query_log_fields();
[[nodiscard]] std::span<const Field<DnstapSettings>> dnstap_fields();
[[nodiscard]] std::span<const Field<ContainerRule>> container_fields();

}  // namespace nxgate::config
