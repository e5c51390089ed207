#include "base/json.h"

#include <optional>
#include <string_view>
#include <utility>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>

namespace nxgate {

std::optional<boost::json::object> parse_object(std::string_view text) {
  boost::system::error_code error;
  boost::json::value value = boost::json::parse(text, error);
  if (error || !value.is_object()) return std::nullopt;
  return std::move(value.get_object());
}

boost::json::array to_json(const Faults& faults) {
  boost::json::array all;
  for (const Fault& fault : faults) {
    boost::json::object object{{"text", fault.text}};
    if (!fault.at.file.empty()) object["file"] = fault.at.file;
    if (fault.at.line != 0) object["line"] = fault.at.line;
    if (fault.at.column != 0) object["column"] = fault.at.column;
    all.push_back(std::move(object));
  }
  return all;
}

}  // namespace nxgate
