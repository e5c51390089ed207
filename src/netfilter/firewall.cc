#include "netfilter/firewall.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <netinet/in.h>
// The kernel's headers after those of libc, which define the same.
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "base/address.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "helper/netlink_check.h"
#include "helper/our_tables.h"
#include "netfilter/batch.h"
#include "netfilter/firewall_layout.h"
#include "netfilter/firewall_rules.h"
#include "netfilter/gate.h"
#include "netfilter/link_cover.h"
#include "netfilter/links.h"
#include "netfilter/messages.h"
#include "netfilter/owner.h"
#include "netfilter/socket.h"
#include "sys/netlink.h"
#include "sys/netns.h"

namespace nxgate::netfilter {
namespace {

static_assert(Firewall::kTable.starts_with(helper::kOurTables));
/// For so long routes are believed to be as they were; addresses are looked at each time.
constexpr Seconds kRoutesLast{30};

/// A quarter of what the kernel is asked for at most (helper/our_tables.h), so that redirects and
/// the other rules fit.
Result<void> check_size(const FirewallRules& rules) {
  constexpr std::size_t kMost = helper::OurTransaction::kMostRules / 4;
  const std::size_t ranges =
      rules.always.size() + rules.never.size() + rules.clients.size() + rules.others.size();
  if (ranges <= kMost) return {};
  return fail(fmt::format(
      "a firewall supports {} ranges in `always`, `never` and `from`, but there are {}: join some",
      kMost, ranges));
}

std::string firewall_advice(const std::error_code& error, const sys::NetnsRef& netns) {
  return fmt::format(
      "cannot set up the firewall in {}: {}; it requires nf_tables with ct, fib and reject, and "
      "CAP_NET_ADMIN",
      netns.text(), error.message());
}

Result<void> remove_tables(Socket& socket, std::string_view table, const sys::NetnsRef& netns) {
  const Layout layout(table);
  for (const Table& each : {layout.inet, layout.netdev}) {
    Batch batch;
    batch.delete_table(each);
    const std::error_code error = socket.transact(batch.finish());
    if (error && error.value() != ENOENT) return fail(firewall_advice(error, netns));
  }
  return {};
}

Result<std::vector<DeadFirewall>> dead_firewalls(Socket& socket, const sys::NetnsRef& netns) {
  std::vector<DeadFirewall> dead;
  const std::error_code error = for_each_table(socket, [&](std::string_view name, Bytes record) {
    const Owner owner = parse_record(record);
    if (!name.starts_with(Firewall::kTable) || owner.alive()) return;
    dead.push_back({std::string(name), owner});
  });
  if (error) return fail(firewall_advice(error, netns));
  return dead;
}

}  // namespace

Result<Firewall> Firewall::install(const sys::NetnsRef& netns, std::string table,
                                   const FirewallRules& rules, OnDeath on_death) {
  auto writer = Socket::open(NETLINK_NETFILTER, netns);
  if (!writer) return std::unexpected(writer.error());
  auto reader = Socket::open(NETLINK_NETFILTER, netns);
  if (!reader) return std::unexpected(reader.error());
  Firewall firewall(netns, std::move(table), on_death, *std::move(writer), *std::move(reader));
  const auto found = firewall.owner();
  if (!found) return std::unexpected(found.error());
  const std::optional<Owner>& owner = *found;
  if (owner && *owner != Owner::ourselves() && owner->alive()) {
    return fail(
        fmt::format("the firewall of {} is held by the nxgate with pid {}; stop that one first",
                    netns.text().empty() ? "this host" : netns.text(), owner->pid));
  }
  firewall.rules_ = rules;
  firewall.look_around(true);
  const auto left = owner ? firewall.opened() : Result<std::vector<Opened>>();
  if (auto done = firewall.write_all(left ? *left : std::vector<Opened>()); !done) {
    return std::unexpected(done.error());
  }
  firewall.cover_links();
  return firewall;
}

std::error_code Firewall::transact(const Messages& messages, sys::Waiting waiting) {
  const std::scoped_lock lock(*writing_);
  return writer_.transact(messages, waiting);
}

Result<void> Firewall::write_all(std::span<const Opened> openings) {
  if (auto fits = check_size(rules_); !fits) return fits;
  const Layout layout(table_);
  Batch batch;
  batch.replace_table(layout.inet, table_flags(on_death_), to_record(Owner::ourselves()));
  for (const Sets& sets : layout.sets) {
    batch.add_set(sets.open);
    batch.add_set(sets.refused);
    batch.add_set(sets.flows);
    batch.add_set(sets.onward);
    batch.add_set(sets.unreachable);
  }
  for (const Opened& opening : openings) {
    batch.add_element(layout.open_for(opening.to.address), key_of(opening.to), opening.life,
                      opening.name);
  }
  add_rules(batch, layout, rules_, around_);
  if (const auto error = transact(batch.finish())) return fail(firewall_advice(error, netns_));
  return {};
}

Result<void> Firewall::write_rules() {
  if (auto fits = check_size(rules_); !fits) return fits;
  Batch batch;
  add_rules(batch, Layout(table_), rules_, around_);
  if (const auto error = transact(batch.finish())) return fail(firewall_advice(error, netns_));
  return {};
}

Result<void> Firewall::set_rules(const FirewallRules& rules) {
  FirewallRules old = std::exchange(rules_, rules);
  if (old.clients != rules_.clients) look_around(true);
  if (auto done = write_rules(); !done) {
    rules_ = std::move(old);
    return done;
  }
  if (old.audit != rules_.audit) cover_links();
  return {};
}

void Firewall::cover_links() {
  if (!rules_.clients.empty()) return;
  links_ = links_of(netns_);
  const auto rules_for = [this](const std::vector<std::string>& names) {
    return packet_rules(Layout(table_), names, table_flags(on_death_));
  };
  const std::scoped_lock lock(*writing_);
  const std::error_code error =
      rules_.audit ? writer_.transact(rules_for({}).finish()) : cover(writer_, links_, rules_for);
  packet_error_ = error ? error.message() : "";
}

bool Firewall::look_around(bool at_routes) {
  const Surroundings before = around_;
  around_.networks = networks_of(netns_);
  const Instant now = Clock::now();
  if (at_routes || before.networks != around_.networks || now >= routes_at_ + kRoutesLast) {
    if (!rules_.clients.empty()) around_.clients = links_towards(netns_, rules_.clients);
    routes_at_ = now;
  }
  return before != around_;
}

Result<std::optional<Owner>> Firewall::owner() {
  std::optional<Owner> found;
  const std::error_code error = for_each_table(reader_, [&](std::string_view name, Bytes record) {
    if (name == table_) found = parse_record(record);
  });
  if (error) return fail(firewall_advice(error, netns_));
  return found;
}

Result<bool> Firewall::keep() {
  const auto held = owner();
  if (!held) return std::unexpected(held.error());
  const bool gone = !*held;
  const bool moved = look_around(false);
  if (gone || moved) {
    if (auto done = gone ? write_all({}) : write_rules(); !done) {
      return std::unexpected(done.error());
    }
  }
  if (gone || links_of(netns_) != links_) cover_links();
  return gone;
}

std::error_code Firewall::open(std::span<const Opened> openings) {
  const Layout layout(table_);
  const auto try_it = [&](bool renew) {
    Batch batch;
    for (const Opened& opening : openings) {
      const Set& set = layout.open_for(opening.to.address);
      const auto key = key_of(opening.to);
      // Kernels before 6.12 leave the life of what is there as it is.
      if (renew && opening.again) batch.delete_element(set, key);
      batch.add_element(set, key, opening.life, opening.name);
    }
    return transact(batch.finish(), sys::Waiting::kClient);
  };
  const std::error_code error = try_it(true);
  // One of them ended just now.
  return error.value() == ENOENT ? try_it(false) : error;
}

std::error_code Firewall::close(std::span<const Destination> openings) {
  const Layout layout(table_);
  for (const Destination& to : openings) {
    Batch batch;
    batch.delete_element(layout.open_for(to.address), key_of(to));
    const std::error_code error = transact(batch.finish());
    if (error && error.value() != ENOENT) return error;
  }
  return {};
}

std::error_code Firewall::let_onward(std::span<const Onward> flows, Milliseconds life) {
  const Layout layout(table_);
  Batch batch;
  for (const Onward& each : flows) {
    batch.add_element(layout.onward_for(each.to.address), key_of(each), life, {});
  }
  return transact(batch.finish(), sys::Waiting::kClient);
}

std::error_code Firewall::end_onward(std::span<const Onward> flows) {
  const Layout layout(table_);
  Batch batch;
  for (const Onward& each : flows) {
    batch.delete_element(layout.onward_for(each.to.address), key_of(each));
  }
  const std::error_code error = transact(batch.finish(), sys::Waiting::kClient);
  if (error.value() != ENOENT) return error;
  // One has ended by itself, for which all are kept.
  if (flows.size() == 1) return {};
  for (const Onward& each : flows) {
    if (const auto failed = end_onward({&each, 1})) return failed;
  }
  return {};
}

std::error_code Firewall::note_unreachable(const Destination& to, Milliseconds life) {
  const Layout layout(table_);
  Batch batch;
  batch.add_element(layout.unreachable_for(to.address), key_of(to), life, {});
  return transact(batch.finish(), sys::Waiting::kClient);
}

Result<std::vector<Opened>> Firewall::opened() {
  const Layout layout(table_);
  std::vector<Opened> all;
  for (const Sets& sets : layout.sets) {
    const auto take = [&](const ElementSeen& seen) {
      const auto to = destination_in(seen.key, sets.ipv6);
      if (to) all.push_back({*to, seen.left, std::string(seen.note), true});
    };
    const auto error = reader_.dump(
        list_elements(sets.open), [&](std::uint16_t, Bytes body) { for_each_element(body, take); });
    if (error) return fail(firewall_advice(error, netns_));
  }
  return all;
}

Result<std::vector<Noted>> Firewall::noted_in(const Set& v4, const Set& v6) {
  std::vector<Noted> all;
  for (const Set* const set : {&v4, &v6}) {
    const auto take = [&](const ElementSeen& seen) {
      const auto to = destination_in(seen.key, set == &v6);
      if (to) all.push_back({*to, seen.packets});
    };
    const auto error = reader_.dump(
        list_elements(*set), [&](std::uint16_t, Bytes body) { for_each_element(body, take); });
    if (error) return fail(firewall_advice(error, netns_));
  }
  return all;
}

Result<std::vector<Noted>> Firewall::refused() {
  const Layout layout(table_);
  return noted_in(layout.sets[0].refused, layout.sets[1].refused);
}

Result<std::vector<Noted>> Firewall::flows() {
  const Layout layout(table_);
  return noted_in(layout.sets[0].flows, layout.sets[1].flows);
}

Result<void> Firewall::outlive() {
  if (on_death_ == OnDeath::kStaysClosed) return {};
  const auto openings = opened();
  if (!openings) return std::unexpected(openings.error());
  on_death_ = OnDeath::kStaysClosed;
  if (auto done = write_all(*openings); !done) return done;
  cover_links();
  return {};
}

Result<void> Firewall::remove() {
  const std::scoped_lock lock(*writing_);
  return netfilter::remove_tables(writer_, table_, netns_);
}

Result<std::vector<DeadFirewall>> find_dead_firewalls(const sys::NetnsRef& netns) {
  auto socket = Socket::open(NETLINK_NETFILTER, netns);
  if (!socket) return std::unexpected(socket.error());
  return dead_firewalls(*socket, netns);
}

Result<bool> remove_firewall(const sys::NetnsRef& netns, std::string_view table) {
  auto socket = Socket::open(NETLINK_NETFILTER, netns);
  if (!socket) return std::unexpected(socket.error());
  const auto dead = dead_firewalls(*socket, netns);
  if (!dead) return std::unexpected(dead.error());
  if (std::ranges::find(*dead, table, &DeadFirewall::table) == dead->end()) return false;
  if (auto done = remove_tables(*socket, table, netns); !done) return std::unexpected(done.error());
  return true;
}

Result<std::size_t> remove_firewalls(const sys::NetnsRef& netns,
                                     std::span<const std::string> kept) {
  auto socket = Socket::open(NETLINK_NETFILTER, netns);
  if (!socket) return std::unexpected(socket.error());
  const auto dead = dead_firewalls(*socket, netns);
  if (!dead) return std::unexpected(dead.error());
  std::size_t removed = 0;
  for (const DeadFirewall& each : *dead) {
    if (std::ranges::find(kept, each.table) != kept.end()) continue;
    if (auto done = remove_tables(*socket, each.table, netns); !done) {
      return std::unexpected(done.error());
    }
    ++removed;
  }
  return removed;
}

}  // namespace nxgate::netfilter
