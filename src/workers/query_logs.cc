#include "workers/query_logs.h"

#include <array>
#include <climits>
#include <cstddef>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <unistd.h>

#include "base/error.h"
#include "config/settings.h"
#include "observe/choice.h"
#include "observe/dnstap.h"
#include "observe/dnstap_frame.h"
#include "observe/hub.h"
#include "observe/query_log.h"
#include "sys/descriptor.h"

namespace nxgate::workers {
namespace {

observe::ChoiceOptions choice_of(const config::QueryLogSettings& settings) {
  constexpr observe::LoggedQueries kWhich[] = {observe::LoggedQueries::kAll,
                                               observe::LoggedQueries::kDenied,
                                               observe::LoggedQueries::kFirstSeen};
  return {.which = kWhich[static_cast<std::size_t>(settings.queries)],
          .sample = settings.sample,
          .skip = settings.skip};
}

std::vector<observe::DnstapMessage> messages_of(config::DnstapMessages messages) {
  using observe::DnstapMessage;
  switch (messages) {
    case config::DnstapMessages::kBoth:
      return {DnstapMessage::kClientQuery, DnstapMessage::kClientResponse};
    case config::DnstapMessages::kQueries:
      return {DnstapMessage::kClientQuery};
    case config::DnstapMessages::kResponses:
      return {DnstapMessage::kClientResponse};
  }
  return {};
}

std::string host_name() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

bool wanted(const config::DnstapSettings& settings) {
  return settings.to != decltype(settings.to){};
}

observe::DnstapOptions dnstap_options(const config::QueryLogSettings& settings) {
  const config::DnstapSettings& dnstap = settings.dnstap;
  return {.to = dnstap.to,
          .labels = {.identity = dnstap.identity.empty() ? host_name() : dnstap.identity,
                     .version = dnstap.version.empty() ? "nxgate " NXGATE_VERSION : dnstap.version,
                     .hide_clients = settings.hash_clients},
          .messages = messages_of(dnstap.messages),
          .choice = choice_of(settings)};
}

}  // namespace

Result<sys::Descriptor> open_query_log(const config::QueryLogSettings& settings,
                                       const std::string& user) {
  if (settings.path.empty()) return sys::Descriptor();
  return observe::QueryLog::open_file(settings.path, user);
}

QueryLogs::QueryLogs(observe::Hub& hub, const config::QueryLogSettings& settings,
                     sys::Descriptor log_file) {
  if (log_file) {
    const observe::QueryLogOptions options{.path = settings.path,
                                           .choice = choice_of(settings),
                                           .hash_clients = settings.hash_clients};
    file.emplace(hub, options, std::move(log_file));
  }
  if (wanted(settings.dnstap)) dnstap.emplace(hub, dnstap_options(settings));
}

}  // namespace nxgate::workers
