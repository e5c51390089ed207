// Which containers are to be inspected, and when.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/clock.h"

namespace nxgate::docker {

/// Only decides. One inspection of each container at a time; a request during one causes another
/// one after it. A slow one gives up its slot to others. After a failure it is wanted again
/// automatically: after `retry`, then twice as long, up to `longest`.
class Inspections {
 public:
  Inspections(Milliseconds retry, Milliseconds longest) : retry_(retry), longest_(longest) {}

  void want(const std::string& id);
  /// Wants all whose waits are over.
  void want_due(Instant now);
  /// What to inspect now; call until there is nothing.
  [[nodiscard]] std::optional<std::string> begin(Instant now);
  /// It has ended; whether it begins again, because it was wanted meanwhile.
  bool end(const std::string& id);
  void succeeded(const std::string& id) { failures_.erase(id); }
  void failed(const std::string& id, std::string why, Instant now);
  void forget_failures(const std::function<bool(const std::string& id)>& which);

  /// Why the last attempt failed, by container.
  [[nodiscard]] std::map<std::string, std::string> failures() const;
  /// When `want_due` or `begin` has something to do, if nothing else happens.
  [[nodiscard]] Instant next_due(Instant now) const;

 private:
  void put(const std::string& id);

  struct Running {
    Instant since;
    bool again = false;
  };
  struct Failure {
    std::string why;
    Milliseconds wait;
    Instant due;  ///< max: wanted already
  };

  Milliseconds retry_;
  Milliseconds longest_;
  std::deque<std::string> queue_;
  std::set<std::string> queued_;
  std::map<std::string, Running> running_;
  std::map<std::string, Failure> failures_;
};

}  // namespace nxgate::docker
