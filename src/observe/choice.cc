#include "observe/choice.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "engine/connection_event.h"
#include "engine/observer.h"
#include "observe/filter.h"
#include "observe/hub.h"
#include "wire/name.h"

namespace nxgate::observe {

Choice::Choice(ChoiceOptions options) : options_(std::move(options)) {}

Filter Choice::filter(const ChoiceOptions& options) {
  Selection selection;
  selection.denied = options.which == LoggedQueries::kDenied;
  return [selected = filter_of(selection), skip = options.skip](const engine::Event& event) {
    return selected(event) && std::ranges::none_of(skip, [&event](const wire::DomainName& name) {
             return event.question.name.is_at_or_below(name);
           });
  };
}

bool Choice::takes(const engine::Event& event) {
  if (options_.which == LoggedQueries::kFirstSeen && !first_seen(event)) return false;
  if (event.connection) return event.connection->number % options_.sample == 0;
  return ++count_ % options_.sample == 0;
}

bool Choice::first_seen(const engine::Event& event) {
  std::string key = event.client.address.to_string() + ' ' + event.question.name.to_text();
  if (const auto& connection = event.connection) {
    if (connection->kind == engine::ConnectionEvent::Kind::kEnded) return false;
    key += ' ';
    key += to_string(connection->kind);
    if (connection->name.empty()) key += connection->to.to_string();
  }
  if (seen_.size() >= kMostSeen) seen_.clear();
  return seen_.insert(hash(key)).second;
}

}  // namespace nxgate::observe
