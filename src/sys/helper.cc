#include "sys/helper.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <net/if.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/address.h"
#include "base/error.h"
#include "base/log.h"
#include "sys/confinement.h"
#include "sys/descriptor.h"
#include "sys/message_channel.h"
#include "sys/netns.h"
#include "sys/privileges.h"
#include "sys/socket.h"

namespace nxgate::sys {
namespace {

const Helper* in_charge = nullptr;

/// A text in a message. What doesn't fit is cut off.
template <std::size_t kSize>
class Text {
 public:
  Text() = default;
  explicit Text(std::string_view text) noexcept {
    std::ranges::copy(text.substr(0, kSize), text_.begin());
  }
  [[nodiscard]] static constexpr bool fits(std::string_view text) { return text.size() <= kSize; }
  [[nodiscard]] std::string get() const { return {text_.data(), ::strnlen(text_.data(), kSize)}; }

 private:
  std::array<char, kSize> text_{};
};

using Message = Text<1024>;
using UserName = Text<256>;
using NamespaceName = Text<1024>;
using InterfaceName = Text<IFNAMSIZ>;

/// The first message: whom to become.
struct Employment {
  UserName user;
  KeptCapabilities keep;
  Confinement confinement;
};

enum class Task : std::uint8_t { kNone = 0, kListener, kUpstream, kInterface, kIdentity };

/// An endpoint in a message.
struct PlainEndpoint {
  PlainEndpoint() = default;
  explicit PlainEndpoint(const Endpoint& endpoint) noexcept
      : length(static_cast<std::uint8_t>(endpoint.address.bytes().size())), port(endpoint.port) {
    std::ranges::copy(endpoint.address.bytes(), address.begin());
  }
  [[nodiscard]] Endpoint get() const noexcept {
    const Bytes bytes(address.data(), std::min<std::size_t>(length, address.size()));
    return {IpAddress::from_bytes(bytes).value_or(IpAddress()), port};
  }

