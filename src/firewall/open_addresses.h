// What a firewall holds open, for which name and for whom.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/address.h"
#include "base/client_key.h"
#include "base/clock.h"
#include "netfilter/firewall.h"

namespace nxgate::firewall {

struct OpenAddress {
  Instant until;
  std::string name;    ///< by which it is allowed
  ClientKey client{};  ///< who asked; nobody if an earlier nxgate opened it
};

/// The open addresses of one firewall, as remembered; the kernel ends each by itself. One thread at
/// a time.
class OpenAddresses {
 public:
  /// As many as a firewall can have at a time.
  static constexpr std::size_t kMost = 65536;

  using All = std::map<netfilter::Destination, OpenAddress>;

  [[nodiscard]] const All& all() const noexcept { return all_; }
  /// Null if it isn't open.
  [[nodiscard]] const OpenAddress* find(const netfilter::Destination& to) const;
  /// Whether any port of that address is open.
  [[nodiscard]] bool has(const IpAddress& address) const;
  /// Whether there is room for so many more. With `shared` a client gets no more than is left for
  /// all others, but always some.
  [[nodiscard]] bool has_room(ClientKey client, std::size_t more, bool shared) const;

  void put(const netfilter::Destination& to, OpenAddress opened);
  void erase(const netfilter::Destination& to);
  void erase_ended(Instant now);
  void clear();

 private:
  /// Whoever holds no more than that needs no share.
  static constexpr std::size_t kFloor = kMost / 256;

  void release(const OpenAddress& opened);

  All all_;
  boost::unordered_flat_map<std::uint64_t, std::size_t> held_;  ///< how many, by client
};

}  // namespace nxgate::firewall
