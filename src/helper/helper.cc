#include "helper/helper.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <sys/epoll.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/address.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "helper/confinement.h"
#include "helper/helper_process.h"
#include "helper/helper_protocol.h"
#include "helper/message_channel.h"
#include "helper/reach.h"
#include "sys/descriptor.h"
#include "sys/netlink.h"
#include "sys/netns.h"
#include "sys/privileges.h"
#include "sys/socket.h"
#include "sys/socket_owner.h"
#include "sys/xdp_queue.h"

namespace nxgate::helper {
namespace {

/// A permission, and the name that stands behind it.
using NamedPermission = std::pair<Permission, std::string>;

std::vector<NamedPermission> permissions_of(const Reach& reach) {
  std::vector<NamedPermission> named;
  named.reserve(reach.listeners.size() + reach.upstream_namespaces.size());
  for (const sys::ListenAddress& at : reach.listeners) {
    named.emplace_back(Permission{.kind = Permission::Kind::kListener,
                                  .freebind = at.freebind,
                                  .endpoint = PlainEndpoint(at.endpoint),
                                  .interface = InterfaceName(at.interface)},
                       at.netns.text());
  }
  for (const std::string& name : reach.upstream_namespaces) {
    named.emplace_back(Permission{.kind = Permission::Kind::kUpstreams}, name);
  }
  for (const std::string& name : reach.attachable) {
    named.emplace_back(Permission{.kind = Permission::Kind::kAttachable}, name);
  }
  if (!reach.engine.empty()) {
    named.emplace_back(Permission{.kind = Permission::Kind::kEngine}, reach.engine);
  }
  for (const std::string& name : reach.containers) {
    named.emplace_back(Permission{.kind = Permission::Kind::kContainer}, name);
  }
  if (!reach.containers_engine.empty()) {
    named.emplace_back(Permission{.kind = Permission::Kind::kContainersEngine},
                       reach.containers_engine);
  }
  return named;
}

/// Of MessageChannel::kWait: how long nothing may come back. What a client waits for is 4 s, all
/// else 10 s, since long rules take the kernel seconds.
constexpr int kFastWaits = 8;
constexpr int kSlowWaits = 20;

/// An epoll that is readable once one of these has come to its end.
Result<sys::Descriptor> watch_for_end(const MessageChannel& fast, const MessageChannel& slow) {
  sys::Descriptor watch(::epoll_create1(EPOLL_CLOEXEC));
  for (const MessageChannel* const each : {&fast, &slow}) {
    epoll_event end{.events = EPOLLRDHUP, .data = {}};
    if (::epoll_ctl(watch.get(), EPOLL_CTL_ADD, each->descriptor().get(), &end) != 0) {
      const bool full = errno == ENOSPC;
      return fail(fmt::format("cannot watch the helper process: {}{}",
                              std::generic_category().message(errno),
                              full ? "; see fs.epoll.max_user_watches" : ""));
    }
  }
  return watch;
}

/// How the child ended, which stays to be waited for; nothing if it runs on.
std::optional<siginfo_t> end_of(pid_t child) noexcept {
  constexpr int kLooks = 200;
  constexpr timespec kPause{.tv_sec = 0, .tv_nsec = 1'000'000};
  for (int looks = 0; looks < kLooks; ++looks) {
    siginfo_t info{};
    const int done = ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT);
    if (done != 0) return std::nullopt;
    if (info.si_pid == child) return info;
    (void)::nanosleep(&kPause, nullptr);
  }
  return std::nullopt;
}

/// Sends the rest of a request that was begun, also if the kernel is short of memory for a while:
/// the next request would be taken for it.
std::error_code send_rest(const MessageChannel& channel, Bytes piece) {
  const std::error_code error =
      send_once_there_is_room([&] { return channel.send(Continuation(), piece); });
  return sys::is_local_lack(error.value()) ? std::make_error_code(std::errc::timed_out) : error;
}

/// One message, or as many as the bytes take. With an error of `is_local_lack` nothing was sent.
std::error_code send_whole(const MessageChannel& channel, Request& request, Bytes behind) {
  const auto next_piece = [&behind] {
    const Bytes piece = behind.first(std::min(behind.size(), kLargestPiece));
    behind = behind.subspan(piece.size());
    return piece;
  };
  const Bytes first = next_piece();
  request.more = static_cast<std::uint32_t>(behind.size());
  std::error_code error = channel.send(request, first);
  while (!error && !behind.empty()) error = send_rest(channel, next_piece());
  return error;
}

}  // namespace

struct Helper::Answer {
  Reply reply;
  std::string text;
  std::vector<sys::Descriptor> descriptors;

  /// The only one; none if it failed.
  [[nodiscard]] sys::Descriptor descriptor() {
    return descriptors.empty() ? sys::Descriptor() : std::move(descriptors.front());
  }
  [[nodiscard]] std::error_code error() const { return {reply.error, std::system_category()}; }
};

Helper::Helper(pid_t pid, Channels channels, sys::Descriptor gone) noexcept
    : pid_(pid),
      gone_(std::move(gone)),
      fast_{std::move(channels.fast)},
      slow_{std::move(channels.slow)} {}