  std::array<std::uint8_t, 16> address{};
  std::uint8_t length = 0;
  std::uint16_t port = 0;
};

/// All but standard error, where a crash is reported.
void close_all_but(const MessageChannel& channel) {
  const auto ours = static_cast<unsigned>(channel.descriptor().get());
  (void)::close_range(0, STDERR_FILENO - 1, 0);
  if (ours > STDERR_FILENO + 1) (void)::close_range(STDERR_FILENO + 1, ours - 1, 0);
  (void)::close_range(ours + 1, ~0U, 0);
}

}  // namespace

/// What a task doesn't need is empty. Of types whose every value is one, since an intruder may send
/// anything.
struct Helper::Request {
  Task task = Task::kNone;
  SocketKind kind = SocketKind::kUdp;
  Sharing sharing = Sharing::kWorkers;
  std::uint8_t freebind = 0;
  PlainEndpoint endpoint;
  InterfaceName interface;
  NamespaceName netns;  ///< a pinned one comes as a descriptor, too
};

struct Helper::Reply {
  int error = 0;  ///< errno
  Message message;
  std::uint64_t number = 0;
};

struct Helper::Answer {
  Reply reply;
  Descriptor socket;
};

Result<std::unique_ptr<Helper>> Helper::start() {
  auto ends = MessageChannel::pair();
  if (!ends) return std::unexpected(ends.error());
  auto& [ours, its] = *ends;
  const pid_t child = ::fork();
  if (child < 0) {
    return fail("cannot start the helper process: " + std::generic_category().message(errno));
  }
  if (child == 0) work(its);
  return std::unique_ptr<Helper>(new Helper(child, std::move(ours)));
}

Helper::~Helper() {
  if (in_charge == this) in_charge = nullptr;
  channel_.close();
  (void)::waitpid(pid_, nullptr, 0);
}

Result<void> Helper::employ(const std::string& user, const KeptCapabilities& keep,
                            Confinement confinement) {
  const Employment employment{UserName(user), keep, confinement};
  const auto reply = channel_.send(employment) ? channel_.receive<Reply>() : std::nullopt;
  if (!reply) return fail("the helper process ended before it began; see above for why");
  if (reply->error != 0) return fail("the helper process: " + reply->message.get());
  in_charge = this;
  return {};
}

const Helper* Helper::employed() noexcept { return in_charge; }

Helper::Answer Helper::ask(Request request, const NetnsRef& netns) const {
  constexpr std::string_view kTooLong = "no network namespace has such a long name";
  constexpr std::string_view kGone = "the helper process is gone; restart nxgate";
  if (!NamespaceName::fits(netns.text())) {
    return {.reply = {.error = ENAMETOOLONG, .message = Message(kTooLong)}};
  }
  request.netns = NamespaceName(netns.text());
  const std::scoped_lock lock(turn_);
  Descriptor socket;
  const auto reply =
      channel_.send(request, netns.held()) ? channel_.receive<Reply>(&socket) : std::nullopt;
  if (reply) return {*reply, std::move(socket)};
  log::repeated("helper", std::string(kGone));
  return {.reply = {.error = EPIPE, .message = Message(kGone)}};
}

Result<Descriptor> Helper::open_listener(SocketKind kind, const ListenAddress& at,
                                         Sharing sharing) const {
  if (!InterfaceName::fits(at.interface)) return fail("no interface has such a long name");
  Answer answer = ask({.task = Task::kListener,
                       .kind = kind,
                       .sharing = sharing,
                       .freebind = at.freebind,
                       .endpoint = PlainEndpoint(at.endpoint),
                       .interface = InterfaceName(at.interface)},
                      at.netns);
  if (!answer.socket) return fail(answer.reply.message.get());
  return std::move(answer.socket);
}

std::expected<Descriptor, std::error_code> Helper::open_upstream_socket(
    SocketKind kind, const Endpoint& server, const NetnsRef& netns) const {
  Answer answer =
      ask({.task = Task::kUpstream, .kind = kind, .endpoint = PlainEndpoint(server)}, netns);
  if (!answer.socket) {
    return std::unexpected(std::error_code(answer.reply.error, std::system_category()));
  }
  return std::move(answer.socket);
}

unsigned Helper::interface_index(const std::string& name, const NetnsRef& netns) const {
  if (!InterfaceName::fits(name)) return 0;
  return static_cast<unsigned>(
      ask({.task = Task::kInterface, .interface = InterfaceName(name)}, netns).reply.number);
}

std::optional<std::uint64_t> Helper::identity(const NetnsRef& netns) const {
  const Reply reply = ask({.task = Task::kIdentity}, netns).reply;
  return reply.error == 0 ? std::optional(reply.number) : std::nullopt;
}

void Helper::work(const MessageChannel& channel) {
  close_all_but(channel);
  ::prctl(PR_SET_NAME, "nxgate-helper");
  // What a terminal sends to all of its processes ends nxgate, whose end is ours.
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2}) {
    std::signal(signal, SIG_IGN);
  }
  const auto employment = channel.receive<Employment>();
  if (!employment) ::_exit(0);
  Result<void> ready = drop_privileges(employment->user.get(), employment->keep);
  if (ready) ready = confine_helper(employment->confinement);
  Reply reply;
  if (!ready) reply = {.error = EPERM, .message = Message(ready.error().message)};
  if (!channel.send(reply) || !ready) ::_exit(0);
  for (;;) {
    Descriptor there;
    const auto request = channel.receive<Request>(&there);
    if (!request) ::_exit(0);
    const NetnsRef netns = there ? NetnsRef::of_descriptor(request->netns.get(), std::move(there))
                                 : NetnsRef(request->netns.get());
    const Answer answer = perform(*request, netns);
    if (!channel.send(answer.reply, &answer.socket)) ::_exit(0);
  }
}

Helper::Answer Helper::perform(const Request& request, const NetnsRef& netns) {
  Answer answer;
  switch (request.task) {
    case Task::kNone:
      answer.reply.error = EINVAL;
      break;
    case Task::kListener: {
      const ListenAddress at{request.endpoint.get(), request.interface.get(), netns,
                             request.freebind != 0};
      auto socket = sys::open_listener(request.kind, at, request.sharing);
      if (socket) {
        answer.socket = *std::move(socket);
      } else {
        answer.reply = {.error = EINVAL, .message = Message(socket.error().message)};
      }
      break;
    }
    case Task::kUpstream: {
      auto socket = sys::open_upstream_socket(request.kind, request.endpoint.get(), netns);
      if (socket) {
        answer.socket = *std::move(socket);
      } else {
        answer.reply.error = socket.error().value();
      }
      break;
    }
    case Task::kInterface:
      answer.reply.number = sys::interface_index(request.interface.get(), netns);
      break;
    case Task::kIdentity: {
      const auto identity = netns.identity();
      answer.reply.error = identity ? 0 : ENOENT;
      answer.reply.number = identity.value_or(0);
      break;
    }
  }
  return answer;
}

}  // namespace nxgate::sys
