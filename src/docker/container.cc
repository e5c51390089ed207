#include "docker/container.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json.hpp>
#include <boost/system/error_code.hpp>
#include <fmt/core.h>

#include "base/address.h"
#include "base/error.h"

namespace nxgate::docker {
namespace {

namespace json = boost::json;

constexpr std::size_t kIdLength = 64;
constexpr std::size_t kShortIdLength = 12;

// What is missing or of another kind than expected reads as empty: the engine leaves out, and says
// null for, what doesn't apply.

const json::value* member(const json::value* value, std::string_view name) {
  const json::object* const object = value == nullptr ? nullptr : value->if_object();
  return object == nullptr ? nullptr : object->if_contains(name);
}

std::string text(const json::value* value) {
  const json::string* const string = value == nullptr ? nullptr : value->if_string();
  return string == nullptr ? std::string() : std::string(*string);
}

bool flag(const json::value* value) {
  const bool* const set = value == nullptr ? nullptr : value->if_bool();
  return set != nullptr && *set;
}

std::vector<std::string> texts(const json::value* value) {
  std::vector<std::string> result;
  const json::array* const array = value == nullptr ? nullptr : value->if_array();
  if (array == nullptr) return result;
  for (const json::value& element : *array) {
    if (element.is_string()) result.push_back(text(&element));
  }
  return result;
}

std::string without_slash(std::string name) {
  if (name.starts_with('/')) name.erase(0, 1);
  return name;
}

std::map<std::string, std::string> labels_in(const json::value* value) {
  std::map<std::string, std::string> labels;
  const json::object* const object = value == nullptr ? nullptr : value->if_object();
  if (object == nullptr) return labels;
  for (const auto& [key, each] : *object) labels.emplace(key, text(&each));
  return labels;
}

void add_name(Membership& membership, std::string name) {
  auto& names = membership.names;
  if (name.empty() || std::ranges::find(names, name) != names.end()) return;
  names.push_back(std::move(name));
}

Membership membership_in(std::string_view network, const json::value& value) {
  Membership membership;
  membership.network = network;
  membership.network_id = text(member(&value, "NetworkID"));
  for (const char* const key : {"IPAddress", "GlobalIPv6Address"}) {
    if (const auto address = IpAddress::parse(text(member(&value, key)))) {
      membership.addresses.push_back(*address);
    }
  }
  for (const char* const key : {"DNSNames", "Aliases"}) {
    for (std::string& name : texts(member(&value, key))) add_name(membership, std::move(name));
  }
  for (const std::string& link : texts(member(&value, "Links"))) {
    const auto colon = link.find(':');
    if (colon == std::string::npos) continue;
    const std::string alias = link.substr(colon + 1);
    membership.links.push_back(
        {without_slash(link.substr(0, colon)), alias.substr(alias.rfind('/') + 1)});
  }
  return membership;
}

std::vector<Membership> memberships_in(const json::value* settings) {
  std::vector<Membership> memberships;
  const json::value* const networks = member(settings, "Networks");
  const json::object* const object = networks == nullptr ? nullptr : networks->if_object();
  if (object == nullptr) return memberships;
  for (const auto& [name, value] : *object) memberships.push_back(membership_in(name, value));
  return memberships;
}

/// `CAP_NET_ADMIN` and `net_admin` are `NET_ADMIN`.
std::string capability(std::string name) {
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::toupper(c); });
  if (name.starts_with("CAP_")) name.erase(0, 4);
  return name;
}

bool is_id(std::string_view id) {
  return id.size() == kIdLength &&
         id.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

void read_state(Container& container, const json::value* state) {
  container.running = flag(member(state, "Running"));
  const json::value* const pid = member(state, "Pid");
  // An engine may still tell the pid and the sandbox of a container that has ended.
  if (!container.running || pid == nullptr || !pid->is_int64()) return;
  container.pid = static_cast<pid_t>(pid->as_int64());
}

Result<json::value> parse(std::string_view what, std::string_view text) {
  boost::system::error_code error;
  json::value value = json::parse(text, error);
  if (error) return fail(fmt::format("the engine's {} is no JSON: {}", what, error.message()));
  return value;
}

Result<Container> with_id(const json::value& value) {
  Container container;
  container.id = text(member(&value, "Id"));
  if (!is_id(container.id)) return fail("the engine told of a container without an id");
  return container;
}

}  // namespace

bool Container::can_undo() const {
  return privileged || std::ranges::any_of(added_capabilities, [](const std::string& each) {
           return each == "ALL" || each == "NET_ADMIN" || each == "SYS_ADMIN";
         });
}

Result<Container> parse_inspect(std::string_view json) {
  const auto value = parse("description of a container", json);
  if (!value) return std::unexpected(value.error());
  auto container = with_id(*value);
  if (!container) return container;
  container->inspected = true;
  container->name = without_slash(text(member(&*value, "Name")));
  read_state(*container, member(&*value, "State"));
  container->labels = labels_in(member(member(&*value, "Config"), "Labels"));
  const auto* const host = member(&*value, "HostConfig");
  container->network_mode = text(member(host, "NetworkMode"));
  container->privileged = flag(member(host, "Privileged"));
  for (std::string& name : texts(member(host, "CapAdd"))) {
    container->added_capabilities.push_back(capability(std::move(name)));
  }
  const auto* const network = member(&*value, "NetworkSettings");
  container->sandbox = text(member(network, "SandboxKey"));
  container->networks = memberships_in(network);
  for (Membership& membership : container->networks) {
    add_name(membership, container->name);
    add_name(membership, container->id.substr(0, kShortIdLength));
  }
  return container;
}

Result<std::vector<Container>> parse_list(std::string_view json) {
  const auto value = parse("list of containers", json);
  if (!value) return std::unexpected(value.error());
  const json::array* const array = value->if_array();
  if (array == nullptr) return fail("the engine's list of containers is no list");
  std::vector<Container> containers;
  for (const json::value& each : *array) {
    auto container = with_id(each);
    if (!container) return std::unexpected(container.error());
    const auto names = texts(member(&each, "Names"));
    if (!names.empty()) container->name = without_slash(names.front());
    const std::string state = text(member(&each, "State"));
    container->running = state == "running" || state == "paused" || state == "restarting";
    container->labels = labels_in(member(&each, "Labels"));
    container->network_mode = text(member(member(&each, "HostConfig"), "NetworkMode"));
    container->networks = memberships_in(member(&each, "NetworkSettings"));
    containers.push_back(*std::move(container));
  }
  return containers;
}

Result<Event> parse_event(std::string_view json) {
  const auto value = parse("event", json);
  if (!value) return std::unexpected(value.error());
  Event event{.type = text(member(&*value, "Type")),
              .action = text(member(&*value, "Action")),
              .container = {}};
  const auto* const actor = member(&*value, "Actor");
  if (event.type == "container") {
    event.container = text(member(actor, "ID"));
    if (!is_id(event.container)) return fail("the engine told of a container without an id");
  }
  if (event.type == "network") {
    event.container = text(member(member(actor, "Attributes"), "container"));
  }
  return event;
}

}  // namespace nxgate::docker
