// Which addresses clients were told for which names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/address.h"
#include "base/client_key.h"
#include "base/clock.h"
#include "wire/name.h"

namespace nxgate::firewall {

/// Answers from the cache are told their TTL in whole seconds, so their end wanders by as much.
inline constexpr Seconds kRounding{1};

/// Each with its end. Compared by their bytes, and bounded. One thread at a time.
class ToldAddresses {
 public:
  static constexpr std::size_t kMost = 65536;

  /// Whether there was room for it. With `shared` a client gets no more than is left for all
  /// others, but always some. No allocation if the client knows it for about as long already.
  [[nodiscard]] bool tell(ClientKey client, const wire::DomainName& name, const IpAddress& address,
                          Instant until, Instant now, bool shared);
  /// Told to this client, or to nobody in particular.
  [[nodiscard]] bool has(ClientKey client, const wire::DomainName& name, const IpAddress& address,
                         Instant now) const noexcept;
  void clear();

 private:
  /// Whoever holds no more than that needs no share.
  static constexpr std::size_t kFloor = kMost / 256;

  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  [[nodiscard]] bool has_room(ClientKey client, bool shared) const;
  void erase_ended(Instant now);

  boost::unordered_flat_map<std::string, Instant, Hash, std::equal_to<>> all_;
  boost::unordered_flat_map<std::uint64_t, std::size_t> held_;  ///< how many, by client
  std::size_t erase_at_ = 1024;
};

}  // namespace nxgate::firewall
