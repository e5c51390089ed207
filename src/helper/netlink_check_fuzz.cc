// Feeds netlink messages to the check of the helper, and reads what passes as the kernel does: of
// an attribute that comes twice it takes the last one, and it stops at what doesn't fit.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>

#include <netinet/in.h>
#include <sys/socket.h>
// The kernel's headers after those of libc, which define the same.
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include "base/bytes.h"
#include "helper/netlink_check.h"
#include "helper/our_tables.h"

namespace {

using nxgate::Bytes;

std::optional<Bytes> last_of(Bytes attributes, std::uint16_t wanted) {
  std::optional<Bytes> found;
  while (attributes.size() >= sizeof(nlattr)) {
    nlattr head{};
    std::memcpy(&head, attributes.data(), sizeof head);
    if (head.nla_len < sizeof head || head.nla_len > attributes.size()) break;
    if ((head.nla_type & NLA_TYPE_MASK) == wanted) {
      found = attributes.first(head.nla_len).subspan(sizeof head);
    }
    attributes =
        attributes.subspan(std::min<std::size_t>(NLA_ALIGN(head.nla_len), attributes.size()));
  }
  return found;
}

/// Aborts at a chain that is hooked in before all others, and at a set without a bound.
void expect_bounded(std::uint16_t type, Bytes attributes) {
  const auto number_in = [](std::optional<Bytes> nest, std::uint16_t wanted) {
    const auto value = nest ? last_of(*nest, wanted) : std::nullopt;
    std::uint32_t number = 0;
    if (value && value->size() == sizeof number) std::memcpy(&number, value->data(), sizeof number);
    return ntohl(number);
  };
  const auto hook = last_of(attributes, NFTA_CHAIN_HOOK);
  if ((type & 0xff) == NFT_MSG_NEWCHAIN && hook &&
      static_cast<std::int32_t>(number_in(hook, NFTA_HOOK_PRIORITY)) < -450) {
    std::abort();
  }
  const std::uint32_t size = number_in(last_of(attributes, NFTA_SET_DESC), NFTA_SET_DESC_SIZE);
  if ((type & 0xff) == NFT_MSG_NEWSET && (size == 0 || size > 1U << 17)) std::abort();
}

/// Aborts if the message is about a table of somebody else.
void expect_ours(std::uint16_t type, Bytes body) {
  if (type >> 8 != NFNL_SUBSYS_NFTABLES || (type & 0xff) == NFT_MSG_GETTABLE) return;
  if (body.size() < sizeof(nfgenmsg)) std::abort();
  const auto name = last_of(body.subspan(sizeof(nfgenmsg)), NFTA_TABLE_NAME);
  if (!name) std::abort();
  const std::string_view text(reinterpret_cast<const char*>(name->data()), name->size());
  if (text.substr(0, 6) != "nxgate") std::abort();
  expect_bounded(type, body.subspan(sizeof(nfgenmsg)));
  if ((type & 0xff) == NFT_MSG_DELTABLE &&
      last_of(body.subspan(sizeof(nfgenmsg)), NFTA_TABLE_HANDLE)) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const int protocol = data[0] % 16;
  Bytes messages(data + 1, size - 1);
  const auto place = static_cast<nxgate::helper::Place>(data[0] / 16 % 2);
  if (!nxgate::helper::changes_only_ours(protocol, place, messages)) return 0;
  while (messages.size() >= sizeof(nlmsghdr)) {
    nlmsghdr head{};
    std::memcpy(&head, messages.data(), sizeof head);
    if (head.nlmsg_len < sizeof head || head.nlmsg_len > messages.size()) break;
    expect_ours(head.nlmsg_type, messages.first(head.nlmsg_len).subspan(sizeof head));
    messages =
        messages.subspan(std::min<std::size_t>(NLMSG_ALIGN(head.nlmsg_len), messages.size()));
  }
  return 0;
}
