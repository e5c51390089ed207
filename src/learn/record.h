// What clients asked for under a policy that is being learnt.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "base/error.h"
#include "wire/name.h"
#include "wire/types.h"

namespace nxgate::learn {

/// A question. Times are seconds of the Unix clock.
struct Observation {
  wire::DomainName name;
  wire::Type type{};
  bool exists = true;  ///< false for NXDOMAIN; true too while nobody was asked
  std::string client;  ///< an address, or a container's name
  std::int64_t when = 0;
};

/// All questions for one name.
struct Seen {
  static constexpr std::size_t kMostClients = 32;

  std::uint64_t count = 0;
  std::int64_t first = 0;
  std::int64_t last = 0;
  bool exists = false;  ///< at least once
  std::set<wire::Type> types{};
  std::set<std::string> clients{};  ///< the first kMostClients
};

/// Bounded: at most kMostNames names; what is beyond is only counted. One thread.
class Record {
 public:
  static constexpr std::size_t kMostNames = 65536;

  void add(const Observation& observation);

  [[nodiscard]] const std::map<wire::DomainName, Seen>& names() const noexcept { return names_; }
  /// Questions for names that there was no room for.
  [[nodiscard]] std::uint64_t overflow() const noexcept { return overflow_; }

  /// As JSON text, and back; the error says what is wrong with the text.
  [[nodiscard]] std::string to_json() const;
  [[nodiscard]] static Result<Record> from_json(std::string_view text);

 private:
  std::map<wire::DomainName, Seen> names_;
  std::uint64_t overflow_ = 0;
};

}  // namespace nxgate::learn
