// Reading the fields of a JSON document that another program wrote.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/kind.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "base/error.h"

namespace nxgate {

/// Parses a whole document, which must be an object or an array.
[[nodiscard]] Result<boost::json::value> parse_document(std::string_view json);

/// The fields of one object. What is missing or null reads as empty; the first that is of the wrong
/// kind is put into `fault` in words, with its path (`State.Running`). The document and `fault`
/// must outlive it.
class JsonFields {
 public:
  JsonFields(const boost::json::value& document, std::string& fault);

  [[nodiscard]] std::string text(std::string_view key) const;
  [[nodiscard]] bool flag(std::string_view key) const;
  [[nodiscard]] std::int64_t number(std::string_view key) const;
  [[nodiscard]] std::vector<std::string> texts(std::string_view key) const;
  [[nodiscard]] std::map<std::string, std::string> text_map(std::string_view key) const;
  [[nodiscard]] JsonFields inner(std::string_view key) const;
  /// Calls `use` for each element of an array, all of which must be objects.
  void each_of(std::string_view key, const std::function<void(const JsonFields& inner)>& use) const;
  /// Calls `use` for each field, all of which must be objects.
  void each(const std::function<void(const std::string& key, const JsonFields& inner)>& use) const;

 private:
  JsonFields(const boost::json::object* object, std::string path, std::string& fault);

  [[nodiscard]] const boost::json::value* find(std::string_view key, boost::json::kind kind) const;
  [[nodiscard]] bool is(const boost::json::value& value, boost::json::kind kind,
                        std::string_view key) const;

  const boost::json::object* object_ = nullptr;
  std::string path_;  ///< with a dot behind, or empty
  std::string& fault_;
};

}  // namespace nxgate
