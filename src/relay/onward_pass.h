// The permissions of onward connections to pass their namespace's firewall.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/address.h"
#include "policy/egress.h"
#include "sys/descriptor.h"

namespace nxgate::relay {

/// The firewall lets the socket's four-tuple pass, and nobody else can have its port: this holds
/// the socket too, so that a session that ends meanwhile doesn't free it.
struct OnwardPass {
  /// Nothing if the firewall doesn't. `socket` is bound.
  [[nodiscard]] static std::optional<OnwardPass> take(std::shared_ptr<policy::EgressSets> sets,
                                                      const sys::Descriptor& socket,
                                                      const Endpoint& to);

  std::shared_ptr<policy::EgressSets> sets;
  sys::Descriptor socket;
  policy::OnwardFlow flow;
};

/// Takes permissions back, many at a time, which costs the kernel as much as one, and not while a
/// client waits for its first octets. One thread.
class OnwardPasses {
 public:
  explicit OnwardPasses(boost::asio::io_context& loop) : timer_(loop) {}
  ~OnwardPasses() { take_back(); }
  OnwardPasses(const OnwardPasses&) = delete;
  OnwardPasses& operator=(const OnwardPasses&) = delete;

  /// Soon. Conntrack must know the connection, or it never was.
  void end(OnwardPass pass);

 private:
  void take_back();

  boost::asio::steady_timer timer_;
  std::vector<OnwardPass> ended_;
};

}  // namespace nxgate::relay
