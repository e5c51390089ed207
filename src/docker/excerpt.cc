#include "docker/excerpt.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/error.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse_options.hpp>
#include <boost/json/string.hpp>
#include <boost/json/string_view.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>
#include <fmt/core.h>

#include "base/error.h"

namespace nxgate::docker {

namespace json = boost::json;
using boost::system::error_code;

namespace {

/// Of what is told of a key that was too long.
constexpr std::size_t kQuoted = 80;
/// The parser calls itself once a level.
constexpr std::size_t kDeepest = 256;

/// Builds excerpts out of the parser's calls.
class Builder {
 public:
  // NOLINTBEGIN(readability-identifier-naming): Boost.JSON's names.
  static constexpr std::size_t max_array_size = SIZE_MAX;
  static constexpr std::size_t max_object_size = SIZE_MAX;
  static constexpr std::size_t max_string_size = SIZE_MAX;
  static constexpr std::size_t max_key_size = SIZE_MAX;
  // NOLINTEND(readability-identifier-naming)

  Builder(ExcerptReader::Document document, const WantedFields& wanted,
          std::function<void(Excerpt)> take)
      : list_(document == ExcerptReader::Document::kList),
        wanted_(wanted),
        take_(std::move(take)) {}

  [[nodiscard]] bool complete() const { return complete_; }

  static bool on_document_begin(error_code& /*error*/) { return true; }
  bool on_document_end(error_code& /*error*/) {
    complete_ = true;
    return true;
  }
  bool on_object_begin(error_code& error) { return open(json::object(), error); }
  bool on_object_end(std::size_t /*size*/, error_code& /*error*/) { return close(); }
  bool on_array_begin(error_code& error) {
    if (list_ && !std::exchange(within_list_, true)) return true;
    return open(json::array(), error);
  }
  bool on_array_end(std::size_t /*size*/, error_code& /*error*/) {
    if (list_ && skipped_ == 0 && open_.empty()) return true;
    return close();
  }
  bool on_key_part(json::string_view part, std::size_t size, error_code& error);
  bool on_key(json::string_view part, std::size_t size, error_code& error);
  bool on_string_part(json::string_view part, std::size_t size, error_code& error);
  bool on_string(json::string_view part, std::size_t size, error_code& error);
  static bool on_number_part(json::string_view /*part*/, error_code& /*error*/) { return true; }
  bool on_int64(std::int64_t number, json::string_view /*text*/, error_code& error) {
    return put(number, error);
  }
  bool on_uint64(std::uint64_t number, json::string_view /*text*/, error_code& error) {
    return put(number, error);
  }
  bool on_double(double number, json::string_view /*text*/, error_code& error) {
    return put(number, error);
  }
  bool on_bool(bool flag, error_code& error) { return put(flag, error); }
  bool on_null(error_code& error) { return put(nullptr, error); }
  static bool on_comment_part(json::string_view /*part*/, error_code& /*error*/) { return true; }
  static bool on_comment(json::string_view /*part*/, error_code& /*error*/) { return true; }

 private:
  /// An object or array that is kept and isn't complete yet.
  struct Open {
    json::value* value;
    const WantedFields* wanted;
  };

  [[nodiscard]] bool kept() const { return skipped_ == 0 && next_ != nullptr; }
  bool open(json::value container, error_code& error);
  bool close();
  bool put(json::value value, error_code& error);
  json::value* place(json::value value);
  [[nodiscard]] bool has_room(const json::value& parent, const WantedFields& wanted,
                              const json::value& value);
  void cut(std::string_view what, std::size_t limit);
  void expect_next();
  void end_element();

  bool list_;
  const WantedFields& wanted_;
  std::function<void(Excerpt)> take_;
  bool within_list_ = false;
  bool complete_ = false;

