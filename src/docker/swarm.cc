#include "docker/swarm.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <fmt/core.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/no_throw.h"
#include "containers/container.h"
#include "containers/shared_network.h"
#include "docker/client.h"
#include "docker/swarm_reader.h"

namespace nxgate::docker {

namespace asio = boost::asio;
using containers::SharedNetwork;

namespace {

constexpr Milliseconds kBetweenLooks{2000};
/// Of a burst of changes only the end is looked at.
constexpr Milliseconds kSoon{200};
/// In these nobody has a name.
constexpr std::array<std::string_view, 4> kNameless{"bridge", "host", "none", "ingress"};

void add_address(std::vector<IpAddress>& addresses, const std::string& text) {
  if (const auto address = IpAddress::parse(text)) addresses.push_back(*address);
}

/// As Docker's resolver names them: containers, services, and `tasks.SERVICE`, by each name of the
/// service.
void add_service(const std::string& name, const NetworkSeen::Service& service,
                 const std::vector<std::string>& aliases, SharedNetwork& network) {
  std::vector<IpAddress> of_tasks;
  for (const NetworkSeen::Task& task : service.tasks) {
    SharedNetwork::Member member{.names = {task.name}, .addresses = {}, .reverse_name = task.name};
    add_address(member.addresses, task.address);
    add_address(of_tasks, task.address);
    network.members.push_back(std::move(member));
  }
  if (name.empty()) return;
  SharedNetwork::Member whole{.names = {name}, .addresses = {}, .reverse_name = {}};
  SharedNetwork::Member tasks{
      .names = {"tasks." + name}, .addresses = of_tasks, .reverse_name = {}};
  for (const std::string& alias : aliases) {
    whole.names.push_back(alias);
    tasks.names.push_back("tasks." + alias);
  }
  add_address(whole.addresses, service.virtual_address);
  if (whole.addresses.empty()) whole.addresses = of_tasks;
  network.members.push_back(std::move(whole));
  network.members.push_back(std::move(tasks));
}

std::vector<std::string> aliases_on(const std::string& network, const std::string& service,
                                    const ServiceAliases& all) {
  const auto named = all.find(service);
  if (named == all.end()) return {};
  const auto there = named->second.find(network);
  return there == named->second.end() ? std::vector<std::string>() : there->second;
}

std::string fault_of(const NetworkSeen& seen,
                     const Result<std::optional<ServiceAliases>>& aliases) {
  if (!seen.whole) {
    return "the engine doesn't say which services and containers other nodes have on its Swarm "
           "network, so their names don't resolve";
  }
  if (!aliases) {
    return "other names of services on its Swarm network aren't known: " + aliases.error().message;
  }
  if (!*aliases) {
    return "other names (aliases) of services on its Swarm network aren't known and don't resolve, "
           "because only a manager node can list them; a service's own name, its name in a stack "
           "that runs here, and tasks.NAME do";
  }
  return {};
}

}  // namespace

Swarm::Swarm(asio::io_context& loop, std::string socket, std::function<void()> changed)
    : client_(loop, std::move(socket)), changed_(std::move(changed)), due_(loop) {}

void Swarm::start() {
  asio::co_spawn(due_.get_executor(), run(shared_from_this()), asio::detached);
}

void Swarm::stop() {
  stopped_ = true;
  client_.close();
  due_.cancel();
}

void Swarm::follow(const std::map<std::string, containers::Container>& running) {
  std::set<std::string> ids;
  for (const auto& [id, container] : running) {
    for (const containers::Membership& each : container.networks) {
      const bool nameless = std::ranges::find(kNameless, each.network) != kNameless.end();
      if (!nameless && !each.network_id.empty()) ids.insert(each.network_id);
    }
  }
  wanted_ = std::move(ids);
  const auto is_left = [this](const std::string& id) { return !wanted_.contains(id); };
  std::erase_if(local_, is_left);
  std::erase_if(networks_, [&](const auto& each) { return is_left(each.first); });
  soon_ = !std::ranges::includes(local_, wanted_);
  if (soon_) due_.expires_after(kSoon);
}

std::vector<SharedNetwork> Swarm::networks() const {
  std::vector<SharedNetwork> all;
  all.reserve(networks_.size());
  for (const auto& [id, network] : networks_) all.push_back(network);
  return all;
}

asio::awaitable<void> Swarm::run(std::shared_ptr<Swarm> self) {
  self->due_.expires_at(Instant::max());
  while (!self->stopped_) {
    // `follow` sets another time, which ends the wait.
    const auto [cancelled] = co_await self->due_.async_wait(kNoThrow);
    if (self->stopped_) break;
    if (cancelled) continue;
    self->soon_ = false;
    co_await self->look();
    const bool all_local = std::ranges::includes(self->local_, self->wanted_);
    if (self->soon_) {
      self->due_.expires_after(kSoon);
    } else if (all_local) {
      self->due_.expires_at(Instant::max());
    } else {
      self->due_.expires_after(kBetweenLooks);
    }
  }
}

asio::awaitable<void> Swarm::look() {
  const std::vector<SharedNetwork> before = networks();
  std::optional<Result<std::optional<ServiceAliases>>> aliases;
  const std::set<std::string> asked = wanted_;
  for (const std::string& id : asked) {
    if (local_.contains(id)) continue;
    const auto seen = co_await client_.network(id);
    if (stopped_) co_return;
    if (!wanted_.contains(id)) continue;
    if (seen && (!*seen || !(*seen)->shared)) {
      local_.insert(id);
      networks_.erase(id);
      continue;
    }
    if (!aliases) aliases = co_await client_.service_aliases();
    if (stopped_) co_return;
    if (wanted_.contains(id)) update(id, seen, *aliases);
  }
  if (networks() != before) changed_();
}

void Swarm::update(const std::string& id, const Result<std::optional<NetworkSeen>>& seen,
                   const Result<std::optional<ServiceAliases>>& aliases) {
  if (!seen) {
    // That it is a Swarm's isn't known of one that was never described.
    const auto known = networks_.find(id);
    if (known != networks_.end()) known->second.fault = seen.error().message;
    return;
  }
  SharedNetwork network{.id = id, .members = {}, .fault = fault_of(**seen, aliases)};
  const ServiceAliases none;
  const ServiceAliases& all = aliases && *aliases ? **aliases : none;
  for (const auto& [name, service] : (*seen)->services) {
    add_service(name, service, aliases_on(id, name, all), network);
  }
  networks_.insert_or_assign(id, std::move(network));
}

}  // namespace nxgate::docker
