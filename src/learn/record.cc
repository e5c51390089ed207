#include "learn/record.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>
#include <fmt/core.h>

#include "base/error.h"
#include "wire/name.h"
#include "wire/types.h"

namespace nxgate::learn {

namespace json = boost::json;

namespace {

std::int64_t number(const json::object& object, std::string_view key) {
  const json::value* const value = object.if_contains(key);
  boost::system::error_code error;
  const auto read = value == nullptr ? 0 : value->to_number<std::int64_t>(error);
  return error ? 0 : std::max<std::int64_t>(read, 0);
}

const json::array& list(const json::object& object, std::string_view key) {
  static const json::array kNone;
  const json::value* const value = object.if_contains(key);
  return value == nullptr || !value->is_array() ? kNone : value->get_array();
}

Seen seen_of(const json::object& object) {
  Seen seen{.count = static_cast<std::uint64_t>(number(object, "count")),
            .first = number(object, "first"),
            .last = number(object, "last"),
            .exists = number(object, "exists") != 0};
  for (const json::value& type : list(object, "types")) {
    if (type.is_int64()) seen.types.insert(static_cast<wire::Type>(type.get_int64()));
  }
  for (const json::value& client : list(object, "clients")) {
    if (client.is_string() && seen.clients.size() < Seen::kMostClients) {
      seen.clients.insert(client.get_string().c_str());
    }
  }
  return seen;
}

}  // namespace

void Record::add(const Observation& observation) {
  if (names_.size() >= kMostNames && !names_.contains(observation.name)) {
    ++overflow_;
    return;
  }
  Seen& seen = names_[observation.name];
  if (seen.count++ == 0) seen.first = observation.when;
  seen.first = std::min(seen.first, observation.when);
  seen.last = std::max(seen.last, observation.when);
  seen.exists |= observation.exists;
  seen.types.insert(observation.type);
  if (seen.clients.size() < Seen::kMostClients) seen.clients.insert(observation.client);
}

std::string Record::to_json() const {
  json::object names;
  for (const auto& [name, seen] : names_) {
    json::array types;
    for (const wire::Type type : seen.types) types.push_back(static_cast<std::int64_t>(type));
    json::array clients;
    for (const std::string& client : seen.clients) clients.emplace_back(client);
    names[name.to_text()] = {{"count", static_cast<std::int64_t>(seen.count)},
                             {"first", seen.first},
                             {"last", seen.last},
                             {"exists", seen.exists ? 1 : 0},
                             {"types", std::move(types)},
                             {"clients", std::move(clients)}};
  }
  return json::serialize(json::object{{"names", std::move(names)},
                                      {"overflow", static_cast<std::int64_t>(overflow_)}});
}

Result<Record> Record::from_json(std::string_view text) {
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  const json::object* const object = error ? nullptr : value.if_object();
  const json::value* const names = object == nullptr ? nullptr : object->if_contains("names");
  if (names == nullptr || !names->is_object()) return fail("is no record of what was learnt");
  Record record;
  record.overflow_ = static_cast<std::uint64_t>(number(*object, "overflow"));
  for (const auto& [key, each] : names->get_object()) {
    const auto name = wire::DomainName::from_text(key);
    if (!name || !each.is_object()) {
      return fail(fmt::format("holds `{}`, which is no name", std::string_view(key)));
    }
    if (record.names_.size() < kMostNames) record.names_[*name] = seen_of(each.get_object());
  }
  return record;
}

}  // namespace nxgate::learn
