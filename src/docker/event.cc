#include "docker/event.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <boost/json/value.hpp>

#include "base/error.h"
#include "base/json_fields.h"
#include "containers/container.h"
#include "docker/container_reader.h"
#include "docker/excerpt.h"

namespace nxgate::docker {
namespace {

using Actions = std::set<std::string_view>;

const WantedFields& wanted_fields() {
  static const WantedFields kWanted = WantedFields()
                                          .add({"Type"})
                                          .add({"Action"})
                                          .add({"Actor", "ID"})
                                          .add({"Actor", "Attributes", "container"});
  return kWanted;
}

Event read_event(const boost::json::value& document, std::string& fault) {
  const JsonFields all(document, fault);
  const JsonFields actor = all.inner("Actor");
  Event event{.type = all.text("Type"), .action = all.text("Action"), .container = {}};
  if (event.type == "container") event.container = actor.text("ID");
  if (event.type == "network") event.container = actor.inner("Attributes").text("container");
  if (!fault.empty()) return event;
  if (event.type.empty() || event.action.empty()) fault = "Type or Action is missing";
  const bool needed = event.type == "container" || !event.container.empty();
  if (needed && !containers::is_container_id(event.container)) {
    fault = "the container's id is not 64 hexadecimal digits";
  }
  return event;
}

}  // namespace

bool Event::concerns_what_runs() const {
  static const Actions kOfContainers{"start", "restart", "die",    "destroy", "rename",
                                     "pause", "unpause", "update", "stop",    "kill"};
  static const Actions kOfNetworks{"connect", "disconnect", "destroy"};
  if (type == "container") return kOfContainers.contains(action);
  return type == "network" && kOfNetworks.contains(action);
}

bool Event::concerns_next_start() const {
  static const Actions kOfContainers{"create", "die", "destroy", "rename"};
  static const Actions kOfNetworks{"connect", "disconnect"};
  const Actions& actions = type == "container" ? kOfContainers : kOfNetworks;
  return !container.empty() && actions.contains(action);
}

class EventReader::Line {
 public:
  void write(std::string_view piece) {
    size_ += piece.size();
    if (read_) read_ = reader_.write(piece);
  }
  [[nodiscard]] std::size_t size() const { return size_; }
  Result<Event> finish() {
    if (read_) read_ = reader_.finish();
    std::string fault = read_ ? "" : read_.error().message;
    Event event;
    if (fault.empty()) event = read_event(value_, fault);
    if (!fault.empty()) return fail("invalid event from the Docker engine: " + fault);
    return event;
  }

 private:
  std::size_t size_ = 0;
  Result<void> read_;
  boost::json::value value_;
  ExcerptReader reader_{ExcerptReader::Document::kOne, wanted_fields(),
                        [this](Excerpt excerpt) { value_ = std::move(excerpt.value); }};
};

EventReader::EventReader(std::function<void(const Event&)> seen,
                         std::function<void(const Error&)> odd)
    : seen_(std::move(seen)), odd_(std::move(odd)) {}

EventReader::~EventReader() = default;

Result<void> EventReader::write(std::string_view piece) {
  while (!piece.empty()) {
    const std::size_t end = std::min(piece.find('\n'), piece.size());
    const std::string_view part = piece.substr(0, end);
    const bool blank = part.empty() || part == "\r";
    if (!line_ && !blank) line_ = std::make_unique<Line>();
    if (line_) line_->write(part);
    if (line_ && line_->size() > kLongestEvent) return fail("an event that never ends");
    if (end < piece.size()) end_line();
    piece.remove_prefix(std::min(end + 1, piece.size()));
  }
  return {};
}

void EventReader::end_line() {
  const std::unique_ptr<Line> line = std::move(line_);
  if (!line) return;
  if (const Result<Event> event = line->finish()) {
    seen_(*event);
  } else {
    odd_(event.error());
  }
}

}  // namespace nxgate::docker
