// The permissions of onward connections to pass their namespace's firewall.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "policy/egress.h"
#include "sys/descriptor.h"

namespace nxgate::relay {

/// The firewall lets the socket's four-tuple pass, and nobody else can have its port: this holds
/// the socket too, so that a session that ends meanwhile doesn't free it.
struct OnwardPass {
  std::shared_ptr<policy::EgressSets> sets;
  sys::Descriptor socket;
  policy::OnwardFlow flow;
};

/// Gives permissions and takes them back, many at a time, which costs the kernel as much as one.
/// One thread.
class OnwardPasses {
 public:
  explicit OnwardPasses(boost::asio::io_context& loop) : loop_(loop), timer_(loop) {}
  ~OnwardPasses() { take_back(); }
  OnwardPasses(const OnwardPasses&) = delete;
  OnwardPasses& operator=(const OnwardPasses&) = delete;

  /// Together with all that are asked for in this turn of the loop. False if the firewall doesn't.
  [[nodiscard]] boost::asio::awaitable<bool> let(const OnwardPass& pass);

  /// Soon, and not while a client waits for its first octets. Conntrack must know the connection,
  /// or it never was.
  void end(OnwardPass pass);

 private:
  struct Asked {
    std::shared_ptr<policy::EgressSets> sets;
    policy::OnwardFlow flow;
    std::move_only_function<void(bool)> decided;
  };

  void ask(Asked asked);
  void let_all();
  void take_back();

  boost::asio::io_context& loop_;
  boost::asio::steady_timer timer_;
  std::vector<Asked> asked_;
  std::vector<OnwardPass> ended_;
};

}  // namespace nxgate::relay
