// Reading a JSON document of any size as a stream, and keeping only the wanted fields.
#pragma once

#include <cstddef>
#include <expected>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/value.hpp>

#include "base/error.h"

namespace nxgate::docker {

/// Which fields of an object are kept: a tree of keys.
class WantedFields {
 public:
  /// Keeps the field at this path; `*` stands for any key. An array's elements stand where it does.
  WantedFields& add(std::initializer_list<std::string_view> path);

  /// The wanted part of the field `key`; null: nothing.
  [[nodiscard]] const WantedFields* field(std::string_view key) const;
  /// Any key may be there, so that how many there are isn't known.
  [[nodiscard]] bool repeats() const { return any_ != nullptr; }

 private:
  std::map<std::string, WantedFields, std::less<>> fields_;
  std::shared_ptr<WantedFields> any_;
};

/// What was kept of one object.
struct Excerpt {
  boost::json::value value;
  std::string cut;  ///< what is missing for its size, in words; empty: nothing
};

/// Limits of what is kept, whatever is sent. Longer texts are empty in the excerpt; further
/// elements of arrays, and fields below `*`, are dropped. Both are reported in `Excerpt::cut`.
inline constexpr std::size_t kLongestKeptText = 65'536;
inline constexpr std::size_t kLongestKeptKey = 1'024;
inline constexpr std::size_t kMostKeptElements = 4'096;
inline constexpr std::size_t kMostKeptOctets = 1U << 20U;

/// Takes a document in pieces. Fields that aren't wanted are parsed and dropped.
class ExcerptReader {
 public:
  enum class Document : bool { kOne, kList };  ///< one value, or an array of values

  /// `wanted` must outlive it. `take` is called with each value as soon as it is complete.
  ExcerptReader(Document document, const WantedFields& wanted, std::function<void(Excerpt)> take);
  ~ExcerptReader();
  ExcerptReader(const ExcerptReader&) = delete;
  ExcerptReader& operator=(const ExcerptReader&) = delete;

  /// Fails if it isn't valid JSON, or not an array where a list is expected; then it is no longer
  /// usable.
  [[nodiscard]] Result<void> write(std::string_view piece);
  /// Fails when the document isn't complete.
  [[nodiscard]] Result<void> finish();

 private:
  class Parser;
  std::unique_ptr<Parser> parser_;
};

/// What an operator is told of a document that isn't as it should be.
[[nodiscard]] std::unexpected<Error> not_understood(std::string_view what, std::string_view why);

}  // namespace nxgate::docker
