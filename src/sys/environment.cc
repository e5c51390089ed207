#include "sys/environment.h"

#include <cstdlib>
#include <string>

namespace nxgate::sys {

// NOLINTBEGIN(concurrency-mt-unsafe): there is no other thread yet
std::string take_variable(const char* name) {
  const char* const value = std::getenv(name);
  std::string text = value == nullptr ? "" : value;
  ::unsetenv(name);
  return text;
}
// NOLINTEND(concurrency-mt-unsafe)

}  // namespace nxgate::sys
