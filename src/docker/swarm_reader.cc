#include "docker/swarm_reader.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/value.hpp>
#include <fmt/core.h>

#include "base/error.h"
#include "base/json_fields.h"
#include "docker/excerpt.h"

namespace nxgate::docker {
namespace {

constexpr std::string_view kNetwork = "description of a network";
constexpr std::string_view kServices = "list of services";

/// Go writes an address that isn't there so.
std::string address_of(const std::string& text) { return text == "<nil>" ? "" : text; }

WantedFields of_network() {
  WantedFields wanted;
  wanted.add({"Scope"});
  for (const char* const key : {"Name", "EndpointIP"}) {
    wanted.add({"Services", "*", "Tasks", key});
  }
  wanted.add({"Services", "*", "VIP"});
  return wanted;
}

WantedFields of_services() {
  WantedFields wanted;
  wanted.add({"Spec", "Name"});
  for (const char* const key : {"Target", "Aliases"}) {
    wanted.add({"Spec", "TaskTemplate", "Networks", key});
    wanted.add({"Spec", "Networks", key});  // where older clients put them
  }
  return wanted;
}

void read_aliases(const JsonFields& spec, ServiceAliases& aliases) {
  std::map<std::string, std::vector<std::string>>& of_service = aliases[spec.text("Name")];
  const auto read = [&of_service](const JsonFields& network) {
    std::vector<std::string>& there = of_service[network.text("Target")];
    for (std::string& alias : network.texts("Aliases")) there.push_back(std::move(alias));
  };
  spec.inner("TaskTemplate").each_of("Networks", read);
  spec.each_of("Networks", read);
}

}  // namespace

struct NetworkReader::State {
  WantedFields wanted = of_network();
  Excerpt excerpt;
  ExcerptReader reader{ExcerptReader::Document::kOne, wanted,
                       [this](Excerpt read) { excerpt = std::move(read); }};
};

NetworkReader::NetworkReader() : state_(std::make_unique<State>()) {}
NetworkReader::~NetworkReader() = default;

Result<void> NetworkReader::write(std::string_view piece) {
  if (const auto read = state_->reader.write(piece); !read) {
    return not_understood(kNetwork, read.error().message);
  }
  return {};
}

Result<NetworkSeen> NetworkReader::finish() {
  if (const auto read = state_->reader.finish(); !read) {
    return not_understood(kNetwork, read.error().message);
  }
  std::string fault;
  const JsonFields all(state_->excerpt.value, fault);
  NetworkSeen seen{.shared = all.text("Scope") == "swarm"};
  all.inner("Services").each([&seen](const std::string& name, const JsonFields& service) {
    NetworkSeen::Service& found = seen.services[name];
    found.virtual_address = address_of(service.text("VIP"));
    service.each_of("Tasks", [&found](const JsonFields& task) {
      found.tasks.push_back({task.text("Name"), address_of(task.text("EndpointIP"))});
    });
  });
  if (!fault.empty()) return not_understood(kNetwork, fault);
  seen.whole = !seen.services.empty() && state_->excerpt.cut.empty();
  return seen;
}

struct ServicesReader::State {
  WantedFields wanted = of_services();
  ServiceAliases aliases;
  std::string fault;
  ExcerptReader reader{ExcerptReader::Document::kList, wanted, [this](const Excerpt& read) {
                         read_aliases(JsonFields(read.value, fault).inner("Spec"), aliases);
                         if (fault.empty()) fault = read.cut;
                       }};
};

ServicesReader::ServicesReader() : state_(std::make_unique<State>()) {}
ServicesReader::~ServicesReader() = default;

Result<void> ServicesReader::write(std::string_view piece) {
  if (const auto read = state_->reader.write(piece); !read) {
    return not_understood(kServices, read.error().message);
  }
  return {};
}

Result<ServiceAliases> ServicesReader::finish() {
  if (const auto read = state_->reader.finish(); !read) {
    return not_understood(kServices, read.error().message);
  }
  if (!state_->fault.empty()) return not_understood(kServices, state_->fault);
  return std::move(state_->aliases);
}

}  // namespace nxgate::docker
