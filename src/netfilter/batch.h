// A transaction of nf_tables: all of it or nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "netfilter/messages.h"
#include "netfilter/rule.h"
#include "netfilter/socket.h"

namespace nxgate::netfilter {

/// A table of family inet or netdev.
struct Table {
  std::uint8_t family;  ///< NFPROTO_INET, NFPROTO_NETDEV
  std::string_view name;
};

/// Where a base chain is hooked in.
struct Hook {
  std::string_view type;  ///< "filter", "nat"
  std::uint32_t number;   ///< NF_INET_LOCAL_OUT ...
  std::int32_t priority;
  std::vector<std::string> links{};  ///< of the family netdev
};

/// A set of concatenated values; each element may have a time to live.
struct Set {
  Table table;
  std::string_view name;
  std::uint32_t key_type;    ///< for the eyes of nft(8): its data types, six bits each
  std::uint32_t key_size;    ///< octets
  bool grows_by_rule;        ///< elements come from rules
  std::uint32_t size_limit;  ///< elements
};

/// Records what is to be done; `finish` gives the messages for Socket::transact.
class Batch {
 public:
  Batch();

  /// `record` is kept with the table for whoever finds it.
  void add_table(const Table& table, std::uint32_t flags, std::string_view record);
  void delete_table(const Table& table);
  /// Replaces whatever was there, in the same transaction.
  void replace_table(const Table& table, std::uint32_t flags, std::string_view record);
  /// Without rules, also if it is there already.
  void add_chain(const Chain& chain);
  void add_chain(const Chain& chain, const Hook& hook);
  void delete_rules(const Chain& chain);
  void add_set(const Set& set);
  /// `note` is what nft(8) shows as a comment; a long one is left out.
  void add_element(const Set& set, Bytes key, Milliseconds life, std::string_view note);
  void delete_element(const Set& set, Bytes key);

  [[nodiscard]] Messages& messages() noexcept { return messages_; }
  [[nodiscard]] const Messages& finish();

 private:
  void mark(std::uint16_t type);
  void chain(const Chain& chain, const Hook* hook);
  void element(std::uint16_t type, const Set& set, Bytes key, Milliseconds life,
               std::string_view note);

  Messages messages_;
};

/// Calls `each` with the name and the record of every table of family inet.
[[nodiscard]] std::error_code for_each_table(
    Socket& socket, const std::function<void(std::string_view name, Bytes record)>& each);

/// What a dump tells of one element.
struct ElementSeen {
  Bytes key;
  Milliseconds left{};  ///< 0 if it has no end
  std::string_view note;
  std::uint64_t packets = 0;
};

/// The request that lists the elements of a set.
[[nodiscard]] Messages list_elements(const Set& set);

/// Calls `each` for every element in one message of the answer.
void for_each_element(Bytes body, const std::function<void(const ElementSeen&)>& each);

}  // namespace nxgate::netfilter
