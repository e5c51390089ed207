// One question by TCP.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "base/address.h"
#include "base/bytes.h"
#include "sys/netns.h"
#include "wire/upstream_query.h"

namespace nxgate::forward {

/// Who hears what became of a TcpQuery: one of these, once.
class TcpClient {
 public:
  virtual void answered_by_tcp(Bytes message) = 0;
  /// Closed or silent without an answer.
  virtual void closed_by_tcp() = 0;
  virtual void failed_by_tcp(int error) = 0;

 protected:
  ~TcpClient() = default;
};

/// A connection of its own for one query (RFC 7766). It has no timeout; whoever started it cancels
/// it. One thread.
class TcpQuery : public std::enable_shared_from_this<TcpQuery> {
 public:
  /// `query` is copied; `client` must live until it has heard, or `cancel`.
  TcpQuery(boost::asio::io_context& loop, TcpClient& client, Bytes query);

  /// Call once. The client may hear before this returns.
  void start(const Endpoint& server, const sys::NetnsRef& netns);
  /// The client hears no more.
  void cancel();

 private:
  static boost::asio::awaitable<void> run(std::shared_ptr<TcpQuery> self);
  boost::asio::awaitable<bool> receive(MutableBytes buffer);
  void fail(int error);
  void close();

  boost::asio::posix::stream_descriptor socket_;
  TcpClient* client_;
  std::array<std::uint8_t, 2 + wire::kLargestUpstreamQuery> frame_;
  std::size_t frame_size_ = 0;
  std::vector<std::uint8_t> message_;
};

}  // namespace nxgate::forward
