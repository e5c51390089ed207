// Reading records of the configuration.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/error.h"
#include "base/escape.h"
#include "policy/local_data.h"
#include "policy/rdata.h"
#include "policy/record_words.h"
#include "policy/words.h"
#include "wire/name.h"
#include "wire/types.h"

namespace nxgate::policy {
namespace {

constexpr std::string_view kForm = "a record is NAME [TTL] TYPE DATA";

/// Seconds as a number or as a duration; empty if the word is no TTL.
std::optional<std::uint32_t> parse_ttl(std::string_view word) {
  if (const auto seconds = parse_number<std::uint32_t>(word)) return seconds;
  const auto duration = parse_duration(word);
  if (!duration) return std::nullopt;
  return static_cast<std::uint32_t>(std::chrono::duration_cast<Seconds>(*duration).count());
}

Result<void> read_owner(std::string_view word, ParsedRecord& out) {
  std::string_view text = word;
  if (text == "*") {
    text = ".";
    out.wildcard = true;
  } else if (text.starts_with("*.")) {
    text.remove_prefix(2);
    out.wildcard = true;
  }
  const auto name = wire::DomainName::from_text(text);
  if (!name) return fail(fmt::format("{}: {}; {}", quote(word), name.error(), kForm));
  out.owner = *name;
  return {};
}

/// Reads TTL and class, which may stand in either order, and returns how many words they take.
Result<std::size_t> read_ttl_and_class(std::span<const RecordWord> words, ParsedRecord& out) {
  std::size_t taken = 0;
  for (; taken < words.size() && taken < 2; ++taken) {
    const std::string_view word = words[taken].text;
    if (word == "IN" || word == "in") continue;
    const auto ttl = parse_ttl(word);
    if (!ttl) break;
    if (*ttl > wire::kLargestTtl) {
      return fail(fmt::format("{}: a TTL is at most {}", quote(word), wire::kLargestTtl));
    }
    out.record.ttl = *ttl;
  }
  return taken;
}

}  // namespace

Result<ParsedRecord> parse_record(std::string_view text) {
  const auto words = split_record(text);
  if (!words) return std::unexpected(words.error());
  if (words->empty()) return fail(fmt::format("empty record: {}", kForm));
  ParsedRecord parsed;
  if (auto owner = read_owner((*words)[0].text, parsed); !owner) {
    return std::unexpected(std::move(owner.error()));
  }
  std::span<const RecordWord> rest = std::span(*words).subspan(1);
  const auto taken = read_ttl_and_class(rest, parsed);
  if (!taken) return std::unexpected(taken.error());
  rest = rest.subspan(*taken);
  if (rest.empty()) return fail(fmt::format("{}: the type is missing; {}", quote(text), kForm));
  const auto type = wire::parse_type(rest[0].text);
  if (!type || wire::is_meta(*type)) {
    return fail(fmt::format("{} is not a record type; {}", quote(rest[0].text), kForm));
  }
  auto rdata = parse_rdata(*type, rest.subspan(1));
  if (!rdata) return std::unexpected(std::move(rdata.error()));
  parsed.record.type = *type;
  parsed.record.rdata = std::move(*rdata);
  return parsed;
}

}  // namespace nxgate::policy
