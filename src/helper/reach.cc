#include "helper/reach.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/address.h"
#include "base/error.h"
#include "sys/descriptor.h"
#include "sys/netns.h"
#include "sys/socket.h"

namespace nxgate::helper {
namespace {

/// What an engine calls the namespace that it runs in itself.
constexpr std::string_view kEnginesOwn = "default";

bool is_loopback(const IpAddress& address) {
  static const Prefix loopback4 = *Prefix::parse("127.0.0.0/8");
  static const Prefix loopback6 = *Prefix::parse("::1/128");
  return loopback4.contains(address) || loopback6.contains(address);
}

bool names(const std::vector<std::string>& texts, const sys::NetnsRef& netns) {
  return netns.held() == nullptr && std::ranges::find(texts, netns.text()) != texts.end();
}

/// The namespace of that name if it has this identity, pinned.
std::optional<sys::NetnsRef> pinned_if(const std::string& text, std::uint64_t identity) {
  const sys::NetnsRef named(text);
  if (named.own() || named.identity() != identity) return std::nullopt;
  auto pinned = named.pin();
  if (!pinned || pinned->identity() != identity) return std::nullopt;
  return *std::move(pinned);
}

/// By a file in the directory, other than the engine's own.
std::optional<sys::NetnsRef> find_in(const std::string& directory, std::uint64_t identity) {
  std::error_code error;
  std::optional<sys::NetnsRef> found;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    auto one = pinned_if(entry->path().string(), identity);
    if (!one) continue;
    if (entry->path().filename() == kEnginesOwn) return std::nullopt;
    found = std::move(one);
  }
  return found;
}

/// The same, but held by no file: one that is held can't be unmounted.
Result<sys::NetnsRef> without_file(const sys::NetnsRef& pinned, const std::string& text) {
  Result<sys::Descriptor> inside = fail("cannot be opened");
  if (auto entered = sys::in_netns(pinned, [&] { inside = sys::NetnsRef().open(); }); !entered) {
    return std::unexpected(entered.error());
  }
  if (!inside) return std::unexpected(inside.error());
  return sys::NetnsRef::of_descriptor(text, *std::move(inside));
}

}  // namespace

std::optional<sys::NetnsRef> find_engines_namespace(const std::string& directory,
                                                    std::uint64_t identity,
                                                    const std::string& text) {
  const auto found = find_in(directory, identity);
  if (!found) return std::nullopt;
  auto kept = without_file(*found, text);
  return kept ? std::optional(*std::move(kept)) : std::nullopt;
}

ReachCheck::ReachCheck(EngineDirectory engine_directory)
    : find_directory_(engine_directory),
      own_(sys::NetnsRef().identity()),
      first_(sys::NetnsRef::of_pid(1).identity()) {}

bool ReachCheck::is_of_host(std::uint64_t identity) const {
  return identity == own_ || identity == first_;
}

std::optional<sys::NetnsRef> ReachCheck::find_named(std::uint64_t identity) const {
  for (const std::string& text : reach_.attachable) {
    if (auto found = pinned_if(text, identity)) return found;
  }
  return std::nullopt;
}

/// Where the engine keeps its namespaces changes only with the engine's own process.
std::optional<sys::NetnsRef> ReachCheck::find_engines(std::uint64_t identity) {
  if (reach_.engine.empty() || find_directory_ == nullptr) return std::nullopt;
  if (!directory_.empty()) {
    if (auto found = find_in(directory_, identity)) return found;
  }
  directory_ = find_directory_(reach_.engine);
  return find_in(directory_, identity);
}

Result<void> ReachCheck::attach(std::uint64_t identity) {
  if (is_of_host(identity)) return fail("it is the host's own network namespace");
  const std::scoped_lock lock(mutex_);
  if (const auto held = attached_.find(identity); held != attached_.end()) {
    ++held->second.times;
    return {};
  }
  auto found = find_named(identity);
  if (!found) found = find_engines(identity);
  if (!found) {
    return fail(
        reach_.engine.empty()
            ? std::string("the helper process was not told about it at start, or can't open it by "
                          "the name it had then")
            : fmt::format(
                  "the helper process can't find it among the namespaces of the engine at {} ({})",
                  reach_.engine, directory_));
  }
  if (attached_.size() >= kMostAttached) return fail("too many network namespaces are attached");
  auto kept = without_file(*found, found->text());
  if (!kept) return std::unexpected(kept.error());
  attached_.emplace(identity, Held{.kept = *std::move(kept)});
  return {};
}

void ReachCheck::detach(std::uint64_t identity) {
  const std::scoped_lock lock(mutex_);
  const auto held = attached_.find(identity);
  if (held != attached_.end() && --held->second.times == 0) attached_.erase(held);
}

std::optional<sys::NetnsRef> ReachCheck::attached(std::uint64_t identity) const {
  const std::scoped_lock lock(mutex_);
  const auto held = attached_.find(identity);
  return held == attached_.end() ? std::nullopt : std::optional(held->second.kept);
}

bool ReachCheck::is_attached(const sys::NetnsRef& netns) const {
  const auto identity = netns.held() == nullptr ? std::nullopt : netns.identity();
  const std::scoped_lock lock(mutex_);
  return identity && attached_.contains(*identity);
}

bool ReachCheck::may_listen(const sys::ListenAddress& at) const {
  if (at.netns.held() == nullptr) {
    const sys::ListenAddress any{.endpoint = {IpAddress(), 0}};
    const sys::ListenAddress any6{.endpoint = {IpAddress::v6({}), 0}};
    return std::ranges::find(reach_.listeners, at) != reach_.listeners.end() ||
           (reach_.host_rules && (at == any || at == any6));
  }
  // Where it comes from behind, a connection is redirected to an address of its link.
  const IpAddress& address = at.endpoint.address;
  return (is_loopback(address) || address.is_unspecified()) && at.interface.empty() &&
         !at.freebind && is_attached(at.netns);
}

bool ReachCheck::may_ask_upstreams_in(const sys::NetnsRef& netns) const {
  return names(reach_.upstream_namespaces, netns);
}

bool ReachCheck::may_change(const sys::NetnsRef& netns) const {
  return netns.own() && netns.held() == nullptr ? reach_.host_rules : is_attached(netns);
}

bool ReachCheck::may_look_at(const sys::NetnsRef& netns) const {
  const auto listens_there = [&](const sys::ListenAddress& at) { return at.netns == netns; };
  return netns.held() != nullptr || !reach_.engine.empty() || names(reach_.attachable, netns) ||
         names(reach_.upstream_namespaces, netns) ||
         std::ranges::any_of(reach_.listeners, listens_there);
}

}  // namespace nxgate::helper
