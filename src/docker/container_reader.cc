#include "docker/container_reader.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/value.hpp>
#include <fmt/core.h>
#include <sys/types.h>

#include "base/address.h"
#include "base/error.h"
#include "base/json_fields.h"
#include "containers/container.h"
#include "docker/excerpt.h"

namespace nxgate::docker {

namespace json = boost::json;

namespace {

std::string without_slash(std::string_view name) {
  return std::string(name.starts_with('/') ? name.substr(1) : name);
}

void add_once(std::vector<std::string>& names, const std::string& name) {
  if (!name.empty() && std::ranges::find(names, name) == names.end()) names.push_back(name);
}

void add_address(Membership& membership, const std::string& key, const JsonFields& endpoint,
                 std::string& fault) {
  const std::string text = endpoint.text(key);
  if (text.empty()) return;
  if (const std::optional<IpAddress> address = IpAddress::parse(text)) {
    membership.addresses.push_back(*address);
  } else if (fault.empty()) {
    fault = fmt::format("{} {} is not an address", key, text);
  }
}

/// `target:alias`, of which the engine itself makes `/target:/me/alias`.
Membership::Link to_link(std::string_view text) {
  const std::size_t colon = std::min(text.rfind(':'), text.size());
  const std::string target = without_slash(text.substr(0, colon));
  const std::string_view alias = text.substr(std::min(colon + 1, text.size()));
  const std::string_view last = alias.substr(alias.rfind('/') + 1);
  return {.target = target, .alias = last.empty() ? target : std::string(last)};
}

Membership read_membership(const Container& container, const std::string& network,
                           const JsonFields& endpoint, std::string& fault) {
  Membership membership{.network = network, .network_id = endpoint.text("NetworkID")};
  add_address(membership, "IPAddress", endpoint, fault);
  add_address(membership, "GlobalIPv6Address", endpoint, fault);
  add_once(membership.names, container.name);
  for (const std::string& name : endpoint.texts("DNSNames")) add_once(membership.names, name);
  for (const std::string& name : endpoint.texts("Aliases")) add_once(membership.names, name);
  add_once(membership.names, container.id.substr(0, containers::kShortId));
  for (const std::string& text : endpoint.texts("Links")) {
    if (Membership::Link link = to_link(text); !link.target.empty()) {
      membership.links.push_back(std::move(link));
    }
  }
  return membership;
}

/// After id and name, from which the names on a network come.
void read_networks(Container& container, const JsonFields& all, std::string& fault) {
  const JsonFields networks = all.inner("NetworkSettings").inner("Networks");
  networks.each([&](const std::string& network, const JsonFields& endpoint) {
    container.networks.push_back(read_membership(container, network, endpoint, fault));
  });
  std::ranges::sort(container.networks, {}, &Membership::network);
}

void read_id(Container& container, const JsonFields& all, std::string& fault) {
  container.id = all.text("Id");
  if (!containers::is_container_id(container.id) && fault.empty())
    fault = "Id is not 64 hexadecimal digits";
}

std::string to_capability(std::string name) {
  std::ranges::transform(name, name.begin(), [](unsigned char letter) {
    return static_cast<char>(std::toupper(letter));
  });
  return name.starts_with("CAP_") ? name.substr(4) : name;
}

/// While the engine waits before it restarts a container it calls it running, without a process.
void read_state(Container& container, const JsonFields& state, std::string& fault) {
  container.running = state.flag("Running") && !state.flag("Restarting");
  const std::int64_t pid = state.number("Pid");
  if ((pid < 0 || pid > std::numeric_limits<pid_t>::max()) && fault.empty()) {
    fault = "State.Pid is not a process id";
  }
  if (container.running) container.pid = static_cast<pid_t>(pid);
}

Container read_inspected(const json::value& document, std::string& fault) {
  const JsonFields all(document, fault);
  Container container;
  read_id(container, all, fault);
  container.name = without_slash(all.text("Name"));
  container.inspected = true;
  read_state(container, all.inner("State"), fault);
  container.image = all.text("Image");
  container.labels = all.inner("Config").text_map("Labels");
  const JsonFields host = all.inner("HostConfig");
  container.network_mode = host.text("NetworkMode");
  container.privileged = host.flag("Privileged");
  for (const std::string& name : host.texts("CapAdd")) {
    container.added_capabilities.push_back(to_capability(name));
  }
  container.sandbox = all.inner("NetworkSettings").text("SandboxKey");
  read_networks(container, all, fault);
  return container;
}

/// A container's own name; others are `/other/alias`, of links that lead to it.
std::string own_name(const std::vector<std::string>& names) {
  const auto own = std::ranges::find_if(
      names, [](std::string_view name) { return name.find('/', 1) == std::string_view::npos; });
  return own == names.end() ? std::string() : without_slash(*own);
}

Container read_listed(const json::value& document, std::string& fault) {
  const JsonFields all(document, fault);
  Container container;
  read_id(container, all, fault);
  container.name = own_name(all.texts("Names"));
  const std::string state = all.text("State");
  container.running = state == "running" || state == "paused";
  container.image = all.text("ImageID");
  container.labels = all.text_map("Labels");
  container.network_mode = all.inner("HostConfig").text("NetworkMode");
  read_networks(container, all, fault);
  return container;
}

/// What is kept of a container's place on each network, wherever in the description.
void add_networks(WantedFields& wanted) {
  for (const char* const key :
       {"NetworkID", "IPAddress", "GlobalIPv6Address", "DNSNames", "Aliases", "Links"}) {
    wanted.add({"NetworkSettings", "Networks", "*", key});
  }
}

WantedFields of_inspected(const LabelKeys& labels) {
  WantedFields wanted;
  wanted.add({"Id"}).add({"Name"}).add({"Image"}).add({"NetworkSettings", "SandboxKey"});
  for (const char* const key : {"Running", "Restarting", "Pid"}) wanted.add({"State", key});
  for (const char* const key : {"NetworkMode", "Privileged", "CapAdd"}) {
    wanted.add({"HostConfig", key});
  }
  for (const std::string& label : labels) wanted.add({"Config", "Labels", label});
  add_networks(wanted);
  return wanted;
}

WantedFields of_listed(const LabelKeys& labels) {
  WantedFields wanted;
  wanted.add({"Id"})
      .add({"Names"})
      .add({"ImageID"})
      .add({"State"})
      .add({"HostConfig", "NetworkMode"});
  for (const std::string& label : labels) wanted.add({"Labels", label});
  add_networks(wanted);
  return wanted;
}

}  // namespace

struct InspectReader::State {
  explicit State(const LabelKeys& labels)
      : wanted(of_inspected(containers::with_compose(labels))) {}

