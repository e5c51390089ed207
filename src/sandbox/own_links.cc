#include "sandbox/own_links.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <net/if.h>
#include <sys/socket.h>
// The kernel's headers after those of libc, which define the same.
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#include "base/address.h"
#include "base/bytes.h"
#include "sandbox/step.h"
#include "sys/descriptor.h"

namespace nxgate::sandbox {
namespace {

constexpr std::string_view kLink = "nxgate0";
constexpr std::string_view kOtherEnd = "nxgate1";

/// One message of rtnetlink.
class Message {
 public:
  template <class Header>
  Message(std::uint16_t type, std::uint16_t flags, const Header& header) {
    append(nlmsghdr{.nlmsg_len = 0,
                    .nlmsg_type = type,
                    .nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags),
                    .nlmsg_seq = 0,
                    .nlmsg_pid = 0});
    append(header);
  }

  Message& put(std::uint16_t type, Bytes value) {
    const std::size_t at = begin(type);
    octets_.insert(octets_.end(), value.begin(), value.end());
    end(at);
    return *this;
  }
  Message& put(std::uint16_t type, std::string_view text) {
    const std::string ended(text);
    return put(type, Bytes(reinterpret_cast<const std::uint8_t*>(ended.c_str()), text.size() + 1));
  }
  Message& put(std::uint16_t type, std::uint32_t number) {
    std::array<std::uint8_t, sizeof number> octets{};
    std::memcpy(octets.data(), &number, sizeof number);
    return put(type, octets);
  }

  /// An attribute with others in it, up to `end` with what this returns.
  std::size_t begin(std::uint16_t type) {
    const std::size_t at = octets_.size();
    append(nlattr{.nla_len = 0, .nla_type = type});
    return at;
  }
  void end(std::size_t at) {
    const auto length = static_cast<std::uint16_t>(octets_.size() - at);
    std::memcpy(octets_.data() + at, &length, sizeof length);
    octets_.resize(NLA_ALIGN(octets_.size()));
  }
  template <class Header>
  void append(const Header& header) {
    const auto* const first = reinterpret_cast<const std::uint8_t*>(&header);
    octets_.insert(octets_.end(), first, first + sizeof header);
    octets_.resize(NLA_ALIGN(octets_.size()));
  }

  [[nodiscard]] std::span<const std::uint8_t> finish() {
    const auto length = static_cast<std::uint32_t>(octets_.size());
    std::memcpy(octets_.data(), &length, sizeof length);
    return octets_;
  }

 private:
  std::vector<std::uint8_t> octets_;
};

/// False with an errno.
bool ask(const sys::Descriptor& socket, Message& message) {
  const auto octets = message.finish();
  if (::send(socket.get(), octets.data(), octets.size(), 0) < 0) return false;
  alignas(nlmsghdr) std::array<std::uint8_t, 4096> answer{};
  const ssize_t size = ::recv(socket.get(), answer.data(), answer.size(), 0);
  if (size < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(nlmsgerr)))) {
    if (size >= 0) errno = EPROTO;
    return false;
  }
  nlmsgerr said{};
  std::memcpy(&said, answer.data() + NLMSG_HDRLEN, sizeof said);
  errno = -said.error;
  return said.error == 0;
}

bool make_pair(const sys::Descriptor& socket) {
  Message message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ifinfomsg{});
  message.put(IFLA_IFNAME, kLink);
  const std::size_t info = message.begin(IFLA_LINKINFO | NLA_F_NESTED);
  message.put(IFLA_INFO_KIND, "veth");
  const std::size_t data = message.begin(IFLA_INFO_DATA | NLA_F_NESTED);
  const std::size_t peer = message.begin(VETH_INFO_PEER | NLA_F_NESTED);
  message.append(ifinfomsg{});
  message.put(IFLA_IFNAME, kOtherEnd);
  message.end(peer);
  message.end(data);
  message.end(info);
  return ask(socket, message);
}

bool bring_up(const sys::Descriptor& socket, unsigned index) {
  ifinfomsg header{};
  header.ifi_index = static_cast<int>(index);
  header.ifi_flags = IFF_UP;
  header.ifi_change = IFF_UP;
  Message message(RTM_NEWLINK, 0, header);
  return ask(socket, message);
}

bool add_address(const sys::Descriptor& socket, unsigned index, const IpAddress& address) {
  ifaddrmsg header{};
  header.ifa_family = address.is_v4() ? AF_INET : AF_INET6;
  header.ifa_prefixlen = static_cast<std::uint8_t>(8 * address.bytes().size());
  header.ifa_flags = IFA_F_NODAD;
  header.ifa_index = index;
  Message message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, header);
  message.put(IFA_LOCAL, address.bytes()).put(IFA_ADDRESS, address.bytes());
  return ask(socket, message);
}

bool add_default_route(const sys::Descriptor& socket, unsigned index, bool v4) {
  rtmsg header{};
  header.rtm_family = v4 ? AF_INET : AF_INET6;
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = RTPROT_BOOT;
  header.rtm_scope = v4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  header.rtm_type = RTN_UNICAST;
  Message message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, header);
  message.put(RTA_OIF, std::uint32_t{index});
  return ask(socket, message);
}

}  // namespace

Done make_own_links() {
  const sys::Descriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket) return failed("ask for links (netlink)");
  if (!bring_up(socket, ::if_nametoindex("lo"))) return failed("bring up lo");
  if (!make_pair(socket)) return failed("make a link (veth)");
  const unsigned link = ::if_nametoindex(std::string(kLink).c_str());
  if (!bring_up(socket, ::if_nametoindex(std::string(kOtherEnd).c_str())) ||
      !bring_up(socket, link)) {
    return failed("bring up a link");
  }
  for (const std::string_view text : {kOwnAddress4, kOwnAddress6}) {
    const IpAddress address = *IpAddress::parse(text);
    const bool v4 = address.is_v4();
    if (add_address(socket, link, address) && add_default_route(socket, link, v4)) continue;
    if (v4) return failed("give a link its address and a route");
  }
  return {};
}

}  // namespace nxgate::sandbox
