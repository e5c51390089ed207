#include "netfilter/batch.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <endian.h>
#include <netinet/in.h>
// The kernel's headers after those of libc, which define the same.
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "netfilter/messages.h"
#include "netfilter/rule.h"
#include "netfilter/socket.h"

namespace nxgate::netfilter {
namespace {

/// A comment in the user data of an element, as nft(8) writes it: kind, length, text, zero.
constexpr std::uint8_t kComment = 0;
constexpr std::size_t kLongestNote = 250;

Bytes bytes_in(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::vector<std::uint8_t> comment_of(std::string_view note) {
  std::vector<std::uint8_t> comment{kComment, static_cast<std::uint8_t>(note.size() + 1)};
  comment.insert(comment.end(), note.begin(), note.end());
  comment.push_back(0);
  return comment;
}

std::string_view note_in(Bytes comment) {
  if (comment.size() < 3 || comment[0] != kComment) return {};
  const std::size_t size = std::min<std::size_t>(comment[1], comment.size() - 2);
  const std::string_view text(reinterpret_cast<const char*>(comment.data() + 2), size);
  return text.substr(0, text.find('\0'));
}

std::uint64_t number_in(Bytes value) {
  std::uint64_t number = 0;
  if (value.size() == sizeof number) std::memcpy(&number, value.data(), sizeof number);
  return be64toh(number);
}

/// The value of an attribute nested below others.
Bytes nested(Bytes body, std::uint16_t wanted) {
  Bytes found;
  for_each_attribute(body, [&](std::uint16_t type, Bytes value) {
    if (type == wanted) found = value;
  });
  return found;
}

ElementSeen element_in(Bytes body) {
  ElementSeen seen;
  for_each_attribute(body, [&seen](std::uint16_t type, Bytes value) {
    if (type == NFTA_SET_ELEM_KEY) seen.key = nested(value, NFTA_DATA_VALUE);
    if (type == NFTA_SET_ELEM_EXPIRATION) {
      seen.left = Milliseconds(static_cast<Milliseconds::rep>(number_in(value)));
    }
    if (type == NFTA_SET_ELEM_USERDATA) seen.note = note_in(value);
    if (type == NFTA_SET_ELEM_EXPR) {
      seen.packets = number_in(nested(nested(value, NFTA_EXPR_DATA), NFTA_COUNTER_PACKETS));
    }
  });
  return seen;
}

}  // namespace

Batch::Batch() { mark(NFNL_MSG_BATCH_BEGIN); }

void Batch::mark(std::uint16_t type) {
  const nfgenmsg header{
      .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0, .res_id = htons(NFNL_SUBSYS_NFTABLES)};
  const auto message = messages_.message(type, 0, bytes_of(header));
}

const Messages& Batch::finish() {
  messages_.acknowledge_last();
  mark(NFNL_MSG_BATCH_END);
  return messages_;
}

void Batch::add_table(const Table& table, std::uint32_t flags, std::string_view record) {
  const auto message = nft_message(messages_, NFT_MSG_NEWTABLE, NLM_F_CREATE, table.family);
  messages_.put_text(NFTA_TABLE_NAME, table.name);
  if (flags != 0) messages_.put_number(NFTA_TABLE_FLAGS, flags);
  messages_.put(NFTA_TABLE_USERDATA, bytes_in(record));
}

void Batch::delete_table(const Table& table) {
  const auto message = nft_message(messages_, NFT_MSG_DELTABLE, 0, table.family);
  messages_.put_text(NFTA_TABLE_NAME, table.name);
}

void Batch::replace_table(const Table& table, std::uint32_t flags, std::string_view record) {
  add_table(table, 0, record);  // the flags of one that is there can't be changed
  delete_table(table);
  add_table(table, flags, record);
}

void Batch::add_chain(const Chain& chain) {
  this->chain(chain, nullptr);
  delete_rules(chain);
}

void Batch::add_chain(const Chain& chain, const Hook& hook) {
  this->chain(chain, &hook);
  delete_rules(chain);
}

void Batch::chain(const Chain& chain, const Hook* hook) {
  const auto message = nft_message(messages_, NFT_MSG_NEWCHAIN, NLM_F_CREATE, chain.family);
  messages_.put_text(NFTA_CHAIN_TABLE, chain.table);
  messages_.put_text(NFTA_CHAIN_NAME, chain.name);
  if (hook == nullptr) return;
  messages_.put_text(NFTA_CHAIN_TYPE, hook->type);
  const auto nest = messages_.nest(NFTA_CHAIN_HOOK);
  messages_.put_number(NFTA_HOOK_HOOKNUM, hook->number);
  messages_.put_number(NFTA_HOOK_PRIORITY, static_cast<std::uint32_t>(hook->priority));
  if (hook->links.empty()) return;
  const auto devices = messages_.nest(NFTA_HOOK_DEVS);
  for (const std::string& link : hook->links) messages_.put_text(NFTA_DEVICE_NAME, link);
}

void Batch::delete_rules(const Chain& chain) {
  const auto message = nft_message(messages_, NFT_MSG_DELRULE, 0, chain.family);
  messages_.put_text(NFTA_RULE_TABLE, chain.table);
  messages_.put_text(NFTA_RULE_CHAIN, chain.name);
}

void Batch::add_set(const Set& set) {
  const auto message = nft_message(messages_, NFT_MSG_NEWSET, NLM_F_CREATE, set.table.family);
  messages_.put_text(NFTA_SET_TABLE, set.table.name);
  messages_.put_text(NFTA_SET_NAME, set.name);
  messages_.put_number(NFTA_SET_ID, 1);  // nobody in this transaction refers to it by number
  messages_.put_number(NFTA_SET_FLAGS, NFT_SET_TIMEOUT | (set.grows_by_rule ? NFT_SET_EVAL : 0U));
  messages_.put_number(NFTA_SET_KEY_TYPE, set.key_type);
  messages_.put_number(NFTA_SET_KEY_LEN, set.key_size);
  const auto description = messages_.nest(NFTA_SET_DESC);
  messages_.put_number(NFTA_SET_DESC_SIZE, set.size_limit);
}

void Batch::add_element(const Set& set, Bytes key, Milliseconds life, std::string_view note) {
  element(NFT_MSG_NEWSETELEM, set, key, life, note);
}

void Batch::delete_element(const Set& set, Bytes key) {
  element(NFT_MSG_DELSETELEM, set, key, {}, {});
}

void Batch::element(std::uint16_t type, const Set& set, Bytes key, Milliseconds life,
                    std::string_view note) {
  const std::uint16_t create = type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0;
  const auto message = nft_message(messages_, type, create, set.table.family);
  messages_.put_text(NFTA_SET_ELEM_LIST_TABLE, set.table.name);
  messages_.put_text(NFTA_SET_ELEM_LIST_SET, set.name);
  const auto list = messages_.nest(NFTA_SET_ELEM_LIST_ELEMENTS);
  const auto one = messages_.nest(NFTA_LIST_ELEM);
  {
    const auto data = messages_.nest(NFTA_SET_ELEM_KEY);
    messages_.put(NFTA_DATA_VALUE, key);
  }
  if (life.count() > 0) {
    const std::uint64_t network_order = htobe64(static_cast<std::uint64_t>(life.count()));
    messages_.put(NFTA_SET_ELEM_TIMEOUT, bytes_of(network_order));
  }
  if (!note.empty() && note.size() <= kLongestNote) {
    messages_.put(NFTA_SET_ELEM_USERDATA, comment_of(note));
  }
}

std::error_code for_each_table(
    Socket& socket, const std::function<void(std::string_view name, Bytes record)>& each) {
  Messages request;
  {
    const auto message = nft_message(request, NFT_MSG_GETTABLE, NLM_F_DUMP, NFPROTO_INET);
  }
  return socket.dump(request, [&each](std::uint16_t, Bytes body) {
    if (body.size() < sizeof(nfgenmsg)) return;
    const Bytes attributes = body.subspan(sizeof(nfgenmsg));
    const Bytes name = nested(attributes, NFTA_TABLE_NAME);
    const std::string_view text(reinterpret_cast<const char*>(name.data()), name.size());
    each(text.substr(0, text.find('\0')), nested(attributes, NFTA_TABLE_USERDATA));
  });
}

Messages list_elements(const Set& set) {
  Messages request;
  {
    const auto message = nft_message(request, NFT_MSG_GETSETELEM, NLM_F_DUMP, set.table.family);
    request.put_text(NFTA_SET_ELEM_LIST_TABLE, set.table.name);
    request.put_text(NFTA_SET_ELEM_LIST_SET, set.name);
  }
  return request;
}

void for_each_element(Bytes body, const std::function<void(const ElementSeen&)>& each) {
  if (body.size() < sizeof(nfgenmsg)) return;
  const Bytes elements = nested(body.subspan(sizeof(nfgenmsg)), NFTA_SET_ELEM_LIST_ELEMENTS);
  for_each_attribute(elements, [&each](std::uint16_t, Bytes value) { each(element_in(value)); });
}

}  // namespace nxgate::netfilter
