#include "netfilter/messages.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include <linux/netlink.h>
#include <netinet/in.h>

#include "base/bytes.h"

namespace nxgate::netfilter {

Messages::Open::~Open() {
  const std::size_t length = messages_.bytes_.size() - start_;
  std::uint8_t* const at = messages_.bytes_.data() + start_;
  if (message_) {
    const auto whole = static_cast<std::uint32_t>(length);
    std::memcpy(at + offsetof(nlmsghdr, nlmsg_len), &whole, sizeof whole);
  } else {
    const auto whole = static_cast<std::uint16_t>(length);
    std::memcpy(at + offsetof(nlattr, nla_len), &whole, sizeof whole);
  }
}

Messages::Open Messages::message(std::uint16_t type, std::uint16_t flags, Bytes header) {
  const std::size_t start = bytes_.size();
  last_ = start;
  const nlmsghdr head{.nlmsg_len = 0,
                      .nlmsg_type = type,
                      .nlmsg_flags = static_cast<std::uint16_t>(flags | NLM_F_REQUEST),
                      .nlmsg_seq = ++sequence_,
                      .nlmsg_pid = 0};
  if ((flags & NLM_F_ACK) != 0) acknowledged_ = sequence_;
  append(bytes_of(head));
  append(header);
  return {*this, start, true};
}

void Messages::acknowledge_last() {
  nlmsghdr head{};
  std::memcpy(&head, bytes_.data() + last_, sizeof head);
  head.nlmsg_flags |= NLM_F_ACK;
  std::memcpy(bytes_.data() + last_, &head, sizeof head);
  acknowledged_ = head.nlmsg_seq;
}

Messages::Open Messages::nest(std::uint16_t attribute) {
  const std::size_t start = bytes_.size();
  const nlattr head{.nla_len = 0, .nla_type = static_cast<std::uint16_t>(attribute | NLA_F_NESTED)};
  append(bytes_of(head));
  return {*this, start, false};
}

void Messages::put(std::uint16_t attribute, Bytes value) {
  const nlattr head{.nla_len = static_cast<std::uint16_t>(sizeof(nlattr) + value.size()),
                    .nla_type = attribute};
  append(bytes_of(head));
  append(value);
}

void Messages::put_text(std::uint16_t attribute, std::string_view text) {
  std::vector<std::uint8_t> value(text.begin(), text.end());
  value.push_back(0);
  put(attribute, value);
}

void Messages::put_number(std::uint16_t attribute, std::uint32_t number) {
  const std::uint32_t network_order = htonl(number);
  put(attribute, bytes_of(network_order));
}

/// Everything in netlink stands at a multiple of four.
void Messages::append(Bytes value) {
  bytes_.insert(bytes_.end(), value.begin(), value.end());
  bytes_.resize(NLMSG_ALIGN(bytes_.size()));
}

}  // namespace nxgate::netfilter
