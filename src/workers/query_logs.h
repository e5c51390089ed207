// The query log as it is configured: lines in a file, messages of dnstap, both or none.
#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "config/settings.h"
#include "observe/dnstap.h"
#include "observe/hub.h"
#include "observe/query_log.h"
#include "sys/descriptor.h"

namespace nxgate::workers {

/// Opens the file, if there is to be one; before root is dropped.
[[nodiscard]] Result<sys::Descriptor> open_query_log(const config::QueryLogSettings& settings,
                                                     const std::string& user);

/// Made after root was dropped, so that a reader of dnstap is met as the user who answers. The hub
/// must outlive it.
struct QueryLogs {
  QueryLogs(observe::Hub& hub, const config::QueryLogSettings& settings, sys::Descriptor file);

  std::optional<observe::QueryLog> file;
  std::optional<observe::Dnstap> dnstap;
};

}  // namespace nxgate::workers
