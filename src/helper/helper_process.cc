#include "helper/helper_process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <expected>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/core.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "helper/confinement.h"
#include "helper/helper_protocol.h"
#include "helper/message_channel.h"
#include "helper/named_containers.h"
#include "helper/netlink_check.h"
#include "helper/numbered_sockets.h"
#include "helper/our_tables.h"
#include "helper/reach.h"
#include "sys/descriptor.h"
#include "sys/inherited.h"
#include "sys/netlink.h"
#include "sys/netns.h"
#include "sys/onward_socket.h"
#include "sys/privileges.h"
#include "sys/socket.h"
#include "sys/socket_owner.h"
#include "sys/xdp_queue.h"

namespace nxgate::helper {
namespace {

struct Answer {
  Reply reply;
  std::string text{};
  std::vector<sys::Descriptor> descriptors{};
};

constexpr Milliseconds kBetweenLooks{500};

/// What was asked, whole.
struct Question {
  Request request;
  std::vector<std::uint8_t> behind;
};

/// What all threads work with.
struct HelperState {
  ReachCheck bounds;
  NamedContainers containers;
  NumberedSockets sockets{};
};

Answer answer_of(std::uint64_t number, sys::Descriptor opened) {
  Answer answer{.reply = {.number = number}};
  answer.descriptors.push_back(std::move(opened));
  return answer;
}

Answer answer_with(Result<sys::Descriptor> opened) {
  if (!opened) return {.reply = {.error = EINVAL}, .text = opened.error().message};
  return answer_of(0, *std::move(opened));
}

Answer answer_with(std::expected<sys::Descriptor, std::error_code> opened) {
  if (!opened) return {.reply = {.error = opened.error().value()}};
  return answer_of(0, *std::move(opened));
}

Answer answer_with(std::expected<std::vector<sys::Descriptor>, std::error_code> opened) {
  if (!opened) return {.reply = {.error = opened.error().value()}};
  return {.reply = {}, .text = {}, .descriptors = *std::move(opened)};
}

Answer identify(const sys::NetnsRef& netns) {
  const auto identity = netns.identity();
  return {.reply = {.error = identity ? 0 : ENOENT, .number = identity.value_or(0)}};
}

Answer find_process(const Request& request, const sys::NetnsRef& netns) {
  auto seen = sys::find_by_peer(netns, request.protocol, request.endpoint.get());
  if (!seen) return {.reply = {.error = ENOENT}};
  return {.reply = {.number = static_cast<std::uint64_t>(seen->pid)},
          .text = std::move(seen->name)};
}

Answer open(NumberedSockets& sockets, int protocol, const sys::NetnsRef& netns) {
  auto opened = sys::open_netlink(protocol, netns);
  if (!opened) return {.reply = {.error = EINVAL}, .text = opened.error().message};
  sys::Descriptor theirs(::fcntl(opened->get(), F_DUPFD_CLOEXEC, 0));
  if (!theirs) {
    const int error = errno;
    return {.reply = {.error = error}, .text = std::generic_category().message(error)};
  }
  const Place place = netns.own() ? Place::kHost : Place::kAttached;
  const std::uint64_t number =
      sockets.add({.socket = *std::move(opened), .protocol = protocol, .place = place});
  return answer_of(number, std::move(theirs));
}

Answer send(const NumberedSockets& sockets, std::uint64_t number, Bytes messages) {
  const auto known = sockets.find(number);
  if (!known || !changes_only_ours(known->protocol, known->place, messages)) {
    return {.reply = {.error = EPERM}};
  }
  return {.reply = {.error = sys::send_netlink(known->socket, messages).value()}};
}

Answer attach(ReachCheck& bounds, std::uint64_t identity) {
  auto done = bounds.attach(identity);
  if (!done) return {.reply = {.error = EPERM}, .text = done.error().message};
  return {};
}

sys::ListenAddress address_in(const Request& request, const sys::NetnsRef& netns) {
  return {request.endpoint.get(), request.interface.get(), netns, request.freebind != 0};
}

RemoteEndpoint server_in(const Request& request) {
  RemoteEndpoint server = request.endpoint.get();
  server.zone = request.interface.get();
  return server;
}

/// Whether it is within what was agreed at start.
bool is_agreed(const ReachCheck& bounds, const Request& request, const sys::NetnsRef& netns) {
  switch (request.task) {
    case Task::kNone:
      return false;
    case Task::kSend:  // for its socket and its messages speak for themselves
    case Task::kClose:
    case Task::kAttach:
    case Task::kDetach:
    case Task::kPing:
      return true;
    case Task::kListener:
      return bounds.may_listen(address_in(request, netns));
    case Task::kUpstream:
      return bounds.may_ask_upstreams_in(netns);
    case Task::kInterface:
    case Task::kIdentity:
    case Task::kNamespace:
      return bounds.may_look_at(netns);
    case Task::kNetlink:
      return is_netlink_of_ours(request.protocol) && bounds.may_change(netns);
    case Task::kSockets:
    case Task::kProcess:
    case Task::kQueue:
      return bounds.may_change(netns);
  }
  return false;
}

/// By its identity if it has to be attached, else by its name.
std::optional<sys::NetnsRef> namespace_of(const ReachCheck& bounds, const Question& question) {
  const Request& request = question.request;
  if (request.netns == 0 || request.task == Task::kAttach || request.task == Task::kDetach) {
    return sys::NetnsRef(text_in(question.behind));
  }
  return bounds.attached(request.netns);
}

Answer perform(HelperState& state, const Question& question) {
  ReachCheck& bounds = state.bounds;
  const Request& request = question.request;
  if (request.task == Task::kSend) return send(state.sockets, request.socket, question.behind);
  const std::optional<sys::NetnsRef> found = namespace_of(bounds, question);
  if (!found) return {.reply = {.error = EPERM}, .text = "the namespace isn't attached"};
  if (!is_agreed(bounds, request, *found)) {
    return {.reply = {.error = EPERM},
            .text = fmt::format(
                "{}: the helper process was not told about this at start; restart nxgate",
                found->own() ? "a request" : found->text())};
  }
  const auto there = state.containers.at(*found);
  if (!there) return {.reply = {.error = ENETUNREACH}, .text = there.error().message};
  const sys::NetnsRef& netns = *there;
  switch (request.task) {
    case Task::kNone:
    case Task::kSend:
      break;
    case Task::kListener:
      return answer_with(
          sys::open_listener(request.kind, address_in(request, netns), request.sharing));
    case Task::kUpstream:
      return answer_with(sys::open_upstream_socket(request.kind, server_in(request), netns));
    case Task::kSockets:
      return answer_with(sys::open_sockets(request.kind, request.family, request.count, netns));
    case Task::kInterface:
      return {.reply = {.number = sys::interface_index(request.interface.get(), netns)}};
    case Task::kIdentity:
      return identify(netns);
    case Task::kNamespace:
      return answer_with(netns.open());
    case Task::kNetlink:
      return open(state.sockets, request.protocol, netns);
    case Task::kClose:
      state.sockets.remove(request.socket);
      return {};
    case Task::kProcess:
      return find_process(request, netns);
    case Task::kAttach:
      return attach(bounds, request.netns);
    case Task::kDetach:
      bounds.detach(request.netns);
      return {};
    case Task::kQueue:
      return answer_with(sys::hold_queue(netns, request.queue));
    case Task::kPing:
      return {};
  }
  return {.reply = {.error = EINVAL}};
}

/// Nothing if the server is gone, or doesn't keep to what is agreed.
std::optional<Question> next_question(const MessageChannel& channel) {
  std::array<std::uint8_t, kLargestPiece> room;
  MutableBytes piece = room;
  Question question;
  const auto request = channel.receive<Request>(&piece);
  const std::size_t most =
      request && request->task == Task::kSend ? sys::kLargestBatch : kLongestName;
  if (!request || piece.size() > most || request->more > most - piece.size()) return std::nullopt;
  question.request = *request;
  std::size_t left = request->more;
  question.behind.reserve(piece.size() + left);
  question.behind.assign(piece.begin(), piece.end());
  while (left > 0) {
    piece = room;
    if (!channel.receive<Continuation>(&piece) || piece.empty() || piece.size() > left) {
      return std::nullopt;
    }
    question.behind.insert(question.behind.end(), piece.begin(), piece.end());
    left -= piece.size();
  }
  return question;
}

/// False if the server is gone. What can't be sent now, as a descriptor while too many are on their
/// way, is told as an error.
bool reply(const MessageChannel& channel, const Answer& answer) {
  const Bytes text = bytes_in(answer.text);
  const std::error_code unsent = channel.send(
      answer.reply, text.first(std::min(text.size(), kLongestText)), answer.descriptors);
  if (!sys::is_local_lack(unsent.value())) return !unsent;
  const std::string why =
      fmt::format("the helper process cannot hand over what it opened: {}{}", unsent.message(),
                  unsent.value() == ETOOMANYREFS
                      ? fmt::format("; a program of user {} has too many descriptors on their "
                                    "way to others (SCM_RIGHTS)",
                                    ::geteuid())
                      : "");
  const Reply refusal{.error = unsent.value(), .number = answer.reply.number};
  return !send_once_there_is_room([&] { return channel.send(refusal, bytes_in(why)); });
}

[[noreturn]] void serve(const MessageChannel& channel, HelperState& state) {
  while (const auto question = next_question(channel)) {
    if (!reply(channel, perform(state, *question))) break;
  }
  ::_exit(0);
}

/// The permissions that follow the start; nothing if the server is gone.
std::optional<Reach> receive_permissions(const MessageChannel& channel, const StartRequest& start) {
  Reach reach{.host_rules = start.host_rules};
  for (std::uint32_t i = 0; i < start.permissions; ++i) {
    std::array<std::uint8_t, kLongestName> room;
    MutableBytes behind = room;
    const auto permission = channel.receive<Permission>(&behind);
    if (!permission) return std::nullopt;
    std::string name = text_in(behind);
    switch (permission->kind) {
      case Permission::Kind::kListener:
        reach.listeners.push_back({permission->endpoint.get(), permission->interface.get(),
                                   sys::NetnsRef(name), permission->freebind});
        break;
      case Permission::Kind::kUpstreams:
        reach.upstream_namespaces.push_back(std::move(name));
        break;
      case Permission::Kind::kAttachable:
        reach.attachable.push_back(std::move(name));
        break;
      case Permission::Kind::kEngine:
        reach.engine = std::move(name);
        break;
      case Permission::Kind::kContainer:
        reach.containers.push_back(std::move(name));
        break;
      case Permission::Kind::kContainersEngine:
        reach.containers_engine = std::move(name);
        break;
    }
  }
  return reach;
}

/// It keeps open what is attached.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

/// The user namespace first: there it has every right, also to enter the other.
Result<void> enter(pid_t process) {
  if (process == 0) return {};
  for (const auto& [kind, name] : {std::pair(CLONE_NEWUSER, "user"), {CLONE_NEWNET, "net"}}) {
    const std::string path = fmt::format("/proc/{}/ns/{}", process, name);
    const sys::Descriptor there(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (there && ::setns(there.get(), kind) == 0) continue;
    return fail(fmt::format("cannot enter {}: {}", path, std::generic_category().message(errno)));
  }
  return {};
}

}  // namespace

void run_helper(Channels channels, EngineAccess engine) {
  // Standard error is where a crash is reported.
  sys::close_all_but(
      {STDERR_FILENO, channels.fast.descriptor().get(), channels.slow.descriptor().get()});
  raise_descriptor_limit();
  ::prctl(PR_SET_NAME, "nxgate-helper");
  // What a terminal sends to all of its processes ends nxgate, whose end is ours.
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2}) {
    std::signal(signal, SIG_IGN);
  }
  // Each queue that is held takes a page of it. Without the right to it the usual bound stays.
  const rlimit without_bound{RLIM_INFINITY, RLIM_INFINITY};
  (void)::setrlimit(RLIMIT_MEMLOCK, &without_bound);
  const auto start = channels.fast.receive<StartRequest>();
  if (!start) ::_exit(0);
  auto reach = receive_permissions(channels.fast, *start);
  if (!reach) ::_exit(0);
  HelperState state{.bounds = ReachCheck(engine.directory), .containers = NamedContainers(engine)};
  state.containers.agree(*reach);
  state.bounds.agree(*std::move(reach));
  Result<void> ready = enter(start->inside);
  if (ready) ready = sys::drop_privileges(start->user.get(), start->keep);
  // Each thread is confined for itself, since a confined one starts no other.
  const auto confine = [&] {
    const Reach& agreed = state.bounds.reach();
    return confine_helper(start->confinement, start->keep,
                          !agreed.engine.empty() || !agreed.containers_engine.empty());
  };
  std::thread slow;
  std::thread looking;
  if (ready) {
    try {
      slow = std::thread([&] {
        if (!confine()) ::_exit(0);
        serve(channels.slow, state);
      });
      // No request waits for an engine.
      if (state.containers.any()) {
        looking = std::thread([&] {
          if (!confine()) ::_exit(0);
          for (;; std::this_thread::sleep_for(kBetweenLooks)) state.containers.look(state.bounds);
        });
      }
      ready = confine();
    } catch (const std::system_error& error) {
      ready = fail(fmt::format("cannot start a thread: {}; see `ulimit -u`", error.what()));
    }
  }
  Answer first;
  if (!ready) first = {.reply = {.error = EPERM}, .text = ready.error().message};
  if (!reply(channels.fast, first) || !ready) ::_exit(0);
  serve(channels.fast, state);
}

}  // namespace nxgate::helper
