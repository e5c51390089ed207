// Decides what should be attached, and keeps it attached.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "attach/attachments.h"
#include "attach/builds.h"
#include "attach/followed.h"
#include "attach/selection.h"
#include "attach/subjects.h"
#include "attach/unattached.h"
#include "base/clock.h"
#include "base/error.h"
#include "containers/cgroup.h"
#include "containers/container.h"
#include "containers/engine.h"
#include "containers/netns_watch.h"
#include "containers/process_search.h"
#include "store/policy_store.h"
#include "sys/descriptor.h"
#include "sys/netns.h"

namespace nxgate::attach {

/// Turns the engine's reports, and namespaces given by name, into attachments; checks again once a
/// second, since a process or a namespace file can disappear without notice. Main thread.
class Controller final : public containers::Observer {
 public:
  /// `inotify` is for namespaces that appear, opened while we were root; may be empty.
  /// `engine` tells what runs; null if only namespaces are attached.
  Controller(boost::asio::io_context& loop, Subjects subjects,
             std::shared_ptr<containers::Engine> engine, store::PolicyStore& policy_store,
             Attachments& attachments, sys::Descriptor inotify);
  ~Controller() override;

  /// `ready` is called once, when everything that is there is attached or when it is certain that
  /// the engine must be waited for; an error is fatal for `attach`.
  void start(std::function<void(Result<void>)> ready);

  /// Selects policies again, as after a reload.
  void reconsider();

  /// Attaches a container that the runtime is about to start, and reports the result.
  void attach_starting(const containers::ContainerProcess& process, const sys::NetnsRef& netns,
                       const std::function<void(Result<void>)>& done);

 private:
  void on_engine(const containers::EngineVersion& version) override;
  void on_containers(const containers::View& view) override;
  void on_changed(const std::string& id) override;
  void on_engine_lost(const Error& error) override;

  void watch_namespaces();
  void begin_watch();
  void look_again();
  void appeared(const std::string& path);
  [[nodiscard]] bool attaches_all() const;
  void close_unclaimed(std::uint64_t identity, const sys::NetnsRef& netns, bool starting);
  void add_unclaimed(std::vector<Subject>& wanted);
  void await_processes();
  void await_processes_later();
  void found_process(std::uint64_t identity, const containers::ContainerProcess& process);
  void settle(std::uint64_t identity);
  void look_for_builds();
  void find_processes();
  [[nodiscard]] bool lives_on(const std::string& id) const;
  void keep_outliving(const std::vector<containers::Container>& before);
  void drop_ended();
  void find_strangers();
  void note_places();
  [[nodiscard]] sys::NetnsRef first_place(const containers::Container& container) const;
  [[nodiscard]] sys::NetnsRef netns_of(const containers::Container& container) const;
  void add_undescribed(std::vector<Unattached>& all) const;
  void learn_all();
  void learn(const std::string& id);
  void learned(const std::string& id, const containers::Listing& listing);
  void note_outdated();
  Result<void> add_starting(containers::Container container,
                            const containers::ContainerProcess& process,
                            const sys::NetnsRef& netns);
  void clean_up();
  void clean_up_later();
  [[nodiscard]] std::set<std::uint64_t> left_alone() const;
  [[nodiscard]] std::map<std::uint64_t, sys::NetnsRef> present() const;
  void note_unknown(const std::map<std::uint64_t, sys::NetnsRef>& unheld);
  [[nodiscard]] std::set<std::uint64_t> known_namespaces() const;
  void add_unknown(std::vector<Unattached>& all) const;
  void forget_started();
  std::vector<Error> reconcile();
  [[nodiscard]] bool released(const Subject& subject, std::uint64_t identity) const;
  void add_subject(const containers::Container& container, const sys::NetnsRef& netns,
                   std::vector<Subject>& wanted) const;
  [[nodiscard]] std::optional<Choice> choose(const containers::Container& container,
                                             std::optional<std::uint64_t> identity) const;
  void update_unattached();
  [[nodiscard]] std::optional<Unattached> why_unattached(
      const containers::Container& container) const;
  [[nodiscard]] bool runs(const Followed& followed) const;
  /// Of that id; null if none runs.
  [[nodiscard]] const containers::Container* find_running(const std::string& id) const;
  void be_ready(Result<void> how);

