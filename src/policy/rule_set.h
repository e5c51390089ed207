// Rules as they are collected from a configuration and its list files: a million of them,
// compactly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/address.h"
#include "base/bytes.h"
#include "base/error.h"
#include "policy/rule.h"
#include "wire/name.h"

namespace nxgate::policy {

/// An ordered collection of rules; 16 bytes a rule and the bytes of its name. One thread.
class RuleSet {
 public:
  /// Rules of one file are best added one after the other. Throws length_error past 4 GiB of names.
  void add(const Rule& rule);

  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
  [[nodiscard]] Rule operator[](std::uint32_t index) const;
  /// The ports of a rule; null if it has none of its own.
  [[nodiscard]] const Ports* ports_of(std::uint32_t index) const noexcept;

  /// Whether some rule, of any scope, stands at this very name. Looks at every rule.
  [[nodiscard]] bool mentions(const wire::DomainName& name) const noexcept;

 private:
  friend class Matcher;  // which keeps the names in its nodes instead

  struct Entry {
    std::uint32_t name_at;
    std::uint32_t line;
    std::uint32_t column : 24;
    std::uint32_t scope : 4;
    std::uint32_t action : 4;
    std::uint32_t file;
  };

  [[nodiscard]] Bytes name_of(const Entry& entry) const noexcept;
  [[nodiscard]] Rule rule_of(const Entry& entry, Bytes name) const;

  std::vector<Entry> entries_;
  std::vector<std::uint8_t> names_;  ///< wire form, one behind the other
  std::vector<std::string> files_;
  boost::unordered_flat_map<std::uint32_t, Ports> ports_;  ///< of the few rules that have some
};

/// Appends the rules of a list text: one rule a line, blank lines, # comments (also behind a rule).
/// Good lines count even if others are faults.
[[nodiscard]] Faults parse_list(std::string_view text, std::string_view file, Action action,
                                RuleSet& rules);

}  // namespace nxgate::policy
