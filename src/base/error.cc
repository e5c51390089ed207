#include "base/error.h"

#include <string>

#include <fmt/core.h>

namespace nxgate {

std::string to_string(const Location& at) {
  if (at.line == 0) return at.file;
  return fmt::format("{}:{}:{}", at.file, at.line, at.column);
}

std::string to_string(const Fault& fault) {
  return fault.at.file.empty() ? fault.text : to_string(fault.at) + ": " + fault.text;
}

}  // namespace nxgate
