#include "observe/choice.h"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

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
  return ++count_ % options_.sample == 0;
}

bool Choice::first_seen(const engine::Event& event) {
  if (seen_.size() >= kMostSeen) seen_.clear();
  return seen_.insert(hash(event.client.address.to_string() + ' ' + event.question.name.to_text()))
      .second;
}

}  // namespace nxgate::observe
