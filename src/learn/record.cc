#include "learn/record.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <netinet/in.h>

#include "base/address.h"
#include "base/bytes.h"
#include "learn/labels.h"
#include "wire/name.h"

namespace nxgate::learn {
namespace {

std::string_view view(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::int64_t within_calendar(std::int64_t when) {
  return std::clamp<std::int64_t>(when, 0, Record::kLatest);
}

/// Whether `value` is in the sorted `values` now.
template <class Value>
bool insert_sorted(std::vector<Value>& values, const Value& value, std::size_t most) {
  const auto at = std::ranges::lower_bound(values, value);
  if (at != values.end() && *at == value) return true;
  if (values.size() >= most) return false;
  values.insert(at, value);
  return true;
}

}  // namespace

std::string plain_text(std::string_view text) {
  std::string out(text.substr(0, Record::kLongestText));
  std::ranges::replace_if(out, [](char one) { return one < ' ' || one > '~'; }, '?');
  return out;
}

std::size_t Record::Hash::operator()(std::string_view bytes) const noexcept {
  // Keyed, since clients choose the names.
  const std::uint64_t key = wire::process_hash_key();
  return wire::extend_hash(key, {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()},
                           key);
}

Record::Record(std::string_view policy, std::int64_t started)
    : policy_(plain_text(policy)), started_(within_calendar(started)) {}

void Record::add(const Observation& observation) {
  Sighting* const sighting = place_for(observation.name, observation.outcome);
  if (sighting == nullptr) {
    ++overflowed_;
    return;
  }
  const std::int64_t when = within_calendar(observation.when);
  sighting->first = sighting->count == 0 ? when : std::min(sighting->first, when);
  sighting->last = std::max(sighting->last, when);
  ++sighting->count;
  if (observation.outcome == Existence::kExists && sighting->outcome != Existence::kExists) {
    --nonexistent_;
  }
  sighting->outcome = std::max(sighting->outcome, observation.outcome);
  insert_sorted(sighting->types, observation.type, kMostTypes);
  const auto number = number_of(plain_text(observation.client));
  if (!number || !insert_sorted(sighting->clients, *number, kMostClientsOfName)) {
    ++sighting->from_others;
  }
}

void Record::add_port(const wire::DomainName& name, Port port) {
  if (port.number == 0 || (port.protocol != IPPROTO_TCP && port.protocol != IPPROTO_UDP)) return;
  const auto found = names_.find(view(name.wire()));
  if (found != names_.end()) insert_sorted(found->second.ports, port, kMostPorts);
}

void Record::stop(std::int64_t when) { stopped_ = within_calendar(when); }

const Sighting* Record::find(const wire::DomainName& name) const {
  const auto found = names_.find(view(name.wire()));
  return found == names_.end() ? nullptr : &found->second;
}

std::vector<Record::Named> Record::names() const {
  std::vector<Named> named;
  named.reserve(names_.size());
  for (const auto& [bytes, sighting] : names_) {
    const auto name = wire::DomainName::parse(
        {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
    if (name) named.push_back({*name, &sighting});
  }
  std::ranges::sort(named, root_first, &Named::name);
  return named;
}

/// The sighting of the name, a new one if need be; null if there is no room.
Sighting* Record::place_for(const wire::DomainName& name, Existence outcome) {
  const std::string_view bytes = view(name.wire());
  const auto found = names_.find(bytes);
  if (found != names_.end()) return &found->second;
  const bool exists = outcome == Existence::kExists;
  if (names_.size() >= kMostNames || (!exists && nonexistent_ >= kMostNonexistent)) return nullptr;
  Sighting& sighting = names_[std::string(bytes)];
  sighting.outcome = outcome;
  if (!exists) ++nonexistent_;
  return &sighting;
}

bool Record::restore(const wire::DomainName& name, Sighting sighting) {
  if (find(name) != nullptr) return false;
  Sighting* const place = place_for(name, sighting.outcome);
  if (place != nullptr) *place = std::move(sighting);
  return place != nullptr;
}

std::optional<std::uint32_t> Record::number_of(std::string_view client) {
  const auto found = numbers_.find(client);
  if (found != numbers_.end()) return found->second;
  if (clients_.size() >= kMostClients) return std::nullopt;
  const auto number = static_cast<std::uint32_t>(clients_.size());
  numbers_.emplace(std::string(client), number);
  clients_.emplace_back(client);
  return number;
}

}  // namespace nxgate::learn
