// Policies in learning mode: queries are recorded, and a list is proposed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/error.h"
#include "firewall/firewall_reports.h"
#include "firewall/name_firewall.h"
#include "learn/record.h"
#include "observe/hub.h"
#include "store/policy_store.h"
#include "store/standing_fault.h"
#include "sys/state_directory.h"

namespace nxgate::control {

/// One policy: while it is active everything resolves, but for what the policy denies by name, or
/// nothing more than before if it `denies`. What was recorded stays until it is forgotten.
struct Learnt {
  bool active = false;
  bool denies = false;
  std::int64_t since = 0;  ///< of its last start, in seconds since 1970
  learn::Record record;
  std::unique_ptr<observe::Tap> tap{};  ///< while active
};

/// Keeps all that below the directory `state`, so that it survives a restart, also an unclean one
/// but for the last seconds. Main thread.
class Learner {
 public:
  /// `rules_changed` is called after a change of the runtime rules or of what firewalls shall
  /// note, `look` to have `reports` brought up to date.
  Learner(boost::asio::io_context& loop, store::PolicyStore& policy_store, observe::Hub& hub,
          firewall::FirewallReports& reports, const std::string& state,
          std::function<void()> rules_changed, std::function<void()> look);
  ~Learner();
  Learner(const Learner&) = delete;
  Learner& operator=(const Learner&) = delete;

  /// Continues learning that was active before.
  void resume();

  /// The error: what was learnt before can't be read, and would be lost.
  [[nodiscard]] Result<void> start(const std::string& policy, bool denies, const std::string& by);
  /// False if it isn't active.
  bool stop(const std::string& policy);
  void forget(const std::string& policy);
  /// Why what was learnt for the policy isn't saved where it should be; empty if it is.
  [[nodiscard]] std::string unsaved(const std::string& policy) const;

  /// With everything seen up to now.
  [[nodiscard]] const std::map<std::string, Learnt>& all();
  /// Nothing unless it is active; without what was seen lately.
  [[nodiscard]] const Learnt* active(const std::string& policy) const;

  /// Records that can't be read, or can't be written.
  [[nodiscard]] std::vector<store::StandingFault> standing_faults() const;

 private:
  [[nodiscard]] Result<std::optional<Learnt>> read(const std::string& policy) const;
  void begin(const std::string& policy, Learnt& learnt, const std::string& by);
  void take(Learnt& learnt);
  void note_flows(const std::string& policy, const std::vector<firewall::Flow>& flows);
  void save();
  void keep();
  void wait();

  store::PolicyStore& policy_store_;
  observe::Hub& hub_;
  firewall::FirewallReports& reports_;
  const sys::StateDirectory state_;
  std::function<void()> rules_changed_;
  std::function<void()> look_;
  boost::asio::steady_timer timer_;
  std::map<std::string, Learnt> learnt_;
  std::map<std::string, std::string> unreadable_;  ///< by policy: records left as they are, and why
  std::map<std::string, std::string> unwritten_;   ///< by policy: why the last save failed
  bool changed_ = false;
  int beats_ = 0;
};

}  // namespace nxgate::control
