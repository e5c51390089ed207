// Any text as a configuration: never a crash, and no fault without a place.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/error.h"
#include "config/complete.h"
#include "config/context.h"
#include "config/load.h"
#include "config/settings.h"

namespace {

/// Every file holds the text that is being fuzzed.
class Mirror : public nxgate::config::FileReader {
 public:
  explicit Mirror(std::string_view text) : text_(text) {}
  nxgate::Result<std::string> read(const std::string&) override { return text_; }
  nxgate::Result<std::vector<std::string>> expand(const std::string& pattern) override {
    return std::vector<std::string>{pattern};
  }
  bool is_own_address(const nxgate::RemoteEndpoint& server, const std::string&) override {
    return server.address.is_loopback();
  }

 private:
  std::string text_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Mirror files(text);
  nxgate::config::Context context{files, "/etc/nxgate"};
  nxgate::config::Settings settings = nxgate::config::read_toml(text, "fuzz.toml", context);
  nxgate::config::complete(context, settings);
  nxgate::config::sort_faults(context.faults, "fuzz.toml");
  for (const nxgate::Fault& fault : context.faults) {
    if (fault.at.file.empty() || fault.text.empty()) std::abort();
  }
  if (settings.server.listen.empty() || settings.policies.empty()) std::abort();
  return 0;
}
