#include <array>
#include <span>
#include <string>
#include <string_view>

#include <toml++/toml.h>

#include "base/error.h"
#include "config/context.h"
#include "config/fields.h"
#include "config/reading.h"
#include "config/settings.h"
#include "config/value.h"

namespace nxgate::config {
namespace {

constexpr std::array<Field<ContainerRule>, 6> kContainer{{
    {"name", "pattern", "\"\"", "Container name; `*`, `?` and `[...]` are wildcards.",
     read_value<&ContainerRule::name, parse_text>},
    {"project", "text", "\"\"", "Compose project.",
     read_value<&ContainerRule::project, parse_text>},
    {"service", "text", "\"\"", "Compose service.",
     read_value<&ContainerRule::service, parse_text>},
    {"network", "text", "\"\"", "A network the container is on.",
     read_value<&ContainerRule::network, parse_text>},
    {"label", "label", "\"\"", "A label of the container: `KEY` or `KEY=VALUE`.",
     read_value<&ContainerRule::label, parse_label>},
    {"policy", "policy name", "\"\"",
     "Policy to enforce, whatever the container's labels say. If unset, the label `nxgate.policy` "
     "decides, else the policy is `default`.",
     read_reference<&ContainerRule::policy>},
}};

void read_label_policies(Reading& reading, const toml::node& node, DockerSettings& into) {
  into.label_policies.clear();
  reading.each(node,
               [&](const Text& text) { into.label_policies.push_back({text.value, text.at}); });
}

void read_containers(Reading& reading, const toml::node& node, DockerSettings& into) {
  reading.each_table(node, [&](const toml::table& table) {
    if (table.empty())
      reading.fault(table, "expected at least one condition, such as name = \"*\"");
    read_table<ContainerRule>(reading, table, kContainer, into.containers.emplace_back());
  });
}

constexpr std::array<Field<DockerSettings>, 6> kDocker{{
    {"socket", "path", "\"\"",
     "Unix socket of the Docker engine. If unset: `DOCKER_HOST`, else `/var/run/docker.sock`.",
     read_value<&DockerSettings::socket, parse_text>, same_value<&DockerSettings::socket>},
    {"attach", "word", "\"matched\"",
     "`matched`: containers that a `[[docker.containers]]` rule matches or that have a label "
     "`nxgate.policy`, `nxgate.allow` or `nxgate.presets`. `all`: all other containers too, with "
     "the policy "
     "`default`.",
     read_value<&DockerSettings::attach_all, parse_attach>},
    {"fail", "word", "\"closed\"",
     "What an attached container can resolve after nxgate was killed: `closed`: nothing, until "
     "nxgate is back or `nxgate detach` is run; `open`: what it could resolve without nxgate.",
     read_value<&DockerSettings::opens_on_death, parse_fail>,
     same_value<&DockerSettings::opens_on_death>},
    {"label-policies", "list of policy names", "[]",
     "Policies that a container's label `nxgate.policy` may choose; `\"*\"` for any. A container "
     "whose label names another policy resolves nothing. Labels that come from an image are "
     "ignored here.",
     read_label_policies},
    {"builds", "policy name", "\"\"",
     "Policy for the `RUN` steps of BuildKit builds, which aren't containers; with `none` they "
     "aren't attached. If unset they get the policy `default` with `attach = \"all\"`, otherwise "
     "they aren't attached.",
     read_reference<&DockerSettings::builds>},
    {"containers", "list of tables", "[]",
     "Which containers get which policy; the first matching rule applies.", read_containers},
}};

}  // namespace

std::span<const Field<DockerSettings>> docker_fields() { return kDocker; }
std::span<const Field<ContainerRule>> container_fields() { return kContainer; }

}  // namespace nxgate::config
