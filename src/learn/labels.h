// The labels of a name from the top down, and what a label looks like.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "wire/name.h"

namespace nxgate::learn {

/// The labels of a name, number 0 the top-level one. The name must outlive it.
class Labels {
 public:
  explicit Labels(const wire::DomainName& name) noexcept;

  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  [[nodiscard]] std::string_view operator[](std::size_t index) const noexcept;
  /// The first so many labels as a name in wire form.
  [[nodiscard]] Bytes suffix(std::size_t labels) const noexcept {
    return wire_.subspan(starts_[count_ - labels]);
  }
  [[nodiscard]] wire::DomainName suffix_name(std::size_t labels) const noexcept;
  /// What stands in front of these labels as a name of its own.
  [[nodiscard]] wire::DomainName without_suffix(std::size_t labels) const noexcept;

 private:
  Bytes wire_;
  std::size_t count_ = 0;
  std::array<std::uint8_t, wire::kMostLabels + 1> starts_;  // in the order of the wire
};

/// Whether `one` stands before `other` by labels from the top down: what is below a name follows it
/// without a gap.
[[nodiscard]] bool root_first(const wire::DomainName& one, const wire::DomainName& other) noexcept;

/// Who thought of a label.
enum class Make : std::uint8_t {
  kPlain = 0,  ///< somebody
  kNumbered,   ///< a counter: `img3`, `ip-10-0-0-7`, `17`
  kRandom,     ///< a machine: `r3---sn-4g5e6nez`, `d111111abcdef8`, a UUID
};

struct Shape {
  Make make = Make::kPlain;
  std::string pattern;  ///< of a numbered label: `img#`
};
[[nodiscard]] Shape shape_of(std::string_view label);

}  // namespace nxgate::learn