  Excerpt excerpt_;
  std::vector<Open> open_;               ///< from the outermost
  const WantedFields* next_ = &wanted_;  ///< what of the next value is kept; null: nothing
  std::size_t skipped_ = 0;              ///< levels of what isn't kept
  std::size_t octets_ = 0;               ///< kept of what may repeat
  std::string key_;
  std::string text_;
};

bool Builder::on_key_part(json::string_view part, std::size_t /*size*/, error_code& /*error*/) {
  if (skipped_ > 0) return true;
  const std::size_t room = kLongestKeptKey + 1 - std::min(key_.size(), kLongestKeptKey + 1);
  key_.append(part.data(), std::min(part.size(), room));
  return true;
}

bool Builder::on_key(json::string_view part, std::size_t size, error_code& error) {
  if (skipped_ > 0) return true;
  on_key_part(part, size, error);
  const WantedFields& parent = *open_.back().wanted;
  next_ = parent.field(key_);
  if (size <= kLongestKeptKey) return true;
  if (next_ != nullptr) cut(std::string_view(key_).substr(0, kQuoted), kLongestKeptKey);
  next_ = nullptr;
  return true;
}

bool Builder::on_string_part(json::string_view part, std::size_t size, error_code& /*error*/) {
  if (kept() && size <= kLongestKeptText) text_.append(part.data(), part.size());
  return true;
}

bool Builder::on_string(json::string_view part, std::size_t size, error_code& error) {
  if (kept() && size > kLongestKeptText) {
    cut(key_, kLongestKeptText);
    text_.clear();
  } else if (kept()) {
    text_.append(part.data(), part.size());
  }
  const json::string text(text_);
  text_.clear();
  return put(text, error);
}

bool Builder::open(json::value container, error_code& error) {
  if (list_ && !within_list_) {
    error = json::error::not_array;
    return false;
  }
  json::value* const there = kept() ? place(std::move(container)) : nullptr;
  if (there == nullptr) {
    ++skipped_;
    return true;
  }
  open_.push_back({there, next_});
  expect_next();
  return true;
}

bool Builder::close() {
  if (skipped_ > 0) {
    --skipped_;
  } else {
    open_.pop_back();
  }
  if (skipped_ == 0 && open_.empty()) {
    end_element();
  } else if (skipped_ == 0) {
    expect_next();
  }
  return true;
}

bool Builder::put(json::value value, error_code& error) {
  if (list_ && !within_list_) {
    error = json::error::not_array;
    return false;
  }
  if (kept()) place(std::move(value));
  if (skipped_ > 0) return true;
  if (open_.empty()) {
    end_element();
  } else {
    expect_next();
  }
  return true;
}

/// Puts it into the innermost object or array, or makes it the excerpt; null if there is no room.
json::value* Builder::place(json::value value) {
  if (open_.empty()) {
    excerpt_.value = std::move(value);
    return &excerpt_.value;
  }
  const auto& [parent, wanted] = open_.back();
  if (!has_room(*parent, *wanted, value)) return nullptr;
  if (json::array* const array = parent->if_array()) {
    return &array->emplace_back(std::move(value));
  }
  json::value& field = parent->get_object()[key_];
  field = std::move(value);
  return &field;
}

/// What has its place in the tree is always kept, so that much of one thing can't hide another.
bool Builder::has_room(const json::value& parent, const WantedFields& wanted,
                       const json::value& value) {
  const json::array* const array = parent.if_array();
  if (array == nullptr && !wanted.repeats()) return true;
  const std::size_t count = array != nullptr ? array->size() : parent.get_object().size();
  const json::string* const text = value.if_string();
  const std::size_t octets = sizeof(json::value) + key_.size() + (text ? text->size() : 0);
  if (count >= kMostKeptElements || octets_ + octets > kMostKeptOctets) {
    if (excerpt_.cut.empty()) {
      excerpt_.cut = fmt::format("{} is too large; the rest is ignored",
                                 std::string_view(key_).substr(0, kQuoted));
    }
    return false;
  }
  octets_ += octets;
  return true;
}

void Builder::cut(std::string_view what, std::size_t limit) {
  if (!excerpt_.cut.empty()) return;
  excerpt_.cut = fmt::format("{} is longer than {} octets and treated as empty",
                             what.substr(0, kQuoted), limit);
}

/// In an array the next value is an element of it, in an object a key says what it is.
void Builder::expect_next() {
  const auto& [parent, wanted] = open_.back();
  next_ = parent->is_array() ? wanted : nullptr;
  if (parent->is_object()) key_.clear();
}

void Builder::end_element() {
  take_(std::exchange(excerpt_, {}));
  next_ = &wanted_;
  octets_ = 0;
  key_.clear();
}

}  // namespace

WantedFields& WantedFields::add(std::initializer_list<std::string_view> path) {
  WantedFields* at = this;
  for (const std::string_view key : path) {
    if (key == "*") {
      if (!at->any_) at->any_ = std::make_shared<WantedFields>();
      at = at->any_.get();
    } else {
      at = &at->fields_[std::string(key)];
    }
  }
  return *this;
}

const WantedFields* WantedFields::field(std::string_view key) const {
  const auto found = fields_.find(key);
  return found != fields_.end() ? &found->second : any_.get();
}

class ExcerptReader::Parser : public json::basic_parser<Builder> {
 public:
  Parser(Document document, const WantedFields& wanted, std::function<void(Excerpt)> take)
      : basic_parser(options(), document, wanted, std::move(take)) {}

 private:
  static json::parse_options options() {
    json::parse_options options;
    options.max_depth = kDeepest;
    return options;
  }
};

ExcerptReader::ExcerptReader(Document document, const WantedFields& wanted,
                             std::function<void(Excerpt)> take)
    : parser_(std::make_unique<Parser>(document, wanted, std::move(take))) {}

ExcerptReader::~ExcerptReader() = default;

Result<void> ExcerptReader::write(std::string_view piece) {
  error_code error;
  const std::size_t used = parser_->write_some(true, piece.data(), piece.size(), error);
  if (error) return fail("invalid JSON: " + error.message());
  const std::string_view rest = piece.substr(used);
  if (rest.find_first_not_of(" \t\r\n") != std::string_view::npos) {
    return fail("invalid JSON: unexpected data after its end");
  }
  return {};
}

Result<void> ExcerptReader::finish() {
  error_code error;
  if (!parser_->done()) parser_->write_some(false, nullptr, 0, error);
  if (error) return fail("invalid JSON: " + error.message());
  if (!parser_->handler().complete()) return fail("invalid JSON: unexpected end");
  return {};
}

std::unexpected<Error> not_understood(std::string_view what, std::string_view why) {
  return fail(fmt::format("invalid {} from the Docker engine: {}", what, why));
}

}  // namespace nxgate::docker
