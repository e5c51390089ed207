// Counts how often each key of a stream occurs, in bounded memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace nxgate::top {

/// Space-Saving (Metwally, Agrawal, El Abbadi 2005): exact up to `most` keys. A further key takes
/// the place of the rarest and its count, as the error of its own; what is frequent stays.
template <class Value>
class BoundedCounter {
 public:
  struct Entry {
    std::uint64_t count = 0;
    std::uint64_t error = 0;
    Value value{};

    /// It has occurred at least so often.
    [[nodiscard]] std::uint64_t sure() const noexcept { return count - error; }
  };

  explicit BoundedCounter(std::size_t most) : most_(most) {}

  /// Counts it once more.
  Entry& add(std::string_view key) {
    auto found = entries_.find(key);
    if (found == entries_.end()) found = entries_.size() < most_ ? insert(key) : replace(key);
    auto place = order_.extract({found->second.count, found->first});
    place.value().first = ++found->second.count;
    order_.insert(std::move(place));
    return found->second;
  }

  void clear() {
    order_.clear();
    entries_.clear();
  }

  [[nodiscard]] const auto& entries() const noexcept { return entries_; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const noexcept {
      return std::hash<std::string_view>()(key);
    }
  };
  using Entries = std::unordered_map<std::string, Entry, Hash, std::equal_to<>>;

  Entries::iterator insert(std::string_view key) {
    const auto made = entries_.try_emplace(std::string(key)).first;
    order_.emplace(0, made->first);
    return made;
  }

  Entries::iterator replace(std::string_view key) {
    auto place = order_.extract(order_.begin());
    const std::uint64_t least = place.value().first;
    auto node = entries_.extract(entries_.find(place.value().second));
    node.key() = std::string(key);
    node.mapped() = {.count = least, .error = least};
    const auto made = entries_.insert(std::move(node)).position;
    place.value().second = made->first;
    order_.insert(std::move(place));
    return made;
  }

  std::size_t most_;
  Entries entries_;
  std::set<std::pair<std::uint64_t, std::string_view>> order_;  ///< views of the keys above
};

}  // namespace nxgate::top
