#include "learn/record_json.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>
#include <fmt/core.h>

#include "base/address.h"
#include "base/error.h"
#include "learn/record.h"
#include "wire/name.h"
#include "wire/types.h"

namespace nxgate::learn {

namespace json = boost::json;

namespace {

constexpr std::int64_t kVersion = 1;
constexpr std::array<std::string_view, 3> kOutcomes{"failed", "missing", "exists"};
constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();

/// JSON has no number beyond that which everybody reads alike.
std::int64_t number(std::uint64_t count) {
  return static_cast<std::int64_t>(std::min<std::uint64_t>(count, kLargest));
}

json::object written(const Record::Named& named) {
  const Sighting& sighting = *named.sighting;
  json::array types;
  for (const wire::Type type : sighting.types) types.emplace_back(wire::to_string(type));
  json::object name{{"name", named.name.to_text()},
                    {"outcome", kOutcomes[static_cast<std::size_t>(sighting.outcome)]},
                    {"count", number(sighting.count)},
                    {"first", sighting.first},
                    {"last", sighting.last},
                    {"types", std::move(types)},
                    {"clients", json::array(sighting.clients.begin(), sighting.clients.end())}};
  if (sighting.from_others != 0) name["from_others"] = number(sighting.from_others);
  if (!sighting.ports.empty()) {
    json::array& ports = name["ports"].emplace_array();
    for (const Port& port : sighting.ports) ports.emplace_back(port.to_string());
  }
  return name;
}

/// Reads values of a document; what is wrong first is kept in words, with its place.
class Reading {
 public:
  [[nodiscard]] bool good() const noexcept { return fault_.empty(); }
  [[nodiscard]] const std::string& fault() const noexcept { return fault_; }

  void refuse(std::string_view path, std::string_view wrong) {
    if (good()) fault_ = fmt::format("{}: {}", path, wrong);
  }
  const json::object* object(const json::value& value, const std::string& path) {
    if (!value.is_object()) refuse(path, "expected an object");
    return value.if_object();
  }
  /// A whole number from 0 to `most`; 0 if it is missing and may be.
  std::int64_t number(const json::object& object, std::string_view key, const std::string& path,
                      std::int64_t most, bool needed = true) {
    const json::value* const value = object.if_contains({key.data(), key.size()});
    if (value == nullptr && !needed) return 0;
    const std::int64_t* const found = value == nullptr ? nullptr : value->if_int64();
    if (found != nullptr && *found >= 0 && *found <= most) return *found;
    refuse(path + std::string(key), fmt::format("expected a whole number from 0 to {}", most));
    return 0;
  }
  std::string text(const json::value* value, const std::string& path) {
    const json::string* const found = value == nullptr ? nullptr : value->if_string();
    if (found != nullptr) return {found->data(), found->size()};
    refuse(path, "expected text");
    return {};
  }
  /// Calls `use(value, path)` for each element; a missing array is an empty one.
  template <class Use>
  void each(const json::object& object, std::string_view key, const std::string& path,
            std::size_t most, Use use) {
    const json::value* const value = object.if_contains({key.data(), key.size()});
    if (value == nullptr) return;
    const std::string here = path + std::string(key);
    const json::array* const array = value->if_array();
    if (array == nullptr) return refuse(here, "expected an array");
    if (array->size() > most) return refuse(here, fmt::format("more than {}", most));
    for (std::size_t i = 0; i < array->size() && good(); ++i) {
      use((*array)[i], fmt::format("{}[{}]", here, i));
    }
  }

