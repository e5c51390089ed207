// The TCP connections to one server.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/address.h"
#include "base/clock.h"
#include "forward/channel.h"
#include "forward/socket_resources.h"
#include "forward/tcp_connection.h"
#include "sys/netns.h"

namespace nxgate::forward {

/// A few connections, kept and reused (RFC 7766 section 6.2.1), each for many queries at once.
/// One is used as long as it answers; another is opened when it is silent or busy. Queries for
/// which there is no room wait in order.
///
/// When the server closes a connection over which it has answered before, what waited there is sent
/// again, once, by a fresh one: servers may close an idle connection at any time, also while a
/// query is under way. A server that answers fewer queries a connection than it was sent gets no
/// more at once than that.
class TcpPool final : public Channel,
                      private TcpConnection::Owner,
                      public std::enable_shared_from_this<TcpPool> {
 public:
  /// Of one server and one worker.
  static constexpr std::size_t kMostConnections = 8;
  /// Of all servers of one worker.
  static constexpr std::size_t kMostOfWorker = 256;
  /// So many queries wait at one connection before another is opened.
  static constexpr std::size_t kBusy = 32;

  TcpPool(SocketResources& resources, RemoteEndpoint server, sys::NetnsRef netns)
      : resources_(resources), server_(std::move(server)), netns_(std::move(netns)) {}
  ~TcpPool() override;

  void submit(WaitingQuery& query, Instant now) override;
  [[nodiscard]] std::string_view name() const noexcept override { return "tcp"; }
  [[nodiscard]] std::size_t connections() const noexcept { return connections_.size(); }

 private:
  /// How often it looks whether its namespace is still the same; a UDP port lives as long.
  static constexpr Milliseconds kBetweenLooks{10};

  void answered(TcpConnection& connection) override;
  void ended(TcpConnection& connection, const ChannelFailure& failure, Instant now) override;

  void retire_other_namespaces(Instant now);
  [[nodiscard]] bool place(WaitingQuery& query, Instant now);
  [[nodiscard]] TcpConnection* least_busy(bool fresh, Instant now) const;
  [[nodiscard]] std::expected<TcpConnection*, std::error_code> open(Instant now);
  void close_an_idle_one(Instant now);
  void refill_soon();
  void refill();

  SocketResources& resources_;
  RemoteEndpoint server_;
  sys::NetnsRef netns_;
  std::optional<std::uint64_t> namespace_;  ///< in which the connections are
  Instant next_look_;
  std::vector<std::shared_ptr<TcpConnection>> connections_;
  QueryList queue_;
  /// How many queries the server gets at once by one connection: more, as it shows that it answers
  /// them.
  std::size_t depth_ = kBusy;
  bool refilling_ = false;
};

}  // namespace nxgate::forward
