// The UDP sockets from which one server is asked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <system_error>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/unordered/unordered_flat_map.hpp>

#include "base/address.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "forward/alarm.h"
#include "forward/entropy.h"
#include "sys/datagrams.h"
#include "sys/descriptor.h"
#include "sys/netns.h"

namespace nxgate::forward {

/// A query that waits at a port for its answer. It leaves the port when it has what it wants, which
/// it may do in any of these calls.
class WaitingQuery {
 public:
  /// The bytes to send; they stay what and where they are while it waits.
  [[nodiscard]] virtual Bytes query() const noexcept = 0;
  /// A message came with its id, or with one that is nobody's. False if it is junk to it.
  virtual bool receive(Bytes message, bool own_id, Instant now) = 0;
  /// The network can't deliver, by errno; or, with 0, too much junk comes to trust this port.
  virtual void fail(int error, Instant now) = 0;

 protected:
  ~WaitingQuery() = default;
};

/// What all sockets of one worker share; the buffers are used between two turns of the loop only.
struct SocketResources {
  explicit SocketResources(boost::asio::io_context& io_context)
      : loop(io_context), alarms(io_context) {}

  boost::asio::io_context& loop;
  Alarms alarms;
  Entropy entropy;
  sys::Datagrams received;
};

/// A UDP socket connected to one server from a random port (RFC 5452 section 9.2), and the queries
/// that wait there. It lives as long as somebody holds it: its queries do. What queries send in one
/// turn of the loop leaves by one system call, and so it comes back. One thread.
class UdpPort : public std::enable_shared_from_this<UdpPort> {
 public:
  /// The most queries that share a port in its life.
  static constexpr std::size_t kMostQueries = 256;

  /// Over a connected socket. The error is the loop's, when it can't take one more.
  [[nodiscard]] static std::expected<std::shared_ptr<UdpPort>, std::error_code> open(
      SocketResources& resources, sys::Descriptor socket);
  UdpPort(const UdpPort&) = delete;
  UdpPort& operator=(const UdpPort&) = delete;

  [[nodiscard]] bool full() const noexcept { return closed_ || queries_.size() >= kMostQueries; }

  /// A random id that no query of this port has had. The port must not be full.
  [[nodiscard]] std::uint16_t draw_id();
  /// Takes a query, which is sent soon.
  void enter(std::uint16_t id, WaitingQuery& query);
  void leave(std::uint16_t id) noexcept;

 private:
  explicit UdpPort(SocketResources& resources);

  /// After so many messages that were nobody's answer the queries fail: they should not wait here.
  static constexpr int kMostJunk = 64;

  void wait();
  void read();
  void deliver(Bytes message, Instant now);
  void flush();
  [[nodiscard]] int send_unsent();
  void fail_unsent(int error);
  void fail_all(int error);

  SocketResources& resources_;
  boost::asio::posix::stream_descriptor socket_;
  /// By id, without those that left: a late answer is known by its id, and is no junk.
  boost::unordered_flat_map<std::uint16_t, WaitingQuery*> queries_;
  std::vector<std::uint16_t> unsent_;
  int junk_ = 0;
  bool closed_ = false;
};

/// The ports to one server. Opening one costs as much as an answer, so the questions of a burst
/// share it; a port takes new questions for 10 ms only, so that nobody has the time to find it
/// (CVE-2020-25705). One thread.
class UdpChannel final : private Alarm {
 public:
  /// Everything must outlive it.
  UdpChannel(SocketResources& resources, const Endpoint& server, sys::NetnsRef netns)
      : resources_(resources), server_(server), netns_(std::move(netns)) {}

  /// A port that has room.
  [[nodiscard]] std::expected<std::shared_ptr<UdpPort>, std::error_code> port();

 private:
  static constexpr Milliseconds kOpenFor{10};

  void ring() override { port_.reset(); }

  SocketResources& resources_;
  Endpoint server_;
  sys::NetnsRef netns_;
  std::shared_ptr<UdpPort> port_;
};

}  // namespace nxgate::forward
