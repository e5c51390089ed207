#include "sys/reach.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "base/address.h"
#include "base/error.h"
#include "sys/descriptor.h"
#include "sys/helper.h"
#include "sys/netns.h"
#include "sys/socket.h"

namespace nxgate::sys {
namespace {

/// What an engine calls the namespace that it runs in itself.
constexpr std::string_view kEnginesOwn = "default";

bool is_loopback(const IpAddress& address) {
  static const Prefix loopback4 = *Prefix::parse("127.0.0.0/8");
  static const Prefix loopback6 = *Prefix::parse("::1/128");
  return loopback4.contains(address) || loopback6.contains(address);
}

bool names(const std::vector<std::string>& texts, const NetnsRef& netns) {
  return netns.held() == nullptr && std::ranges::find(texts, netns.text()) != texts.end();
}

/// Whether the namespace is that of a file in the directory, other than the engine's own.
bool stands_in(const std::string& directory, std::uint64_t identity) {
  std::error_code error;
  bool found = false;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    if (NetnsRef(entry->path().string()).identity() != identity) continue;
    if (entry->path().filename() == kEnginesOwn) return false;
    found = true;
  }
  return found;
}

}  // namespace

ReachCheck::ReachCheck(EngineDirectory engine_directory)
    : find_directory_(engine_directory),
      own_(NetnsRef().identity()),
      first_(NetnsRef::of_pid(1).identity()) {}

bool ReachCheck::is_of_host(std::uint64_t identity) const {
  return identity == own_ || identity == first_;
}

/// Where the engine keeps its namespaces changes only with the engine's own process.
bool ReachCheck::is_engines(std::uint64_t identity) {
  if (reach_.engine.empty() || find_directory_ == nullptr) return false;
  if (!directory_.empty() && stands_in(directory_, identity)) return true;
  directory_ = find_directory_(reach_.engine);
  return stands_in(directory_, identity);
}

Result<void> ReachCheck::attach(const NetnsRef& netns) {
  const auto identity = netns.held() == nullptr ? std::nullopt : netns.identity();
  if (!identity) return fail("there is no such network namespace");
  if (is_of_host(*identity)) return fail("it is the host's own network namespace");
  const auto is_it = [&](const std::string& text) { return NetnsRef(text).identity() == identity; };
  const std::scoped_lock lock(mutex_);
  if (const auto held = attached_.find(*identity); held != attached_.end()) {
    ++held->second.times;
    return {};
  }
  if (std::ranges::none_of(reach_.attachable, is_it) && !is_engines(*identity)) {
    return fail(reach_.engine.empty()
                    ? std::string("the helper process was not told of it at start")
                    : fmt::format("the helper process doesn't find it among those of the engine at "
                                  "{} ({})",
                                  reach_.engine, directory_));
  }
  if (attached_.size() >= kMostAttached) return fail("too many network namespaces are attached");
  Descriptor kept(::fcntl(netns.held()->get(), F_DUPFD_CLOEXEC, 0));
  if (!kept) {
    return fail("the helper process can't keep it open: " + std::generic_category().message(errno));
  }
  attached_.emplace(*identity, Held{.kept = std::move(kept)});
  return {};
}

void ReachCheck::detach(const NetnsRef& netns) {
  const auto identity = netns.identity();
  const std::scoped_lock lock(mutex_);
  const auto held = identity ? attached_.find(*identity) : attached_.end();
  if (held != attached_.end() && --held->second.times == 0) attached_.erase(held);
}

bool ReachCheck::is_attached(const NetnsRef& netns) const {
  const auto identity = netns.held() == nullptr ? std::nullopt : netns.identity();
  const std::scoped_lock lock(mutex_);
  return identity && attached_.contains(*identity);
}

bool ReachCheck::may_listen(const ListenAddress& at) const {
  if (at.netns.held() == nullptr) {
    return std::ranges::find(reach_.listeners, at) != reach_.listeners.end();
  }
  return is_loopback(at.endpoint.address) && at.interface.empty() && !at.freebind &&
         is_attached(at.netns);
}

bool ReachCheck::may_ask_upstreams_in(const NetnsRef& netns) const {
  return names(reach_.upstream_namespaces, netns);
}

bool ReachCheck::may_change(const NetnsRef& netns) const {
  return netns.own() && netns.held() == nullptr ? reach_.host_rules : is_attached(netns);
}

bool ReachCheck::may_look_at(const NetnsRef& netns) const {
  const auto listens_there = [&](const ListenAddress& at) { return at.netns == netns; };
  return netns.held() != nullptr || !reach_.engine.empty() || names(reach_.attachable, netns) ||
         names(reach_.upstream_namespaces, netns) ||
         std::ranges::any_of(reach_.listeners, listens_there);
}

/// For the kernel a change takes the right to it of whoever opened the socket, and the helper opens
/// none here without `host_rules`; so an admission in a container doesn't pay for asking.
bool ReachCheck::is_of_own_namespace(const Descriptor& socket) const {
  if (!reach_.host_rules) return false;
  if (reach_.attachable.empty() && reach_.engine.empty()) return true;
  Descriptor there(::ioctl(socket.get(), SIOCGSKNS));
  return !there || NetnsRef::of_descriptor("a socket's", std::move(there)).identity() == own_;
}

Result<Attached> Attached::at(const NetnsRef& netns) {
  const Helper* const helper = Helper::employed();
  if (helper == nullptr) return Attached();
  if (auto done = helper->attach(netns); !done) return std::unexpected(done.error());
  return Attached(netns);
}

Attached::~Attached() {
  const Helper* const helper = Helper::employed();
  if (helper != nullptr && netns_.held() != nullptr) helper->detach(netns_);
}

}  // namespace nxgate::sys
