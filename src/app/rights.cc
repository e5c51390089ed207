#include "app/rights.h"

#include <string>
#include <vector>

#include <fmt/core.h>
#include <netinet/in.h>

#include "attach/subjects.h"
#include "config/settings.h"
#include "config/value.h"
#include "helper/confinement.h"
#include "helper/reach.h"
#include "serve/worker_context.h"
#include "store/snapshot_builder.h"
#include "sys/netns.h"
#include "sys/privileges.h"

namespace nxgate::app {
namespace {

/// The rights to open sockets again.
sys::KeptCapabilities to_open_again(const config::Settings& settings) {
  sys::KeptCapabilities needed;
  const auto enter = [&needed](const std::string& netns) {
    if (netns.empty()) return;
    needed.enter_namespaces = true;
    const bool of_container = config::container_in(netns).has_value();
    if (of_container || sys::NetnsRef(netns).of_process()) needed.find_by_process = true;
    if (of_container) needed.pass_permissions = true;  // for the engine's socket
  };
  for (const config::UpstreamSettings& upstream : settings.upstreams) enter(upstream.netns);
  for (const config::Listener& listener : settings.server.listen) {
    enter(listener.netns);
    if (listener.netns.empty() && listener.interface.empty()) continue;  // bound once and for all
    if (listener.endpoint.port < IPPORT_RESERVED) needed.bind_low_ports = true;
    if (!listener.interface.empty()) needed.bind_interfaces = true;
  }
  return needed;
}

}  // namespace

Rights rights(const config::Settings& settings, AttachSource source) {
  Rights result;
  result.helper = to_open_again(settings);
  if (!store::client_firewalls(settings).empty()) result.helper.change_rules = true;
  if (source != AttachSource::kNo) {
    result.helper.enter_namespaces = result.helper.find_by_process = true;
    result.helper.change_rules = result.helper.pass_permissions = true;
    result.helper.hold_queues = true;
  }
  if (result.helper.any() && !result.helper.enter_namespaces) result.helper.send_descriptors = true;
  if (source == AttachSource::kContainers) {
    result.server.find_by_process = result.server.pass_permissions = true;
  }
  if (!settings.server.seccomp) result.calls = helper::Confinement::kNone;
  return result;
}

NamedContainers named_containers(const config::Settings& settings) {
  NamedContainers named;
  for (const config::Listener& listener : settings.server.listen) {
    const auto name = config::container_in(listener.netns);
    if (!name) continue;
    const std::string at = listener.interface.empty()
                               ? listener.endpoint.to_string()
                               : fmt::format("{}:{}", listener.interface, listener.endpoint.port);
    named[std::string(*name)].push_back("listener " + at);
  }
  for (const config::UpstreamSettings& upstream : settings.upstreams) {
    if (const auto name = config::container_in(upstream.netns)) {
      named[std::string(*name)].push_back("upstream " + upstream.name.name);
    }
  }
  return named;
}

helper::Reach reach(const config::Settings& settings, const std::vector<serve::Listener>& listeners,
                    const attach::Subjects* subjects, const std::string& engine) {
  helper::Reach result{.host_rules = !store::client_firewalls(settings).empty()};
  for (const serve::Listener& each : listeners) result.listeners.push_back(each.at);
  for (const config::UpstreamSettings& upstream : settings.upstreams) {
    if (!upstream.netns.empty()) result.upstream_namespaces.push_back(upstream.netns);
  }
  for (const auto& [name, waiting] : named_containers(settings)) result.containers.push_back(name);
  if (!result.containers.empty()) result.containers_engine = engine;
  if (subjects == nullptr) return result;
  for (const attach::Subject& subject : subjects->namespaces) {
    result.attachable.push_back(subject.netns.text());
  }
  result.engine = subjects->socket;
  return result;
}

}  // namespace nxgate::app