Result<std::unique_ptr<Helper>> Helper::start(EngineAccess engine) {
  auto fast = MessageChannel::pair();
  if (!fast) return std::unexpected(fast.error());
  auto slow = MessageChannel::pair();
  if (!slow) return std::unexpected(slow.error());
  auto gone = watch_for_end(fast->first, slow->first);
  if (!gone) return std::unexpected(gone.error());
  const pid_t child = ::fork();
  if (child < 0) {
    return fail("cannot start the helper process: " + std::generic_category().message(errno));
  }
  if (child == 0) {
    run_helper({std::move(fast->second), std::move(slow->second)}, engine);
  }
  return std::unique_ptr<Helper>(
      new Helper(child, {std::move(fast->first), std::move(slow->first)}, *std::move(gone)));
}

Helper::~Helper() {
  reset_active();
  fast_.channel.close();
  slow_.channel.close();
  // One that hangs would have us wait without end.
  if (!end_of(pid_)) (void)::kill(pid_, SIGKILL);
  if (end_of(pid_)) (void)::waitpid(pid_, nullptr, WNOHANG);
}

std::string Helper::fate() const {
  const auto end = end_of(pid_);
  if (!end) return "did not answer in time";
  if (end->si_code == CLD_EXITED) return fmt::format("ended with status {}", end->si_status);
  const char* const signal = ::sigdescr_np(end->si_status);
  return fmt::format("was ended by signal {} ({})", end->si_status,
                     signal == nullptr ? "of no name" : signal);
}

Result<void> Helper::activate(const std::string& user, const sys::KeptCapabilities& keep,
                              Confinement confinement, const Reach& reach) {
  std::array<std::uint8_t, kLongestText> room;
  MutableBytes text = room;
  const std::vector<NamedPermission> named = permissions_of(reach);
  const StartRequest start{UserName(user), keep,
                           confinement,    reach.host_rules,
                           reach.inside,   static_cast<std::uint32_t>(named.size())};
  bool sent = !fast_.channel.send(start);
  for (const auto& [permission, name] : named) {
    if (name.size() > kLongestName) return fail("the name of the network namespace is too long");
    sent = sent && !fast_.channel.send(permission, bytes_in(name));
  }
  const auto reply = sent ? fast_.channel.receive<Reply>(&text) : std::nullopt;
  if (!reply) return fail("the helper process ended before it was ready; see above for the reason");
  if (reply->error != 0) return fail("the helper process: " + text_in(text));
  fast_.channel.give_up_after(kFastWaits);
  slow_.channel.give_up_after(kSlowWaits);
  set_active();
  return {};
}

Helper::Answer Helper::ask(const LockedChannel& via, const Request& request,
                           const sys::NetnsRef& netns) const {
  if (netns.held() != nullptr) {
    const auto identity = netns.identity();
    if (!identity) {
      return {
          .reply = {.error = ENOENT}, .text = "it is not a network namespace", .descriptors = {}};
    }
    Request pinned = request;
    pinned.netns = *identity;
    return exchange(via, pinned, {});
  }
  if (netns.text().size() > kLongestName) {
    return {.reply = {.error = ENAMETOOLONG},
            .text = "the name of the network namespace is too long",
            .descriptors = {}};
  }
  return exchange(via, request, bytes_in(netns.text()));
}

Helper::Answer Helper::exchange(const LockedChannel& via, const Request& request,
                                Bytes behind) const {
  const std::scoped_lock lock(via.mutex);
  return exchange_locked(via, request, behind);
}

Helper::Answer Helper::exchange_locked(const LockedChannel& via, Request request,
                                       Bytes behind) const {
  std::array<std::uint8_t, kLongestText> room;
  MutableBytes text = room;
  std::vector<sys::Descriptor> came;
  const std::error_code unsent = send_whole(via.channel, request, behind);
  if (sys::is_local_lack(unsent.value())) {
    std::string why = "the helper process can't be reached now: " + unsent.message();
    log::repeated("helper asked", why);
    return {.reply = {.error = unsent.value()}, .text = std::move(why), .descriptors = {}};
  }
  const auto reply = unsent ? std::nullopt : via.channel.receive<Reply>(&text, &came);
  if (reply && reply->error == 0 && came.empty() && gives_descriptor(request.task)) {
    return {.reply = {.error = EMFILE, .number = reply->number},
            .text = "too many open files; see `ulimit -n`",
            .descriptors = {}};
  }
  if (reply && reply->error == ETOOMANYREFS) log::repeated("helper answered", text_in(text));
  if (reply) return {*reply, text_in(text), std::move(came)};
  // A late answer must not be taken for that to the next request.
  fast_.channel.shut();
  slow_.channel.shut();
  constexpr const char* kGone = "the helper process has ended; restart nxgate";
  log::repeated("helper", kGone);
  return {.reply = {.error = EPIPE}, .text = kGone, .descriptors = {}};
}

