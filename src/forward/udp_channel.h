// The UDP sockets from which one server is asked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/intrusive/list.hpp>
#include <boost/unordered/unordered_flat_map.hpp>

#include "base/address.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "forward/alarm.h"
#include "forward/channel.h"
#include "forward/socket_resources.h"
#include "sys/descriptor.h"
#include "sys/netns.h"

namespace nxgate::forward {

/// A UDP socket connected to one server from a random port (RFC 5452 section 9.2), and the queries
/// that wait there. It lives as long as somebody holds it: its queries do. What queries send in one
/// turn of the loop leaves by one system call, and so it comes back. One thread.
///
/// What ICMP says of one port is true of all ports of its server: their queries fail at one
/// instant. Routers and hosts limit how many such messages they send, so that the others would wait
/// in vain.
class UdpPort final : public QuerySocket,
                      public std::enable_shared_from_this<UdpPort>,
                      public boost::intrusive::list_base_hook<
                          boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  /// The open ports of one server.
  using All = boost::intrusive::list<UdpPort, boost::intrusive::constant_time_size<false>>;

  /// The most queries that share a port in its life.
  static constexpr std::size_t kMostQueries = 256;

  /// Over a connected socket. The error is the loop's, when it can't take one more.
  [[nodiscard]] static std::expected<std::shared_ptr<UdpPort>, std::error_code> open(
      SocketResources& resources, sys::Descriptor socket, std::shared_ptr<All> all);
  ~UdpPort();
  UdpPort(const UdpPort&) = delete;
  UdpPort& operator=(const UdpPort&) = delete;

  [[nodiscard]] bool full() const noexcept { return closed_ || queries_.size() >= kMostQueries; }

  /// Takes a query, which is sent soon with a random id that no other query of this port has had.
  /// The port must not be full.
  void enter(WaitingQuery& query);
  void leave(std::uint16_t id) noexcept override { queries_.find(id)->second = nullptr; }

 private:
  UdpPort(SocketResources& resources, std::shared_ptr<All> all);

  /// After so many messages that were nobody's answer the queries fail: they should not wait here.
  static constexpr int kMostJunk = 64;

  [[nodiscard]] std::uint16_t draw_id();
  void wait();
  void read();
  void deliver(Bytes message, Instant now);
  static void flush_soon(SocketResources& resources);
  void flush();
  [[nodiscard]] int send_unsent();
  void fail_unsent(int error);
  void fail_server(int error);
  void fail_all(const ChannelFailure& failure, Instant now);

  SocketResources& resources_;
  std::shared_ptr<All> all_;
  boost::asio::posix::stream_descriptor socket_;
  /// By id, without those that left: a late answer is known by its id, and is no junk.
  boost::unordered_flat_map<std::uint16_t, WaitingQuery*> queries_;
  std::vector<std::uint16_t> unsent_;
  std::shared_ptr<std::size_t> open_;  ///< counts us
  int junk_ = 0;
  bool closed_ = false;
};

/// UDP ports of one server (RFC 5452 section 9.2). Up to 32 take questions at once, and as long as
/// they are fewer each question opens one of its own; beyond that, since opening one costs as much
/// as an answer, a question goes to one of them drawn at random. A port takes new questions for
/// 100 ms only, so that nobody has the time to find it (CVE-2020-25705).
class UdpChannel final : public Channel, private Alarm {
 public:
  static constexpr std::size_t kPorts = 32;

  UdpChannel(SocketResources& resources, RemoteEndpoint server, sys::NetnsRef netns)
      : resources_(resources), server_(std::move(server)), netns_(std::move(netns)) {}

  void submit(WaitingQuery& query, Instant now) override;
  [[nodiscard]] std::string_view name() const noexcept override { return "udp"; }

 private:
  static constexpr Milliseconds kOpenFor{100};

  struct Taking {
    std::shared_ptr<UdpPort> port;
    Instant until;
  };

  void ring() override;
  void let_go(Instant now);
  [[nodiscard]] std::ptrdiff_t draw(std::size_t count);
  [[nodiscard]] std::expected<std::shared_ptr<UdpPort>, std::error_code> choose(Instant now);
  [[nodiscard]] std::expected<std::shared_ptr<UdpPort>, std::error_code> open();

  SocketResources& resources_;
  RemoteEndpoint server_;
  sys::NetnsRef netns_;
  std::shared_ptr<UdpPort::All> all_ = std::make_shared<UdpPort::All>();
  std::vector<Taking> taking_;  ///< the ports that take new questions, the oldest first
};

}  // namespace nxgate::forward
