#include "attach/followed.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "containers/container.h"

namespace nxgate::attach {

Followed::Followed(std::string text, containers::Container found)
    : text_(std::move(text)),
      found_(std::move(found)),
      by_id_(text_ != found_.name && found_.id.starts_with(text_)),
      ids_{found_.id} {
  if (by_id_) return;
  project_ = found_.label(containers::kProjectLabel);
  service_ = found_.label(containers::kServiceLabel);
}

bool Followed::is(const containers::Container& container) const {
  if (ids_.contains(container.id)) return true;
  if (by_id_) return false;
  if (container.name == found_.name) return true;
  return !project_.empty() && !service_.empty() &&
         container.label(containers::kProjectLabel) == project_ &&
         container.label(containers::kServiceLabel) == service_;
}

void Followed::remember(const std::vector<containers::Container>& running) {
  if (by_id_) return;
  for (const containers::Container& container : running) {
    if (is(container)) ids_.insert(container.id);
  }
}

void Followed::forget_removed(const std::vector<containers::Container>& all) {
  if (by_id_) return;
  std::erase_if(ids_, [&](const std::string& id) {
    return std::ranges::find(all, id, &containers::Container::id) == all.end();
  });
}

void Followed::forget(const std::string& id) {
  if (!by_id_) ids_.erase(id);
}

std::string Followed::label() const {
  if (by_id_) return text_;
  return project_.empty() || service_.empty() ? found_.name
                                              : fmt::format("service {} of {}", service_, project_);
}

}  // namespace nxgate::attach
