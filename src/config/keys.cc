#include "config/keys.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/core.h>

#include "config/egress_fields.h"
#include "config/fields.h"
#include "config/reading.h"
#include "config/settings.h"

namespace nxgate::config {
namespace {

template <class T>
void append(std::vector<Key>& keys, std::string_view prefix, std::span<const Field<T>> fields) {
  for (const Field<T>& field : fields) {
    keys.push_back({fmt::format("{}{}", prefix, field.name), field.type, field.fallback, field.doc,
                    field.same != nullptr});
  }
}

template <class T>
void append_changes(std::vector<std::string>& changes, std::string_view prefix,
                    std::span<const Field<T>> fields, const T& running, const T& next) {
  for (const Field<T>& field : fields) {
    if (field.same == nullptr || field.same(running, next)) continue;
    changes.push_back(fmt::format("{}{}", prefix, field.name));
  }
}

constexpr std::string_view kTitle = R"(# Configuration reference

<!-- Made from the table of keys in src/config; `src/config/keys_test.cc` tells how to renew it. -->
)";

constexpr std::string_view kPreface = R"(
One TOML file. `nxgate check FILE` reports every error as `file:line:column`; an unknown key is an
error. SIGHUP and a change of the file, or of a file it names, reload it: everything is built first
and then swapped; after any error the running configuration stays. A reload that changes a *sealed*
key is rejected with the key's name; restart to change it. Relative paths are relative to the
directory of the file. A time is a whole number with a unit: `250ms`, `10s`, `5m`, `1h`, `7d`.

A rule that allows everything below a public suffix (`com`, `co.uk`, `github.io`, the root `.`) must
end with the word `force`, as in `"com force"`.
)";

/// The section of a path: all but its last part.
std::string_view section_of(std::string_view path) {
  const auto dot = path.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : path.substr(0, dot);
}

}  // namespace

std::vector<Key> keys() {
  std::vector<Key> all;
  append(all, "", document_fields());
  append(all, "server.", server_fields());
  append(all, "server.listen[].", listen_fields());
  append(all, "server.rate-limit.", rate_limit_fields());
  append(all, "cache.", cache_fields());
  append(all, "upstreams.*.", upstream_fields());
  append(all, "policies.*.", policy_fields());
  append(all, "policies.*.deny-files[].", list_file_fields());
  append(all, "policies.*.routes[].", route_fields());
  append(all, "policies.*.exfiltration.", exfiltration_fields());
  append(all, "policies.*.egress.", egress_fields());
  append(all, "clients[].", client_fields());
  append(all, "docker.", docker_fields());
  append(all, "docker.containers[].", container_fields());
  append(all, "control.", control_fields());
  append(all, "query-log.", query_log_fields());
  append(all, "query-log.dnstap.", dnstap_fields());
  return all;
}

std::vector<std::string> sealed_changes(const Settings& running, const Settings& next) {
  std::vector<std::string> changes;
  append_changes(changes, "server.", server_fields(), running.server, next.server);
  append_changes(changes, "cache.", cache_fields(), running.cache, next.cache);
  append_changes(changes, "docker.", docker_fields(), running.docker, next.docker);
  append_changes(changes, "control.", control_fields(), running.control, next.control);
  append_changes(changes, "query-log.", query_log_fields(), running.query_log, next.query_log);
  return changes;
}

std::string_view preface() { return kPreface; }

std::string reference_page() {
  std::string page(kTitle);
  page += kPreface;
  std::string_view section = "none yet";
  const std::vector<Key> all = keys();
  for (const Key& key : all) {
    const std::string_view own = section_of(key.path);
    if (own != section) {
      section = own;
      page += fmt::format("\n## {}\n\n| Key | Type | Default | Meaning |\n|---|---|---|---|\n",
                          section.empty() ? "Sections" : fmt::format("`{}`", section));
    }
    const bool required = key.fallback == kRequired;
    page += fmt::format("| `{}` | {} | {} | {}{} |\n",
                        section.empty() ? key.path : key.path.substr(section.size() + 1), key.type,
                        required ? "required" : fmt::format("`{}`", key.fallback), key.doc,
                        key.sealed ? " *Sealed.*" : "");
  }
  return page;
}

}  // namespace nxgate::config
