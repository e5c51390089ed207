// The containers that `nxgate attach NAME` means, now and later.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "containers/container.h"

namespace nxgate::attach {

/// Given by name: the container of that name, and of a compose service every container of the
/// service, for compose makes new ones, of new names, as it likes; the one that was found first
/// stays it under any name until it is removed. Given by (the beginning of) its id: that one alone.
/// Labels that come from an image don't make a service.
class Followed {
 public:
  /// `text` is what the operator wrote, and `found` what the engine made of it.
  Followed(std::string text, containers::Container found);

  [[nodiscard]] bool is(const containers::Container& container) const;
  /// Whoever runs and is it stays it when it is renamed, also while it is stopped.
  void remember(const std::vector<containers::Container>& running);
  /// `all` is what there is, running or not: who isn't among them was removed.
  void forget_removed(const std::vector<containers::Container>& all);
  /// This one was.
  void forget(const std::string& id);

  [[nodiscard]] const containers::Container& found() const noexcept { return found_; }
  /// `web`, `service web of shop`, or an id.
  [[nodiscard]] std::string label() const;

 private:
  std::string text_;
  containers::Container found_;
  bool by_id_;
  std::string project_;  ///< of compose; empty if it has none, or was given by id
  std::string service_;
  std::set<std::string> ids_;
};

}  // namespace nxgate::attach
