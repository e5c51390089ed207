// One worker's listeners: opening, watching and closing them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/error.h"
#include "serve/handler.h"
#include "serve/limits.h"
#include "serve/tcp_listener.h"
#include "serve/udp_listener.h"
#include "serve/worker_context.h"
#include "sys/descriptor.h"

namespace nxgate::serve {

/// Checks that no other program serves at any of these places, except what is in `open`. Call
/// once, before the first DnsServer starts.
[[nodiscard]] Result<void> probe_free(std::span<const Listener> listeners,
                                      std::span<const OpenListener> open = {});

/// The network side of one worker. A listener whose namespace or interface goes away is closed, and
/// opened again when it returns. Used by the thread that runs `loop`, which must outlive it;
/// destroying it closes everything.
class DnsServer {
 public:
  /// `reports` is for one worker of all: it logs what happens to the listeners.
  DnsServer(boost::asio::io_context& loop, Handler& handler, std::vector<Listener> listeners,
            const TcpLimits& limits, TcpRoom& tcp, bool reports, RateLimit* rate_limit = nullptr);
  ~DnsServer();
  DnsServer(const DnsServer&) = delete;
  DnsServer& operator=(const DnsServer&) = delete;

  /// Opens all listeners, or returns which one can't be opened. Binds low ports and enters
  /// namespaces: call it before root is dropped. Serving begins when the loop runs. What of a
  /// listener is `given` is used instead, the first time; one of its two sockets may be missing.
  [[nodiscard]] Result<void> start(std::vector<OpenListener> given = {});

  /// Serves at sockets that are open already, as long as they are.
  void adopt(OpenListener open);
  /// Closes those that were adopted with this policy, and their connections.
  void abandon(const std::string& policy);

  /// Accepts and receives no more. Late replies still leave, and TCP sessions end when they have
  /// theirs.
  void stop();
  /// After `stop`: whether no reply is pending any more.
  [[nodiscard]] bool drained() const;

 private:
  /// A listener and what is open there, if anything.
  struct Place {
    std::shared_ptr<const Listener> listener;
    std::shared_ptr<UdpListener> udp;
    std::shared_ptr<TcpListener> tcp;
    /// Where it is open: the same name can come to mean another namespace or interface.
    std::optional<std::uint64_t> netns;
    unsigned interface = 0;
    bool adopted = false;  ///< somebody else's to open
    bool opened = false;   ///< once, at least
    std::string fault{};   ///< why it can't be opened where it is, as logged
  };

  void schedule(Milliseconds within);
  void close_overdue();
  void check(Place& place);
  [[nodiscard]] Result<void> open(Place& place, sys::Descriptor udp = {}, sys::Descriptor tcp = {});
  void serve_at(Place& place, sys::Descriptor udp, sys::Descriptor tcp);
  static void close(Place& place);
  [[nodiscard]] static bool still_there(const Place& place);

  WorkerContext worker_;
  std::vector<Place> places_;
  std::shared_ptr<boost::asio::steady_timer> timer_;  ///< also tells its handler that we live
  bool reports_;
  bool stopped_ = false;
};

}  // namespace nxgate::serve