  WantedFields wanted;
  Excerpt excerpt;
  ExcerptReader reader{ExcerptReader::Document::kOne, wanted,
                       [this](Excerpt read) { excerpt = std::move(read); }};
};

InspectReader::InspectReader(const LabelKeys& labels) : state_(std::make_unique<State>(labels)) {}
InspectReader::~InspectReader() = default;

Result<void> InspectReader::write(std::string_view piece) {
  if (const auto read = state_->reader.write(piece); !read) {
    return not_understood("description of a container", read.error().message);
  }
  return {};
}

Result<Container> InspectReader::finish() {
  if (const auto read = state_->reader.finish(); !read) {
    return not_understood("description of a container", read.error().message);
  }
  std::string fault;
  Container container = read_inspected(state_->excerpt.value, fault);
  if (!fault.empty()) return not_understood("description of a container", fault);
  container.cut = std::move(state_->excerpt.cut);
  return container;
}

struct ListReader::State {
  explicit State(const LabelKeys& labels) : wanted(of_listed(containers::with_compose(labels))) {}

  void take(Excerpt excerpt);

  WantedFields wanted;
  ContainerList list;
  std::size_t left_out = 0;
  ExcerptReader reader{ExcerptReader::Document::kList, wanted,
                       [this](Excerpt read) { take(std::move(read)); }};
};

void ListReader::State::take(Excerpt excerpt) {
  if (list.containers.size() + list.odd.size() >= containers::kMostContainers) {
    ++left_out;
    return;
  }
  std::string fault;
  Container container = read_listed(excerpt.value, fault);
  container.cut = std::move(excerpt.cut);
  if (fault.empty()) {
    list.containers.push_back(std::move(container));
  } else {
    list.odd.push_back({.id = container.id.substr(0, containers::kIdLength),
                        .name = container.name,
                        .why = fault});
  }
}

ListReader::ListReader(const LabelKeys& labels) : state_(std::make_unique<State>(labels)) {}
ListReader::~ListReader() = default;

Result<void> ListReader::write(std::string_view piece) {
  if (const auto read = state_->reader.write(piece); !read) {
    return not_understood("list of containers", read.error().message);
  }
  return {};
}

Result<void> ListReader::finish() {
  if (const auto read = state_->reader.finish(); !read) {
    return not_understood("list of containers", read.error().message);
  }
  return {};
}

ContainerList ListReader::take() {
  if (const std::size_t more = std::exchange(state_->left_out, 0); more > 0) {
    state_->list.odd.push_back(
        {.id = {},
         .name = {},
         .why = fmt::format("{} more containers than the {} that nxgate handles", more,
                            containers::kMostContainers)});
  }
  return std::exchange(state_->list, {});
}

}  // namespace nxgate::docker
