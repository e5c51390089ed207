#include "netfilter/flows.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <system_error>
#include <vector>

#include <net/if.h>
#include <netinet/in.h>
// The kernel's headers after those of libc, which define the same.
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "base/bytes.h"
#include "helper/netlink_check.h"
#include "netfilter/messages.h"
#include "netfilter/socket.h"
#include "sys/netns.h"

namespace nxgate::netfilter {
namespace {

constexpr std::array<std::uint8_t, 2> kDnsPort{0, 53};

constexpr std::uint16_t conntrack(std::uint16_t type) {
  return static_cast<std::uint16_t>(NFNL_SUBSYS_CTNETLINK << 8 | type);
}

struct Flow {
  std::uint8_t family;
  std::vector<std::uint8_t> tuple;
};

/// How many flows the namespace has: to list them is a walk over those of the whole machine.
std::error_code count_flows(Socket& socket, std::uint32_t& count) {
  Messages request;
  {
    const nfgenmsg header{.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0, .res_id = 0};
    const auto message =
        request.message(conntrack(IPCTNL_MSG_CT_GET_STATS), NLM_F_ACK, bytes_of(header));
  }
  return socket.dump(request, [&](std::uint16_t, Bytes body) {
    if (body.size() < sizeof(nfgenmsg)) return;
    for_each_attribute(body.subspan(sizeof(nfgenmsg)), [&](std::uint16_t type, Bytes value) {
      if (type == CTA_STATS_GLOBAL_ENTRIES && value.size() == sizeof count) {
        std::memcpy(&count, value.data(), sizeof count);
      }
    });
  });
}

bool goes_to_dns(Bytes tuple) {
  bool dns = false;
  for_each_attribute(tuple, [&](std::uint16_t type, Bytes value) {
    if (type != CTA_TUPLE_PROTO) return;
    for_each_attribute(value, [&](std::uint16_t field, Bytes port) {
      if (field == CTA_PROTO_DST_PORT) dns = std::ranges::equal(port, kDnsPort);
    });
  });
  return dns;
}

std::error_code find_dns_flows(Socket& socket, std::vector<Flow>& flows) {
  Messages request;
  {
    const nfgenmsg header{.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0, .res_id = 0};
    const auto message =
        request.message(conntrack(IPCTNL_MSG_CT_GET), NLM_F_DUMP, bytes_of(header));
  }
  return socket.dump(request, [&](std::uint16_t, Bytes body) {
    if (body.size() < sizeof(nfgenmsg)) return;
    const std::uint8_t family = body[0];
    for_each_attribute(body.subspan(sizeof(nfgenmsg)), [&](std::uint16_t type, Bytes value) {
      if (type == CTA_TUPLE_ORIG && goes_to_dns(value)) {
        flows.push_back({family, {value.begin(), value.end()}});
      }
    });
  });
}

std::error_code forget(Socket& socket, const Flow& flow) {
  Messages request;
  {
    const nfgenmsg header{.nfgen_family = flow.family, .version = NFNETLINK_V0, .res_id = 0};
    const auto message =
        request.message(conntrack(IPCTNL_MSG_CT_DELETE), NLM_F_ACK, bytes_of(header));
    request.put(CTA_TUPLE_ORIG | NLA_F_NESTED, flow.tuple);
  }
  const std::error_code error = socket.transact(request);
  return error.value() == ENOENT ? std::error_code() : error;  // it ended by itself
}

std::error_code change_route(const sys::NetnsRef& netns, std::uint16_t type, std::uint16_t flags,
                             int fine) {
  auto socket = Socket::open(NETLINK_ROUTE, netns);
  if (!socket) return system_error(ENETUNREACH);
  Messages request;
  {
    const auto message = request.message(type, flags | NLM_F_ACK, bytes_of(helper::our_route()));
    request.put(RTA_OIF, bytes_of(helper::kLoopbackLink));
    request.put(RTA_PRIORITY, bytes_of(helper::kOurRouteMetric));
    // In a namespace with no other address there would be none to send from.
    request.put(RTA_PREFSRC, helper::kLoopbackAddress);
  }
  const std::error_code error = socket->transact(request);
  return error.value() == fine ? std::error_code() : error;
}

}  // namespace

std::error_code forget_dns_flows(const sys::NetnsRef& netns) {
  auto socket = Socket::open(NETLINK_NETFILTER, netns);
  if (!socket) return system_error(ENETUNREACH);
  std::uint32_t count = 1;
  if (!count_flows(*socket, count) && count == 0) return {};
  std::vector<Flow> flows;
  const std::error_code found = find_dns_flows(*socket, flows);
  if (found.value() == EOPNOTSUPP || found.value() == EINVAL) return {};  // no connection tracking
  if (found) return found;
  for (const Flow& flow : flows) {
    if (const auto error = forget(*socket, flow)) return error;
  }
  return {};
}

std::error_code add_last_route(const sys::NetnsRef& netns) {
  return change_route(netns, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, EEXIST);
}

std::error_code remove_last_route(const sys::NetnsRef& netns) {
  return change_route(netns, RTM_DELROUTE, 0, ESRCH);
}

}  // namespace nxgate::netfilter
