#include "firewall/told_addresses.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/address.h"
#include "base/bytes.h"
#include "base/client_key.h"
#include "base/clock.h"
#include "wire/name.h"

namespace nxgate::firewall {
namespace {

/// Client, name and address one behind the other. A name tells its own length.
class Key {
 public:
  Key(ClientKey client, const wire::DomainName& name, const IpAddress& address) noexcept {
    append({reinterpret_cast<const std::uint8_t*>(&client.value), sizeof client.value});
    append(name.wire());
    append(address.bytes());
  }
  [[nodiscard]] std::string_view view() const noexcept { return {bytes_.data(), size_}; }

 private:
  void append(Bytes bytes) noexcept {
    std::memcpy(bytes_.data() + size_, bytes.data(), bytes.size());
    size_ += bytes.size();
  }

  std::array<char, sizeof(std::uint64_t) + wire::kLongestName + 16> bytes_;
  std::size_t size_ = 0;
};

std::uint64_t client_in(std::string_view key) noexcept {
  std::uint64_t client = 0;
  std::memcpy(&client, key.data(), sizeof client);
  return client;
}

}  // namespace

bool ToldAddresses::tell(ClientKey client, const wire::DomainName& name, const IpAddress& address,
                         Instant until, Instant now, bool shared) {
  const Key key(client, name, address);
  if (const auto known = all_.find(key.view()); known != all_.end()) {
    if (known->second + kRounding < until) known->second = until;
    return true;
  }
  if (all_.size() >= erase_at_ || !has_room(client, shared)) erase_ended(now);
  if (!has_room(client, shared)) return false;
  all_.emplace(key.view(), until);
  ++held_[client.value];
  return true;
}

bool ToldAddresses::has(ClientKey client, const wire::DomainName& name, const IpAddress& address,
                        Instant now) const noexcept {
  return std::ranges::any_of(std::array{client, ClientKey()}, [&](ClientKey each) {
    const auto told = all_.find(Key(each, name, address).view());
    return told != all_.end() && told->second > now;
  });
}

void ToldAddresses::clear() {
  all_.clear();
  held_.clear();
}

bool ToldAddresses::has_room(ClientKey client, bool shared) const {
  if (all_.size() >= kMost) return false;
  if (!shared) return true;
  const auto held = held_.find(client.value);
  const std::size_t own = held == held_.end() ? 0 : held->second;
  return own < kFloor || own < kMost - all_.size();
}

void ToldAddresses::erase_ended(Instant now) {
  boost::unordered::erase_if(all_, [&](const auto& entry) {
    if (entry.second > now) return false;
    const auto held = held_.find(client_in(entry.first));
    if (--held->second == 0) held_.erase(held);
    return true;
  });
  erase_at_ = std::clamp<std::size_t>(2 * all_.size(), 1024, kMost);
}

}  // namespace nxgate::firewall
