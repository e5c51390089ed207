#include "docker/netns_watch.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <fmt/core.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "sys/descriptor.h"
#include "sys/netns.h"

namespace nxgate::docker {

namespace asio = boost::asio;
namespace fs = std::filesystem;

namespace {

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);
constexpr const char* kUsualExecRoot = "/var/run/docker";
constexpr std::string_view kExecRoot = "--exec-root";
constexpr std::string_view kHost = "default";  ///< the engine's own namespace
constexpr std::size_t kIdLength = 64;
/// The file comes first, the namespace is mounted on it a moment later.
constexpr Milliseconds kPoll{1};
constexpr int kMostPolls = 2000;

std::string contents(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The last run of 64 hexadecimal digits, as all cgroup layouts of the engine have it.
std::optional<std::string> container_id_in(std::string_view cgroups) {
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  std::size_t end = cgroups.size();
  while (end > 0) {
    while (end > 0 && !is_digit(cgroups[end - 1])) --end;
    std::size_t begin = end;
    while (begin > 0 && is_digit(cgroups[begin - 1])) --begin;
    if (end - begin == kIdLength) return std::string(cgroups.substr(begin, kIdLength));
    end = begin;
  }
  return std::nullopt;
}

/// The value of --exec-root among the words of a command line, which end in zero bytes.
std::string exec_root_in(const std::string& command_line) {
  std::vector<std::string_view> words;
  std::string_view rest = command_line;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\0'), rest.size());
    words.push_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (!words[i].starts_with(kExecRoot)) continue;
    const std::string_view value = words[i].substr(kExecRoot.size());
    if (value.starts_with('=')) return std::string(value.substr(1));
    if (value.empty() && i + 1 < words.size()) return std::string(words[i + 1]);
  }
  return kUsualExecRoot;
}

/// Of this process, or of another.
std::string mount_namespace(const std::string& process) {
  std::error_code error;
  return fs::read_symlink("/proc/" + process + "/ns/mnt", error);
}

}  // namespace

std::map<std::uint64_t, Occupant> find_occupants(const std::set<std::uint64_t>& namespaces) {
  std::map<std::uint64_t, Occupant> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    const auto [end, wrong] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (wrong != std::errc{}) continue;
    const auto identity = sys::NetnsRef("pid:" + name).identity();
    if (!identity || !namespaces.contains(*identity)) continue;
    const auto known = found.find(*identity);
    if (known != found.end() && known->second.pid < pid) continue;
    if (auto id = container_id_in(contents("/proc/" + name + "/cgroup"))) {
      found.insert_or_assign(*identity, Occupant{pid, *std::move(id)});
    }
  }
  return found;
}

pid_t engine_process(const std::string& socket) {
  const sys::Descriptor client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (!client || socket.size() >= sizeof address.sun_path) return 0;
  std::ranges::copy(socket, std::begin(address.sun_path));
  if (::connect(client.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return 0;
  ucred peer{};
  socklen_t length = sizeof peer;
  const bool known = ::getsockopt(client.get(), SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0;
  return known ? peer.pid : 0;
}

std::string netns_directory(const std::string& socket) {
  const std::string usual = fmt::format("{}/netns", kUsualExecRoot);
  const pid_t pid = engine_process(socket);
  const std::string process = std::to_string(pid);
  if (pid == 0 || !contents("/proc/" + process + "/comm").starts_with("dockerd")) return usual;
  const std::string directory = exec_root_in(contents("/proc/" + process + "/cmdline")) + "/netns";
  const bool elsewhere = mount_namespace(process) != mount_namespace("self");
  return elsewhere ? "/proc/" + process + "/root" + directory : directory;
}

class NetnsWatch::State : public std::enable_shared_from_this<State> {
 public:
  State(asio::io_context& loop, std::string directory,
        std::function<void(const std::string&)> appeared)
      : loop_(loop),
        directory_(std::move(directory)),
        appeared_(std::move(appeared)),
        inotify_(loop) {}

  Result<void> start() {
    const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0) {
      return fail("cannot watch for namespaces: " + std::generic_category().message(errno));
    }
    inotify_.assign(fd);
    asio::co_spawn(loop_, run(shared_from_this()), asio::detached);
    return watch();
  }

  void stop() {
    stopped_ = true;
    boost::system::error_code ignored;
    inotify_.close(ignored);
  }

 private:
  static constexpr std::uint32_t kDirectoryOnly = IN_ONLYDIR | IN_CREATE;

  /// Watches the directory, or until it is there the one above it, in which it is made.
  Result<void> watch() {
    const int inotify = inotify_.native_handle();
    watch_ = ::inotify_add_watch(inotify, directory_.c_str(), kDirectoryOnly);
    if (watch_ >= 0) return {};
    const fs::path above = fs::path(directory_).parent_path();
    if (::inotify_add_watch(inotify, above.c_str(), kDirectoryOnly) >= 0) return {};
    return fail(
        fmt::format("cannot watch {}: {}", above.string(), std::generic_category().message(errno)));
  }

  static asio::awaitable<void> run(std::shared_ptr<State> self) {
    while (!self->stopped_) {
      const auto [error] =
          co_await self->inotify_.async_wait(asio::posix::stream_descriptor::wait_read, kNoThrow);
      if (error) co_return;
      self->read_events();
    }
  }

  void read_events() {
    alignas(inotify_event) std::array<char, 16384> buffer;
    ssize_t size = 0;
    while ((size = ::read(inotify_.native_handle(), buffer.data(), buffer.size())) > 0) {
      for (ssize_t at = 0; at < size;) {
        const auto* const event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
        at += static_cast<ssize_t>(sizeof *event + event->len);
        if ((event->mask & IN_CREATE) == 0 || event->len == 0) continue;
        if (event->wd == watch_) {
          await(event->name);
        } else if (watch_ < 0 && fs::path(directory_).filename() == event->name) {
          begin();
        }
      }
    }
  }

  /// The directory has just been made, and there may be something in it by now.
  void begin() {
    if (!watch() || watch_ < 0) return;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(directory_, error)) {
      await(entry.path().filename().string());
    }
  }

  void await(const std::string& name) {
    if (name == kHost) return;
    asio::co_spawn(loop_, await_mount(shared_from_this(), directory_ + '/' + name), asio::detached);
  }

  static asio::awaitable<void> await_mount(std::shared_ptr<State> self, std::string path) {
    const sys::NetnsRef netns(path);
    asio::steady_timer timer(self->loop_);
    for (int i = 0; i < kMostPolls && !self->stopped_; ++i) {
      if (netns.identity()) {
        self->appeared_(path);
        co_return;
      }
      timer.expires_after(kPoll);
      co_await timer.async_wait(kNoThrow);
    }
  }

  asio::io_context& loop_;
  std::string directory_;
  std::function<void(const std::string&)> appeared_;
  asio::posix::stream_descriptor inotify_;
  int watch_ = -1;
  bool stopped_ = false;
};

NetnsWatch::NetnsWatch(asio::io_context& loop, std::string directory,
                       std::function<void(const std::string&)> appeared)
    : state_(std::make_shared<State>(loop, std::move(directory), std::move(appeared))) {}

NetnsWatch::~NetnsWatch() { state_->stop(); }

Result<void> NetnsWatch::start() { return state_->start(); }

}  // namespace nxgate::docker
