#include "netfilter/dropping_chains.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <expected>
#include <fstream>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <netinet/in.h>
// The kernel's headers after those of libc, which define the same.
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include "base/bytes.h"
#include "base/error.h"
#include "helper/netlink_check.h"
#include "netfilter/messages.h"
#include "netfilter/rule.h"
#include "netfilter/socket.h"
#include "sys/netns.h"

namespace nxgate::netfilter {
namespace {

/// Of thread-self, since the other threads are elsewhere.
constexpr const char* kLegacyTables = "/proc/thread-self/net/ip_tables_names";

struct TableSeen {
  std::uint8_t family = 0;
  std::string name;
  auto operator<=>(const TableSeen&) const = default;
};

struct ChainSeen {
  TableSeen table;
  std::string name;
  std::optional<std::uint32_t> hook;
  bool drops_by_policy = false;
};

Bytes value_of(Bytes attributes, std::uint16_t wanted) {
  Bytes found;
  for_each_attribute(attributes, [&](std::uint16_t type, Bytes value) {
    if (type == wanted) found = value;
  });
  return found;
}

std::string text_of(Bytes attributes, std::uint16_t wanted) {
  const Bytes value = value_of(attributes, wanted);
  const std::string_view text(reinterpret_cast<const char*>(value.data()), value.size());
  return std::string(text.substr(0, text.find('\0')));
}

std::optional<std::uint32_t> number_of(Bytes attributes, std::uint16_t wanted) {
  const Bytes value = value_of(attributes, wanted);
  std::uint32_t number = 0;
  if (value.size() != sizeof number) return std::nullopt;
  std::memcpy(&number, value.data(), sizeof number);
  return ntohl(number);
}

/// Calls `each` with the family and the attributes of whatever there is of one kind.
template <class Each>
std::error_code list(Socket& socket, std::uint16_t type, Each each) {
  Messages request;
  {
    const auto message = nft_message(request, type, NLM_F_DUMP, NFPROTO_UNSPEC);
  }
  return socket.dump(request, [&each](std::uint16_t, Bytes body) {
    if (body.size() < sizeof(nfgenmsg)) return;
    each(body.front(), body.subspan(sizeof(nfgenmsg)));
  });
}

/// A verdict, or what iptables-nft writes for the same.
bool drops(Bytes expression) {
  const std::string name = text_of(expression, NFTA_EXPR_NAME);
  const Bytes data = value_of(expression, NFTA_EXPR_DATA);
  if (name == "reject") return true;
  if (name == "target") {
    const std::string target = text_of(data, NFTA_TARGET_NAME);
    return target == "REJECT" || target == "DROP";
  }
  if (name != "immediate") return false;
  const Bytes verdict = value_of(value_of(data, NFTA_IMMEDIATE_DATA), NFTA_DATA_VERDICT);
  return number_of(verdict, NFTA_VERDICT_CODE) == std::uint32_t{NF_DROP};
}

bool has_dropping_expression(Bytes rule) {
  bool found = false;
  for_each_attribute(value_of(rule, NFTA_RULE_EXPRESSIONS),
                     [&found](std::uint16_t, Bytes each) { found = found || drops(each); });
  return found;
}

bool is_at_input_or_output(const ChainSeen& chain) {
  const bool known = chain.table.family == NFPROTO_INET || chain.table.family == NFPROTO_IPV4 ||
                     chain.table.family == NFPROTO_IPV6;
  return known && (chain.hook == std::uint32_t{NF_INET_LOCAL_IN} ||
                   chain.hook == std::uint32_t{NF_INET_LOCAL_OUT});
}

std::string_view name_of(std::uint8_t family) {
  if (family == NFPROTO_INET) return "inet";
  return family == NFPROTO_IPV4 ? "ip" : "ip6";
}

std::string described(const ChainSeen& chain) {
  return fmt::format("chain {} of table {} {}{}", chain.name, name_of(chain.table.family),
                     chain.table.name, chain.drops_by_policy ? " (policy drop)" : "");
}

bool has_legacy_filter(const sys::NetnsRef& netns) {
  bool found = false;
  const Result<void> entered = sys::in_netns(netns, [&found] {
    std::ifstream file(kLegacyTables);
    for (std::string line; std::getline(file, line);) found = found || line == "filter";
  });
  return entered && found;
}

}  // namespace

Result<std::vector<std::string>> dropping_chains(const sys::NetnsRef& netns) {
  auto socket = Socket::open(NETLINK_NETFILTER, netns);
  if (!socket) return std::unexpected(socket.error());
  std::vector<ChainSeen> chains;
  const auto see_chain = [&chains](std::uint8_t family, Bytes said) {
    chains.push_back(
        {.table = {family, text_of(said, NFTA_CHAIN_TABLE)},
         .name = text_of(said, NFTA_CHAIN_NAME),
         .hook = number_of(value_of(said, NFTA_CHAIN_HOOK), NFTA_HOOK_HOOKNUM),
         .drops_by_policy = number_of(said, NFTA_CHAIN_POLICY) == std::uint32_t{NF_DROP}});
  };
  std::set<std::pair<TableSeen, std::string>> dropping;
  const auto see_rule = [&dropping](std::uint8_t family, Bytes said) {
    if (!has_dropping_expression(said)) return;
    dropping.insert({{family, text_of(said, NFTA_RULE_TABLE)}, text_of(said, NFTA_RULE_CHAIN)});
  };
  for (const auto& error :
       {list(*socket, NFT_MSG_GETCHAIN, see_chain), list(*socket, NFT_MSG_GETRULE, see_rule)}) {
    if (error) {
      return fail(fmt::format("cannot list the rules of {}: {}", netns.text(), error.message()));
    }
  }
  std::vector<std::string> found;
  for (const ChainSeen& chain : chains) {
    if (!is_at_input_or_output(chain) || chain.table.name.starts_with(helper::kOurTables)) continue;
    const bool by_rule = std::ranges::any_of(chains, [&](const ChainSeen& other) {
      const bool reached = other.name == chain.name || !other.hook;
      return other.table == chain.table && reached && dropping.contains({other.table, other.name});
    });
    if (chain.drops_by_policy || by_rule) found.push_back(described(chain));
  }
  if (found.empty() && has_legacy_filter(netns)) {
    found.emplace_back("table filter of iptables-legacy");
  }
  return found;
}

}  // namespace nxgate::netfilter
