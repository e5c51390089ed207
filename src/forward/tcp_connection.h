// One TCP connection to an upstream server.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <system_error>
#include <vector>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/unordered/unordered_flat_map.hpp>

#include "base/bytes.h"
#include "base/clock.h"
#include "forward/alarm.h"
#include "forward/channel.h"
#include "forward/socket_resources.h"
#include "forward/tcp_messages.h"
#include "sys/descriptor.h"

namespace nxgate::forward {

/// Carries many queries at once, each with an id of its own, whose answers come in any order (RFC
/// 7766 section 6.2.1.1); what is sent in one turn of the loop leaves by one system call. It is
/// kept for a while when no query waits. It ends when the server closes it, sends anything that is
/// no answer, or isn't there in time, and its owner takes care of what still waits. One thread.
class TcpConnection final : public QuerySocket,
                            private Alarm,
                            public std::enable_shared_from_this<TcpConnection> {
 public:
  /// The owner; must close it before its own end.
  class Owner {
   public:
    /// Something was answered: there may be room again.
    virtual void answered(TcpConnection& connection) = 0;
    /// It is closed, and is to be forgotten; queries that waited are to be taken from it.
    virtual void ended(TcpConnection& connection, const ChannelFailure& failure, Instant now) = 0;

   protected:
    ~Owner() = default;
  };

  /// The most queries that may lack their answer, those included that nobody waits for any more.
  static constexpr std::size_t kMostQueries = 512;
  /// How long it is kept when no query waits. Most servers keep theirs longer; one that doesn't
  /// costs a repeated query.
  static constexpr Seconds kKeptIdle{10};
  static constexpr Seconds kLongestConnect{3};
  /// Silence for so long, while something is asked, is reason to ask by another connection.
  static constexpr Milliseconds kStalledAfter{200};
  /// Above this number of connections of one worker none is kept idle.
  static constexpr std::size_t kMostIdle = 128;

  /// Over a socket that is being connected. The error is the loop's, when it can't take one more.
  [[nodiscard]] static std::expected<std::shared_ptr<TcpConnection>, std::error_code> open(
      SocketResources& resources, Owner& owner, sys::Descriptor socket, Instant now);
  ~TcpConnection();
  TcpConnection(const TcpConnection&) = delete;
  TcpConnection& operator=(const TcpConnection&) = delete;

  /// Sends `query` soon; there must be room.
  void enter(WaitingQuery& query, Instant now);
  void leave(std::uint16_t id) noexcept override;
  /// Takes no more queries, and ends when none waits.
  void retire(Instant now);
  /// Closes it, without a call to the owner.
  void close() noexcept;
  /// One of those that wait, which do so no more; null if none does. For the owner, at the end.
  [[nodiscard]] WaitingQuery* take() noexcept;

  [[nodiscard]] bool has_room() const noexcept;
  [[nodiscard]] bool stalled(Instant now) const noexcept;
  /// How many queries wait.
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_; }
  /// How many messages have come in its life that were answers.
  [[nodiscard]] std::size_t answers() const noexcept { return answers_; }

 private:
  TcpConnection(SocketResources& resources, Owner& owner, Instant now);

  /// Queries that a server doesn't read are kept up to this.
  static constexpr std::size_t kMostUnsent = std::size_t{1} << 16;

  void ring() override;
  void connected();
  void wait_readable();
  void read();
  [[nodiscard]] bool deliver(Bytes message, Instant now);
  void flush_soon();
  void flush();
  [[nodiscard]] std::uint16_t draw_id();
  void rest(Instant now);
  void end(const ChannelFailure& failure, Instant now);

  SocketResources& resources_;
  std::weak_ptr<std::size_t> count_;  ///< of all connections of the worker
  Owner& owner_;
  boost::asio::posix::stream_descriptor socket_;
  /// By id; null for one that was cancelled, whose late answer is no junk.
  boost::unordered_flat_map<std::uint16_t, WaitingQuery*> queries_;
  std::size_t waiting_ = 0;
  std::size_t answers_ = 0;
  std::vector<std::uint8_t> unsent_;
  TcpMessages messages_;
  Instant quiet_since_;  ///< when something came last, or a first query began to wait
  bool connected_ = false;
  bool flushing_ = false;
  bool retired_ = false;
  bool ended_ = false;
};

}  // namespace nxgate::forward
