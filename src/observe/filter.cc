#include "observe/filter.h"

#include <string>
#include <utility>

#include "base/address.h"
#include "engine/connection_event.h"
#include "engine/observer.h"
#include "observe/hub.h"
#include "telemetry/counters.h"

namespace nxgate::observe {
namespace {

bool is_denial(const engine::Event& event) noexcept {
  if (event.connection) return event.connection->kind == engine::ConnectionEvent::Kind::kDenied;
  switch (engine::answer_class_of(event)) {
    case telemetry::AnswerClass::kProhibited:
    case telemetry::AnswerClass::kDenied:
    case telemetry::AnswerClass::kNoData:
      return true;
    case telemetry::AnswerClass::kLocal:
    case telemetry::AnswerClass::kCached:
    case telemetry::AnswerClass::kForwarded:
    case telemetry::AnswerClass::kStale:
    case telemetry::AnswerClass::kFailed:
      break;
  }
  return false;
}

}  // namespace

void select_client(Selection& selection, const std::string& text) {
  if (const auto prefix = Prefix::parse(text)) {
    selection.clients = *prefix;
  } else {
    selection.container = text;
  }
}

Filter filter_of(Selection selection) {
  return [wanted = std::move(selection)](const engine::Event& event) {
    const policy::Policy* const policy = event.judgement.policy;
    return (!wanted.denied || is_denial(event)) &&
           (!wanted.clients || wanted.clients->contains(event.client.address)) &&
           (wanted.container.empty() ||
            (policy != nullptr && policy->container == wanted.container)) &&
           (wanted.policy.empty() || (policy != nullptr && policy->name == wanted.policy)) &&
           (!wanted.name || event.question.name.is_at_or_below(*wanted.name));
  };
}

}  // namespace nxgate::observe
