// What the main thread does while the workers answer: signals and changed files.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include "base/error.h"
#include "control/control_api.h"
#include "helper/helper.h"
#include "store/policy_store.h"
#include "store/standing_fault.h"
#include "sys/file_watch.h"
#include "sys/service_manager.h"

namespace nxgate::app {

/// What happens to gates and firewalls when nxgate ends.
enum class Ending : std::uint8_t {
  kHandOver = 0,  ///< all stay, for the next nxgate to take over
  kStop,          ///< all are removed, except those that stay closed
};

/// Reloads on SIGHUP and when a watched file changed; ends on SIGTERM or SIGINT; SIGUSR1 means that
/// logs were rotated, and SIGUSR2 that a next nxgate takes over, which ends this one.
class MainLoop final : public control::Operations {
 public:
  /// From here on it handles the signals. `manager` is notified of reloads and of the end.
  MainLoop(store::PolicyStore& policy_store, sys::ServiceManager& manager, sys::FileWatch watch);
  ~MainLoop() override;
  MainLoop(const MainLoop&) = delete;
  MainLoop& operator=(const MainLoop&) = delete;

  /// Ends as for SIGUSR2, but with an error, once the helper process is gone, which is checked
  /// every few seconds: so every rule stays in place until a service manager has started the next
  /// nxgate.
  void depend_on(const helper::Helper& helper);

  /// Until it is told to stop; returns the name of the signal that did, or the `reason` of `end`.
  /// An error is why it can't go on.
  [[nodiscard]] Result<std::string> run();
  void end(std::string reason, Ending ending = Ending::kStop);
  /// After `run`.
  [[nodiscard]] Ending ending() const noexcept { return ending_; }

  /// For what else there is to do on this thread. Comes to an end with `run`.
  [[nodiscard]] boost::asio::io_context& loop() noexcept { return loop_; }
  /// One at a time: a request during a reload is answered by the next. It is prepared on a
  /// low-priority thread, which also frees what it replaces.
  void reload(std::function<void(bool taken)> done) override;
  void changed() override {
    for (const auto& action : after_reload_) action();
  }
  /// Calls this for SIGUSR1.
  void on_rotation(std::function<void()> action) { rotate_ = std::move(action); }
  /// Also calls this after every successful reload.
  void after_reload(std::function<void()> action) { after_reload_.push_back(std::move(action)); }

  /// That file changes aren't reported, or don't arrive.
  [[nodiscard]] std::vector<store::StandingFault> standing_faults() const override;

 private:
  void begin_reload();
  [[nodiscard]] bool has_background();
  void finish_reload(store::PolicyStore::Pending& pending);
  void await_signal();
  void await_change();
  void follow_files();
  void note_replaced_mounts();
  void await_ping(const helper::Helper& helper);

  store::PolicyStore& policy_store_;
  sys::ServiceManager& manager_;
  sys::FileWatch watch_;
  std::vector<std::string> watched_;
  boost::asio::io_context loop_{1};
  boost::asio::signal_set signals_;
  boost::asio::posix::stream_descriptor changes_;      ///< the watch's; not owned
  boost::asio::posix::stream_descriptor helper_gone_;  ///< the helper's; not owned
  boost::asio::steady_timer ping_;
  boost::asio::steady_timer settle_;
  std::vector<std::function<void(bool)>> waiting_;  ///< for the next reload
  std::vector<std::function<void(bool)>> served_;   ///< by this one
  bool reloading_ = false;
  std::optional<boost::asio::thread_pool> background_;  ///< from the first reload on
  boost::asio::steady_timer again_;                     ///< runs while there is a fault
  std::string fault_;                                   ///< of the watch, as it was told
  std::vector<std::string> replaced_mounts_;            ///< likewise
  std::string reason_;
  std::optional<Error> failure_;
  Ending ending_ = Ending::kStop;
  std::vector<std::function<void()>> after_reload_;
  std::function<void()> rotate_ = [] {};
};

}  // namespace nxgate::app
