// The protocol between a server and its helper.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include <net/if.h>
#include <sys/types.h>

#include "base/address.h"
#include "base/bytes.h"
#include "helper/confinement.h"
#include "helper/message_channel.h"
#include "sys/descriptor.h"
#include "sys/onward_socket.h"
#include "sys/privileges.h"
#include "sys/socket.h"
#include "sys/xdp_queue.h"

namespace nxgate::helper {

/// A short text in a message. What doesn't fit is cut off.
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

using UserName = Text<256>;
using InterfaceName = Text<IFNAMSIZ>;

[[nodiscard]] inline Bytes bytes_in(std::string_view text) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
[[nodiscard]] inline std::string text_in(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

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

/// The first message: the user to switch to, and the limits.
struct StartRequest {
  UserName user;
  sys::KeptCapabilities keep;
  Confinement confinement;
  bool host_rules;
  pid_t inside;               ///< Reach::inside
  std::uint32_t permissions;  ///< so many follow
};

/// A part of what was agreed (reach.h). Behind it stands the name of a namespace, of a container,
/// or of a socket.
struct Permission {
  enum class Kind : std::uint8_t {
    kListener = 0,
    kUpstreams,
    kAttachable,
    kEngine,
    kContainer,
    kContainersEngine,
  };

  Kind kind = Kind::kListener;
  bool freebind = false;
  PlainEndpoint endpoint;
  InterfaceName interface;
};

enum class Task : std::uint8_t {
  kNone = 0,
  kListener,
  kUpstream,
  kInterface,
  kIdentity,
  kNamespace,
  kNetlink,
  kSend,
  kProcess,
  kAttach,
  kDetach,
  kQueue,
  kPing,     ///< nothing, but to answer
  kClose,    ///< a socket of netlink
  kSockets,  ///< so many, neither bound nor connected
};

/// Whether descriptors come back, if all is well.
[[nodiscard]] constexpr bool gives_descriptor(Task task) noexcept {
  return task == Task::kListener || task == Task::kUpstream || task == Task::kSockets ||
         task == Task::kNamespace || task == Task::kNetlink || task == Task::kQueue;
}

/// What a task doesn't need is empty. Its types have only valid values, since an attacker may send
/// anything. Behind it stand the messages of kSend; of all others the name of the namespace, unless
/// `netns` says which one it is.
///
/// No descriptor comes with it: what the helper opened is known by a number. Linux counts those on
/// their way by user, also what a container sends as the server's, and refuses more than some.
struct Request {
  Task task = Task::kNone;
  sys::SocketKind kind = sys::SocketKind::kUdp;
  sys::Sharing sharing = sys::Sharing::kWorkers;
  sys::Family family = sys::Family::kIpv4;
  std::uint8_t count = 0;
  std::uint8_t freebind = 0;
  std::uint8_t protocol = 0;  ///< of netlink, or of IP
  PlainEndpoint endpoint;
  InterfaceName interface;
  sys::LinkQueue queue;
  std::uint64_t netns = 0;   ///< the identity of one to attach, or that is attached
  std::uint64_t socket = 0;  ///< of netlink, as the reply to kNetlink numbered it
  std::uint32_t more = 0;    ///< octets that stand behind it in further messages
};

/// Behind it stands a text: what went wrong, or a name.
struct Reply {
  int error = 0;             ///< errno
  std::uint64_t number = 0;  ///< of an interface, a process, a namespace (its identity), a socket
};

/// A message like this has what one alone can't hold.
struct Continuation {
  std::uint8_t nothing = 0;
};

static_assert(sys::kMostSockets <= MessageChannel::kMostDescriptors);
constexpr std::size_t kLongestName = 1024;
constexpr std::size_t kLongestText = 1024;
/// Behind one message: whatever the kernel can surely take at once.
constexpr std::size_t kLargestPiece = 32UL << 10;

/// Requests that no client waits for have their own channel, so that they may take long.
struct Channels {
  MessageChannel fast;
  MessageChannel slow;
};

}  // namespace nxgate::helper
