// What list files look like.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/address.h"

namespace nxgate::policy {

enum class ListFormat : std::uint8_t {
  kNames = 0,  ///< one rule a line, as in a configuration
  kHosts,      ///< hosts(5): names that lead to no address of theirs
  kAdblock,    ///< Adblock Plus filters, of which those are read that are about a whole name
  kRpz,        ///< a response policy zone (draft-vixie-dnsop-dns-rpz)
};
inline constexpr std::size_t kListFormats = 4;

/// How to read a list.
struct ListForm {
  ListFormat format = ListFormat::kNames;
  std::string origin{};  ///< of a zone, with the last dot; empty if it names none
};

/// By the first lines that tell; without `format`, plain names if none does.
[[nodiscard]] ListForm form_of(std::string_view beginning,
                               std::optional<ListFormat> format = std::nullopt);

/// An address as a hosts file has it, with its interface or not.
[[nodiscard]] std::optional<IpAddress> address_in(std::string_view text);

}  // namespace nxgate::policy