Result<sys::Descriptor> Helper::open_listener(sys::SocketKind kind, const sys::ListenAddress& at,
                                              sys::Sharing sharing) const {
  if (!InterfaceName::fits(at.interface)) return fail("the interface name is too long");
  Answer answer = ask(slow_,
                      {.task = Task::kListener,
                       .kind = kind,
                       .sharing = sharing,
                       .freebind = at.freebind,
                       .endpoint = PlainEndpoint(at.endpoint),
                       .interface = InterfaceName(at.interface)},
                      at.netns);
  if (answer.descriptors.empty()) return fail(answer.text);
  return answer.descriptor();
}

std::expected<sys::Descriptor, std::error_code> Helper::open_upstream_socket(
    sys::SocketKind kind, const RemoteEndpoint& server, const sys::NetnsRef& netns) const {
  if (!InterfaceName::fits(server.zone)) {
    return std::unexpected(make_error_code(std::errc::no_such_device));
  }
  Answer answer = ask(fast_,
                      {.task = Task::kUpstream,
                       .kind = kind,
                       .endpoint = PlainEndpoint(server),
                       .interface = InterfaceName(server.zone)},
                      netns);
  if (answer.descriptors.empty()) {
    return std::unexpected(answer.error());
  }
  return answer.descriptor();
}

std::expected<std::vector<sys::Descriptor>, std::error_code> Helper::open_sockets(
    sys::SocketKind kind, sys::Family family, std::size_t count, const sys::NetnsRef& netns) const {
  Answer answer = ask(fast_,
                      {.task = Task::kSockets,
                       .kind = kind,
                       .family = family,
                       .count = static_cast<std::uint8_t>(std::min(count, sys::kMostSockets))},
                      netns);
  if (answer.descriptors.empty()) return std::unexpected(answer.error());
  return std::move(answer.descriptors);
}

unsigned Helper::interface_index(const std::string& name, const sys::NetnsRef& netns) const {
  if (!InterfaceName::fits(name)) return 0;
  const Request request{.task = Task::kInterface, .interface = InterfaceName(name)};
  return static_cast<unsigned>(ask(slow_, request, netns).reply.number);
}

std::optional<std::uint64_t> Helper::identity(const sys::NetnsRef& netns) const {
  const Reply reply = ask(slow_, {.task = Task::kIdentity}, netns).reply;
  return reply.error == 0 ? std::optional(reply.number) : std::nullopt;
}

Result<sys::Descriptor> Helper::open_namespace(const sys::NetnsRef& netns) const {
  Answer answer = ask(slow_, {.task = Task::kNamespace}, netns);
  if (answer.descriptors.empty()) return fail(answer.text);
  return answer.descriptor();
}

Result<sys::NetlinkSocket> Helper::open_netlink(int protocol, const sys::NetnsRef& netns) const {
  Answer answer =
      ask(slow_, {.task = Task::kNetlink, .protocol = static_cast<std::uint8_t>(protocol)}, netns);
  if (answer.descriptors.empty()) {
    close_netlink(answer.reply.number);
    return fail(answer.text);
  }
  return sys::NetlinkSocket(answer.descriptor(), answer.reply.number);
}

std::error_code Helper::send_netlink(std::uint64_t socket, Bytes messages,
                                     sys::Waiting waiting) const {
  const LockedChannel& via = waiting == sys::Waiting::kClient ? fast_ : slow_;
  const Request request{.task = Task::kSend, .socket = socket};
  return {exchange(via, request, messages).reply.error, std::system_category()};
}

void Helper::close_netlink(std::uint64_t socket) const {
  if (socket != 0) (void)exchange(slow_, {.task = Task::kClose, .socket = socket}, {});
}

Result<void> Helper::attach(const sys::NetnsRef& netns) const {
  const Answer answer = ask(slow_, {.task = Task::kAttach}, netns);
  return answer.reply.error == 0 ? Result<void>() : fail(answer.text);
}

void Helper::detach(const sys::NetnsRef& netns) const {
  (void)ask(slow_, {.task = Task::kDetach}, netns);
}

std::expected<sys::Descriptor, std::error_code> Helper::hold_queue(
    const sys::NetnsRef& netns, const sys::LinkQueue& which) const {
  Answer answer = ask(slow_, {.task = Task::kQueue, .queue = which}, netns);
  if (answer.descriptors.empty()) {
    return std::unexpected(answer.error());
  }
  return answer.descriptor();
}

void Helper::ping() const {
  for (const LockedChannel* const via : {&fast_, &slow_}) {
    const std::unique_lock lock(via->mutex, std::try_to_lock);
    if (lock) (void)exchange_locked(*via, {.task = Task::kPing}, {});
  }
}

std::optional<sys::ProcessSeen> Helper::find_by_peer(const sys::NetnsRef& netns,
                                                     std::uint8_t protocol,
                                                     const Endpoint& peer) const {
  const Answer answer =
      ask(slow_, {.task = Task::kProcess, .protocol = protocol, .endpoint = PlainEndpoint(peer)},
          netns);
  if (answer.reply.error != 0) return std::nullopt;
  return sys::ProcessSeen{static_cast<pid_t>(answer.reply.number), answer.text};
}

}  // namespace nxgate::helper
