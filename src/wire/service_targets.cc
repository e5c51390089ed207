#include "wire/service_targets.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "wire/name.h"
#include "wire/reader.h"
#include "wire/types.h"

namespace nxgate::wire {
namespace {

/// Behind the owner at `at`, which is a name or ends with a pointer.
std::size_t skip_owner(Bytes body, std::size_t at) noexcept {
  while (at < body.size() && body[at] != 0) {
    if ((body[at] & kPointerBits) == kPointerBits) return at + 2;
    at += 1U + body[at];
  }
  return at + 1;
}

/// The port among the parameters of a service, if there is one (RFC 9460 section 7.2).
std::uint16_t port_parameter(Reader reader) noexcept {
  constexpr std::uint16_t kPortKey = 3;
  while (reader.ok()) {
    const std::uint16_t key = reader.u16();
    const std::uint16_t size = reader.u16();
    if (reader.ok() && key == kPortKey && size == 2) {
      const std::uint16_t port = reader.u16();
      return reader.ok() ? port : std::uint16_t{0};
    }
    reader.skip(size);
  }
  return 0;
}

void skip_text(Reader& reader) noexcept { reader.skip(reader.u8()); }

/// Of rdata whose names are uncompressed.
std::optional<ServiceTarget> target_of(Bytes rdata, Type type) noexcept {
  ServiceTarget target;
  Reader reader(rdata);
  reader.skip(2);  // priority, preference or order
  if (type == Type::kSrv) {
    reader.skip(2);  // weight
    target.port = reader.u16();
  } else if (type == Type::kNaptr) {
    reader.skip(2);                                          // preference
    for (int text = 0; text < 3; ++text) skip_text(reader);  // flags, services, regular expression
  }
  if (!reader.ok()) return std::nullopt;
  const auto name = DomainName::parse(rdata.subspan(reader.offset()));
  if (!name || name->is_root()) return std::nullopt;
  target.name = *name;
  if (type == Type::kSvcb || type == Type::kHttps) {
    target.port = port_parameter(Reader(rdata, reader.offset() + name->wire().size()));
  }
  return target;
}

}  // namespace

std::vector<ServiceTarget> service_targets(Bytes body, std::size_t answers, Type type) {
  std::vector<ServiceTarget> targets;
  std::size_t at = 0;
  for (std::size_t i = 0; i < answers && targets.size() < kMostServiceTargets; ++i) {
    Reader reader(body, skip_owner(body, at));
    const auto found = Type{reader.u16()};
    reader.skip(6);  // class, TTL
    const std::uint16_t size = reader.u16();
    const std::size_t rdata_at = reader.offset();
    reader.skip(size);
    if (!reader.ok()) break;
    at = reader.offset();
    if (found != type) continue;
    const auto target = target_of(body.subspan(rdata_at, size), type);
    if (target && std::ranges::find(targets, *target) == targets.end()) targets.push_back(*target);
  }
  return targets;
}

}  // namespace nxgate::wire