  boost::asio::io_context& loop_;
  std::shared_ptr<containers::Engine> engine_;
  Subjects subjects_;
  store::PolicyStore& policy_store_;
  Attachments& attachments_;
  sys::Descriptor inotify_;
  std::string netns_directory_;  ///< of the engine; empty until it answers
  std::unique_ptr<containers::NetnsWatch> netns_watch_;
  std::string watch_fault_;  ///< why it isn't told of namespaces, as logged
  boost::asio::steady_timer timer_;
  std::vector<containers::Container> running_;
  /// Ids whose labels were read before other labels were needed: their policy stays in force.
  std::set<std::string> outdated_;
  /// The engine's last report about them; `running` in it isn't kept.
  containers::View view_;
  Builds builds_;
  Instant next_look_for_builds_;
  /// A container that the engine doesn't report running yet. Its namespace is known by the file,
  /// for the runtime's first processes come and go.
  struct Starting {
    containers::Container container;
    sys::NetnsRef netns;
    Instant until;  ///< then another namespace is accepted for it
  };
  std::vector<Starting> starting_;
  /// Where a container runs, found once per run and kept open: its first process can end or move,
  /// and then no longer shows where the others run.
  struct Place {
    pid_t pid = 0;      ///< as the engine reports it; 0 until then
    bool sure = false;  ///< by the engine, not by whatever process was found
    sys::NetnsRef netns;
    std::optional<containers::Cgroup> cgroup;
  };
  [[nodiscard]] bool goes_on(const Place& place, const containers::Container& container) const;
  [[nodiscard]] bool is_sure(const containers::Container& container) const;
  std::map<std::string, Place> places_;
  /// Ended containers in `running_`, by id, with what was chosen for them: no engine tells of their
  /// labels any more. Those that ended before our start close their namespace.
  std::map<std::string, std::optional<Choice>> outliving_;
  std::string strangers_fault_;        ///< why they aren't known
  bool looked_for_strangers_ = false;  ///< with everyone known who is listed
  /// A new namespace, until it is attached or known to need no attachment.
  struct Empty {
    sys::NetnsRef netns;
    Instant until;             ///< then its owner is no longer searched
    bool looked_at = false;    ///< once, at least
    bool owner_known = false;  ///< its owner is known, and the engine is being asked about it
  };
  std::map<std::uint64_t, Empty> empty_;
  containers::ProcessSearch search_;
  containers::ProcessSearch missed_;  ///< for namespaces that weren't reported
  /// Namespaces of the engine whose owner isn't known yet.
  std::map<std::uint64_t, sys::NetnsRef> unclaimed_;
  /// Those that need no attachment: the next `reconcile` opens them.
  std::set<std::uint64_t> let_go_;
  boost::asio::steady_timer search_timer_;
  /// All containers, running or not, from the engine's events and lists, by id: a starting
  /// container gets its policy without a request.
  std::map<std::string, containers::Container> known_;
  /// A container that the engine is being asked about.
  struct Learning {
    bool again = false;  ///< it changed meanwhile
    std::vector<std::function<void(const containers::Listing&)>> waiting;
  };
  std::map<std::string, Learning> learning_;
  unsigned lists_ = 0;  ///< of all there is, asked for
  std::function<void(Result<void>)> ready_;
  bool listed_ = false;  ///< the engine has listed the running containers
  bool lost_ = false;
  std::string trouble_ = "it doesn't answer yet";  ///< while it is lost or hasn't told
  bool cleaned_up_ = false;
  /// What a dead nxgate may have left in namespaces of the engine stays until they are known to
  /// need no attachment.
  std::map<std::uint64_t, sys::NetnsRef> maybe_stale_;
  /// Namespaces of the engine that nothing holds, and since when.
  struct Unknown {
    sys::NetnsRef netns;
    Instant since;
  };
  std::map<std::uint64_t, Unknown> unknown_;
};

}  // namespace nxgate::attach
