#include "cli/control_place.h"

#include <cstdlib>
#include <string>

#include <unistd.h>

#include "config/settings.h"

namespace nxgate::cli {
namespace {

std::string variable(const char* name) {
  // Before there is another thread.
  // NOLINTNEXTLINE(concurrency-mt-unsafe)
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

std::string usual_control_socket() {
  const std::string runtime = ::geteuid() == 0 ? "" : variable("XDG_RUNTIME_DIR");
  // A relative one is to be ignored (XDG Base Directory Specification).
  if (!runtime.starts_with('/')) return config::ControlSettings::kUsualSocket;
  return runtime + "/nxgate/control.sock";
}

std::string find_control_socket() {
  if (auto named = variable("NXGATE_CONTROL"); !named.empty()) return named;
  auto own = usual_control_socket();
  return ::access(own.c_str(), F_OK) == 0 ? own : config::ControlSettings::kUsualSocket;
}

}  // namespace nxgate::cli
