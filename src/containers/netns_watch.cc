#include "containers/netns_watch.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>
#include <sys/inotify.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/no_throw.h"
#include "sys/descriptor.h"
#include "sys/file.h"
#include "sys/netns.h"

namespace nxgate::containers {

namespace asio = boost::asio;

namespace {

constexpr std::uint32_t kWatched = IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM |
                                   IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
constexpr std::uint32_t kDirectoryGone = IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED;
/// The mount follows the file after 0.6 ms where it was measured.
constexpr Milliseconds kMountPoll{1};
constexpr Seconds kLongestMount{2};
constexpr std::size_t kEventBytes = 16384;
/// The engine's own namespace, which containers with `--network host` have.
constexpr std::string_view kOwnNamespace = "default";

std::set<std::string> names_in(const std::string& directory) {
  std::set<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    names.insert(entry->path().filename());
  }
  return names;
}

}  // namespace

/// Shared by the coroutines, which may outlive the NetnsWatch until they notice.
class NetnsWatch::State : public std::enable_shared_from_this<NetnsWatch::State> {
 public:
  State(asio::io_context& loop, std::string directory,
        std::function<void(const std::string& path)> appeared, sys::Descriptor inotify)
      : loop_(loop),
        directory_(std::move(directory)),
        appeared_(std::move(appeared)),
        given_(std::move(inotify)),
        inotify_(loop) {}

  Result<void> start();
  void stop();

 private:
  static asio::awaitable<void> run(std::shared_ptr<State> self);
  static asio::awaitable<void> await_mount(std::shared_ptr<State> self, std::string path);

  void take(const std::byte* events, std::size_t size);
  void take(const inotify_event& event, const std::string& name);
  void attach();
  void watch(const std::string& directory);
  void find_new();
  void follow(const std::string& name);

  asio::io_context& loop_;
  std::string directory_;
  std::function<void(const std::string& path)> appeared_;
  sys::Descriptor given_;  ///< until it is `inotify_`
  asio::posix::stream_descriptor inotify_;
  bool stopped_ = false;

  int watch_ = -1;               ///< of the directory, or of the nearest above it that exists
  bool attached_ = false;        ///< it is the directory itself
  std::set<std::string> known_;  ///< names in the directory that were there or were followed
};

Result<void> NetnsWatch::State::start() {
  if (!inotify_.is_open()) {
    if (!given_) given_ = open_inotify();
    if (!given_) {
      return fail(std::string("cannot watch for container namespaces: ") +
                  ::strerrordesc_np(errno) + "; see fs.inotify.max_user_instances");
    }
    boost::system::error_code error;
    inotify_.assign(given_.get(), error);
    if (error) {
      return fail("cannot watch for container namespaces: " + error.message() +
                  "; see fs.epoll.max_user_watches");
    }
    (void)given_.release();
  }
  known_ = names_in(directory_);
  attach();
  if (watch_ < 0) {
    return fail("cannot watch " + directory_ +
                " for container namespaces: no permission, or see fs.inotify.max_user_watches");
  }
  asio::co_spawn(loop_, run(shared_from_this()), asio::detached);
  return {};
}

void NetnsWatch::State::stop() {
  stopped_ = true;
  boost::system::error_code ignored;
  inotify_.close(ignored);
}

asio::awaitable<void> NetnsWatch::State::run(std::shared_ptr<State> self) {
  alignas(inotify_event) std::array<std::byte, kEventBytes> events;
  const auto room = asio::buffer(events);
  while (!self->stopped_) {
    const auto [error, size] = co_await self->inotify_.async_read_some(room, kNoThrow);
    if (error || self->stopped_) break;
    self->take(events.data(), size);
  }
}

void NetnsWatch::State::take(const std::byte* events, std::size_t size) {
  for (std::size_t at = 0; at + sizeof(inotify_event) <= size && !stopped_;) {
    const auto* event = reinterpret_cast<const inotify_event*>(events + at);
    const std::string name = event->len > 0 ? event->name : "";
    take(*event, name);
    at += sizeof(inotify_event) + event->len;
  }
}

void NetnsWatch::State::take(const inotify_event& event, const std::string& name) {
  if ((event.mask & IN_Q_OVERFLOW) != 0) {
    attach();
    return;
  }
  if (event.wd != watch_) return;  // of a watch that was given up
  if (!attached_ || (event.mask & kDirectoryGone) != 0) {
    attach();
  } else if ((event.mask & (IN_CREATE | IN_MOVED_TO)) != 0) {
    follow(name);
  } else if ((event.mask & (IN_DELETE | IN_MOVED_FROM)) != 0) {
    known_.erase(name);
  }
}

/// Watches the directory, or the nearest one above it that exists: its creation is an event there.
void NetnsWatch::State::attach() {
  std::filesystem::path nearest;
  do {
    nearest = sys::nearest_directory(directory_);
    watch(nearest);
    // What came between the look and the watch would be waited for in vain.
  } while (nearest != sys::nearest_directory(directory_));
  attached_ = nearest == directory_;
  if (attached_) find_new();
}

void NetnsWatch::State::watch(const std::string& directory) {
  const int before = watch_;
  watch_ = ::inotify_add_watch(inotify_.native_handle(), directory.c_str(), kWatched);
  if (before < 0 || before == watch_) return;
  (void)::inotify_rm_watch(inotify_.native_handle(), before);
  known_.clear();
}

void NetnsWatch::State::find_new() {
  for (const std::string& name : names_in(directory_)) follow(name);
}

void NetnsWatch::State::follow(const std::string& name) {
  if (name == kOwnNamespace || !known_.insert(name).second) return;
  const std::string path = directory_ + "/" + name;
  asio::co_spawn(loop_, await_mount(shared_from_this(), path), asio::detached);
}

/// The file comes first and the mount a moment later, of which inotify tells nothing.
asio::awaitable<void> NetnsWatch::State::await_mount(std::shared_ptr<State> self,
                                                     std::string path) {
  asio::steady_timer timer(self->loop_);
  const Instant end = Clock::now() + kLongestMount;
  while (!self->stopped_ && Clock::now() < end) {
    if (sys::NetnsRef(path).identity()) {
      self->appeared_(path);
      break;
    }
    timer.expires_after(kMountPoll);
    co_await timer.async_wait(kNoThrow);
  }
}

NetnsWatch::NetnsWatch(asio::io_context& loop, std::string directory,
                       std::function<void(const std::string& path)> appeared,
                       sys::Descriptor inotify)
    : state_(std::make_shared<State>(loop, std::move(directory), std::move(appeared),
                                     std::move(inotify))) {}

NetnsWatch::~NetnsWatch() { state_->stop(); }

sys::Descriptor NetnsWatch::open_inotify() noexcept {
  return sys::Descriptor(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
}

Result<void> NetnsWatch::start() { return state_->start(); }

}  // namespace nxgate::containers