 private:
  std::string fault_;
};

/// Appends to a list that has to ascend, which is how it was written.
template <class Value>
void append(std::vector<Value>& values, const std::optional<Value>& value, Reading& reading,
            const std::string& path) {
  if (!value) return reading.refuse(path, "not understood");
  if (!values.empty() && !(values.back() < *value)) return reading.refuse(path, "out of order");
  values.push_back(*value);
}

Sighting read_sighting(const json::object& object, const std::string& path, std::size_t clients,
                       Reading& reading) {
  Sighting sighting;
  const auto outcome =
      std::ranges::find(kOutcomes, reading.text(object.if_contains("outcome"), path + "outcome"));
  if (outcome == kOutcomes.end()) {
    reading.refuse(path + "outcome", "expected `failed`, `missing` or `exists`");
  } else {
    sighting.outcome = static_cast<Existence>(outcome - kOutcomes.begin());
  }
  sighting.count = static_cast<std::uint64_t>(reading.number(object, "count", path, kLargest));
  sighting.first = reading.number(object, "first", path, Record::kLatest);
  sighting.last = reading.number(object, "last", path, Record::kLatest);
  sighting.from_others =
      static_cast<std::uint64_t>(reading.number(object, "from_others", path, kLargest, false));
  if (sighting.last < sighting.first) reading.refuse(path + "last", "earlier than `first`");
  reading.each(object, "types", path, Record::kMostTypes, [&](const auto& value, const auto& at) {
    append(sighting.types, wire::parse_type(reading.text(&value, at)), reading, at);
  });
  reading.each(object, "clients", path, Record::kMostClientsOfName,
               [&](const json::value& value, const std::string& at) {
                 const std::int64_t* const index = value.if_int64();
                 const bool known =
                     index != nullptr && *index >= 0 && static_cast<std::size_t>(*index) < clients;
                 const auto client =
                     known ? std::optional(static_cast<std::uint32_t>(*index)) : std::nullopt;
                 append(sighting.clients, client, reading, at);
               });
  reading.each(object, "ports", path, Record::kMostPorts, [&](const auto& value, const auto& at) {
    const auto ports = parse_ports(reading.text(&value, at));
    const bool one = ports && ports->size() == 1;
    append(sighting.ports, one ? std::optional(ports->front()) : std::nullopt, reading, at);
  });
  return sighting;
}

}  // namespace

std::string to_json(const Record& record) {
  json::array names;
  for (const Record::Named& named : record.names()) names.emplace_back(written(named));
  json::object document{{"version", kVersion},
                        {"policy", record.policy()},
                        {"started", record.started()},
                        {"overflowed", number(record.overflowed())},
                        {"clients", json::array(record.clients().begin(), record.clients().end())},
                        {"names", std::move(names)}};
  if (record.stopped()) document["stopped"] = *record.stopped();
  return json::serialize(document);
}

Result<Record> record_from_json(std::string_view text) {
  boost::system::error_code error;
  const json::value document = json::parse({text.data(), text.size()}, error);
  if (error) return fail("invalid JSON: " + error.message());
  Reading reading;
  const json::object* const object = reading.object(document, "the document");
  if (object == nullptr) return fail(reading.fault());
  if (reading.number(*object, "version", "", kLargest) != kVersion) {
    reading.refuse("version", fmt::format("expected {}", kVersion));
  }
  Record record(reading.text(object->if_contains("policy"), "policy"),
                reading.number(*object, "started", "", Record::kLatest));
  if (object->contains("stopped")) {
    record.stop(reading.number(*object, "stopped", "", Record::kLatest));
  }
  record.overflowed_ =
      static_cast<std::uint64_t>(reading.number(*object, "overflowed", "", kLargest, false));
  reading.each(*object, "clients", "", Record::kMostClients,
               [&](const auto& value, const auto& at) {
                 const std::size_t known = record.clients_.size();
                 record.number_of(plain_text(reading.text(&value, at)));
                 if (record.clients_.size() == known) reading.refuse(at, "duplicate");
               });
  reading.each(*object, "names", "", Record::kMostNames, [&](const auto& value, const auto& at) {
    const json::object* const fields = reading.object(value, at);
    if (fields == nullptr) return;
    const std::string path = at + ".";
    const auto name =
        wire::DomainName::from_text(reading.text(fields->if_contains("name"), path + "name"));
    Sighting sighting = read_sighting(*fields, path, record.clients_.size(), reading);
    if (!name) return reading.refuse(path + "name", name.error());
    if (reading.good() && !record.restore(*name, std::move(sighting))) {
      reading.refuse(path + "name", "duplicate, or there are too many");
    }
  });
  if (!reading.good()) return fail(reading.fault());
  return record;
}

}  // namespace nxgate::learn
