#include "top/model.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <fmt/core.h>

#include "base/json.h"

namespace nxgate::top {

namespace json = boost::json;

namespace {

/// As /v1/watch counts it among the denials.
bool is_denial(std::string_view verdict) {
  return verdict == "denied" || verdict == "prohibited" || verdict == "nodata";
}

/// An attached container by its name.
std::string client_of(const json::object& event) {
  return text_of(event, event.contains("container") ? "container" : "client");
}

Denial denial_of(const json::object& event, const std::string& client) {
  const bool is_connection = event.contains("server");
  const std::string server = is_connection ? text_of(event, "server") : "";
  const std::string name = text_of(event, event.contains("name") ? "name" : "server");
  const std::string port = is_connection ? server.substr(server.rfind(':') + 1) : "";
  return {.key = is_connection ? name + '\n' + port : name,
          .name = name,
          .type = text_of(event, "type"),
          .client = client,
          .policy = event.contains("policy") ? text_of(event, "policy") : "",
          .rule = is_connection ? fmt::format(":{} {}", port, text_of(event, "verdict"))
                                : text_of(event, "rule"),
          .server = server};
}

/// Leaves the first `kRows` by `before`, in order.
template <class Row, class Before>
void rank(std::vector<Row>& rows, Before before) {
  const auto middle =
      rows.begin() + static_cast<std::ptrdiff_t>(std::min(rows.size(), Model::kRows));
  std::ranges::partial_sort(rows, middle, before);
  rows.erase(middle, rows.end());
}

}  // namespace

void Model::add(std::string_view line) {
  const auto event = parse_object(line);
  if (!event) return;
  if (event->contains("dropped")) {
    return miss(static_cast<std::uint64_t>(std::max(0.0, number_of(*event, "dropped"))));
  }
  const bool is_connection = event->contains("server");
  if (!is_connection && !event->contains("name")) return;
  const std::string result = text_of(*event, is_connection ? "what" : "verdict");
  if (is_connection && result == "ended") return;
  const std::string client = client_of(*event);
  auto& asker = clients_.add(client).value;
  if (!is_denial(result)) return;
  ++asker.count;
  const Denial denial = denial_of(*event, client);
  names_.add(denial.key).value = denial;
  pairs_.add(client + '\n' + denial.key).value = denial;
}

void Model::reset() {
  names_.clear();
  pairs_.clear();
  clients_.clear();
  missed_ = 0;
}

std::vector<NameRow> Model::names(std::string_view part, std::string_view client) const {
  std::vector<NameRow> rows;
  for (const auto& [key, entry] : (client.empty() ? names_ : pairs_).entries()) {
    if (!client.empty() && entry.value.client != client) continue;
    if (!entry.value.name.contains(part)) continue;
    rows.push_back({entry.sure(), entry.error != 0, &entry.value});
  }
  rank(rows, [](const NameRow& a, const NameRow& b) {
    return std::tie(b.count, a.last->name) < std::tie(a.count, b.last->name);
  });
  return rows;
}

std::vector<ClientRow> Model::clients(std::string_view client) const {
  std::vector<ClientRow> rows;
  for (const auto& [key, entry] : clients_.entries()) {
    if (!client.empty() && key != client) continue;
    rows.push_back({entry.sure(), entry.value.count, entry.error != 0, key});
  }
  rank(rows, [](const ClientRow& a, const ClientRow& b) {
    return std::tie(b.asked, a.client) < std::tie(a.asked, b.client);
  });
  return rows;
}

}  // namespace nxgate::top
