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
    {"name", "pattern", "\"\"", "Its name; `*`, `?` and `[...]` stand for any letters.",
     read_value<&ContainerRule::name, parse_text>},
    {"project", "text", "\"\"", "Its compose project.",
     read_value<&ContainerRule::project, parse_text>},
    {"service", "text", "\"\"", "Its compose service.",
     read_value<&ContainerRule::service, parse_text>},
    {"network", "text", "\"\"", "A network that it is on.",
     read_value<&ContainerRule::network, parse_text>},
    {"label", "label", "\"\"", "A label that it has: `KEY` or `KEY=VALUE`.",
     read_value<&ContainerRule::label, parse_label>},
    {"policy", "policy name", "\"\"",
     "What is enforced, whatever its labels say. Without it the label `nxgate.policy` counts, else "
     "it is the policy `default`.",
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
     "The engine's unix socket. Without it `DOCKER_HOST`, else `/var/run/docker.sock`.",
     read_value<&DockerSettings::socket, parse_text>, same_value<&DockerSettings::socket>},
    {"attach", "word", "\"matched\"",
     "`matched`: containers that a `[[docker.containers]]` rule matches or that have a label "
     "`nxgate.policy` or `nxgate.allow`. `all`: the others as well, with the policy `default`.",
     read_value<&DockerSettings::attach_all, parse_attach>},
    {"fail", "word", "\"closed\"",
     "What an attached container can resolve when nxgate was killed: `closed` is nothing, until "
     "nxgate is back or `nxgate detach`; `open` is what it could without nxgate.",
     read_value<&DockerSettings::opens_on_death, parse_fail>,
     same_value<&DockerSettings::opens_on_death>},
    {"label-policies", "list of policy names", "[]",
     "What a container's label `nxgate.policy` may choose; `\"*\"` is any. A label that names "
     "another one gets nothing resolved. Labels that come from an image choose nothing.",
     read_label_policies},
    {"builds", "policy name", "\"\"",
     "What is enforced for the `RUN` steps of builds by BuildKit, which are no containers; `none` "
     "leaves them alone. Without it they get the policy `default` with `attach = \"all\"`, and "
     "else are left alone.",
     read_reference<&DockerSettings::builds>},
    {"containers", "list of tables", "[]",
     "Which containers get which policy; the first rule that matches counts.", read_containers},
}};

}  // namespace

std::span<const Field<DockerSettings>> docker_fields() { return kDocker; }
std::span<const Field<ContainerRule>> container_fields() { return kContainer; }

}  // namespace nxgate::config
