#include "learn/words.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include <fmt/core.h>

#include "learn/proposal.h"

namespace nxgate::learn {
namespace {

constexpr std::size_t kClientsShown = 3;

}  // namespace

std::string utc_date(std::int64_t when) {
  const std::chrono::sys_seconds at{std::chrono::seconds(when)};
  const std::chrono::year_month_day day(std::chrono::floor<std::chrono::days>(at));
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(day.year()),
                     static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
}

std::string utc_dates(std::int64_t first, std::int64_t last) {
  const std::string from = utc_date(first);
  const std::string to = utc_date(last);
  return from == to ? from : fmt::format("{} to {}", from, to);
}

std::string counted(std::uint64_t count, std::string_view noun) {
  if (count == 1) return fmt::format("1 {}", noun);
  const bool ends_in_y = noun.ends_with('y');
  if (ends_in_y) noun.remove_suffix(1);
  return fmt::format("{} {}{}", count, noun, ends_in_y ? "ies" : "s");
}

std::string usage(std::span<const Seen> names) {
  std::uint64_t queries = 0;
  std::int64_t first = names.empty() ? 0 : names.front().first;
  std::int64_t last = 0;
  bool others = false;
  std::set<std::string_view> clients;
  for (const Seen& seen : names) {
    queries += seen.count;
    first = std::min(first, seen.first);
    last = std::max(last, seen.last);
    others = others || seen.from_others != 0;
    clients.insert(seen.clients.begin(), seen.clients.end());
  }
  std::string text = fmt::format("{}, {}", counted(queries, "query"), utc_dates(first, last));
  std::size_t shown = 0;
  for (const std::string_view client : clients) {
    if (shown == kClientsShown) break;
    text += fmt::format("{}{}", shown++ == 0 ? ", by " : ", ", client);
  }
  if (clients.size() > shown) text += fmt::format(" and {} more", clients.size() - shown);
  if (others) text += " and others";
  return text;
}

std::string summary(const Proposal& proposal) {
  std::string text =
      fmt::format("policy {}, {} (UTC): {} for {} by {}", proposal.policy,
                  utc_dates(proposal.first, proposal.last), counted(proposal.queries, "query"),
                  counted(proposal.names, "name"), counted(proposal.clients, "client"));
  if (proposal.overflowed != 0) {
    text += fmt::format("; {} for names beyond the limit are not included",
                        counted(proposal.overflowed, "query"));
  }
  return text;
}

}  // namespace nxgate::learn
