#include <string>
#include <string_view>

#include <fmt/core.h>

#include "cli/manual.h"
#include "cli/roff.h"
#include "config/keys.h"
#include "config/reading.h"

namespace nxgate::cli {
namespace {

constexpr std::string_view kExample = R"([server]
listen = ["127.0.0.1:53", "[::1]:53"]

[upstreams.default]
servers = ["1.1.1.1", "tcp://9.9.9.9"]

[policies.default]
allow = ["example.com", "=exact.example.org", "*.pypi.org"]
deny-names = ["ads.example.com"]

[policies.ci]
allow = ["deb.debian.org"]
records = ["db.test A 10.0.0.5"]

[[clients]]
from = ["10.0.0.0/8"]
policy = "ci"
)";

/// Where a key stands: its section as a header of TOML, and its name there.
struct Place {
  std::string_view section;
  std::string_view name;
};

Place place_of(std::string_view path) {
  const auto dot = path.rfind('.');
  if (dot == std::string_view::npos) return {"", path};
  return {path.substr(0, dot), path.substr(dot + 1)};
}

/// `[policies.NAME]`, `[[clients]]`
std::string header_of(std::string_view section) {
  std::string header;
  for (const char c : section) {
    if (c == '*')
      header += "NAME";
    else if (c != '[' && c != ']')
      header += c;
  }
  return section.ends_with("[]") ? fmt::format("[[{}]]", header) : fmt::format("[{}]", header);
}

std::string paragraphs(std::string_view markdown) {
  std::string text;
  for (auto start = markdown.find_first_not_of('\n'); start != std::string_view::npos;
       start = markdown.find_first_not_of('\n')) {
    markdown.remove_prefix(start);
    const std::string_view one = markdown.substr(0, markdown.find("\n\n"));
    markdown.remove_prefix(one.size());
    text += ".PP\n" + roff::paragraph(one.substr(0, one.find_last_not_of('\n') + 1));
  }
  return text;
}

std::string entry_of(const config::Key& key, std::string_view name) {
  const bool required = key.fallback == config::kRequired;
  std::string text = roff::item(roff::bold(name)) + roff::paragraph(key.doc) + ".br\n";
  text += fmt::format("Type: {}; ", roff::escape(key.type));
  text += required ? "required" : "default: " + roff::bold(key.fallback);
  return text + (key.sealed ? "; sealed.\n" : ".\n");
}

}  // namespace

std::string configuration_page() {
  std::string page =
      ".TH NXGATE.TOML 5 \"\" \"nxgate " NXGATE_VERSION "\" \"File Formats\"\n.nh\n.ad l\n";
  page += roff::section("NAME") + "nxgate.toml \\- the configuration of nxgate\n";
  page += roff::section("DESCRIPTION") + paragraphs(config::preface());
  page += roff::section("KEYS");
  std::string_view section;
  const auto keys = config::keys();
  for (const config::Key& key : keys) {
    const Place place = place_of(key.path);
    if (place.section != section) {
      section = place.section;
      page += roff::subsection(header_of(section));
    }
    page += entry_of(key, place.name);
  }
  page += roff::section("EXAMPLES") + roff::example(kExample) + roff::section("SEE ALSO");
  return page + ".BR nxgate (1)\n";
}

}  // namespace nxgate::cli
