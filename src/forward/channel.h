// How one upstream server is reached: the port that transports implement.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include <boost/intrusive/list.hpp>

#include "base/bytes.h"
#include "base/clock.h"

namespace nxgate::forward {

/// Why a channel gives up a query.
struct ChannelFailure {
  enum class Kind : std::uint8_t {
    kNetwork,  ///< the network can't deliver, or we have no socket: `error` is the errno
    kClosed,   ///< the server closed the connection without an answer
    kJunk,     ///< too much came that is no answer to trust this socket
  };
  Kind kind = Kind::kNetwork;
  int error = 0;
};

/// A socket at which queries wait, by the id that they have there.
class QuerySocket {
 public:
  virtual void leave(std::uint16_t id) noexcept = 0;

 protected:
  ~QuerySocket() = default;
};

/// A query that a channel sends, and the receiver of its answer. `fail` is called once or not at
/// all; it may cancel, submit itself again or be destroyed in any of these calls.
class WaitingQuery : public boost::intrusive::list_base_hook<
                         boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  /// Writes the query with that id, with random letter case (0x20) if answers could be forged. It
  /// is written anew where it must be sent again.
  virtual void compose(std::uint16_t id, bool mixed_case) = 0;
  /// What was composed last; it stays what and where it is while the query waits.
  [[nodiscard]] virtual Bytes bytes() const noexcept = 0;
  /// A message came with its id, or with one that is nobody's. False if it is junk to it; else it
  /// waits no more. With an id that is nobody's it may also go on waiting, by false.
  virtual bool receive(Bytes message, bool own_id, Instant now) = 0;
  /// It waits no more.
  virtual void fail(const ChannelFailure& failure, Instant now) = 0;

  /// Ends its wait; no more calls follow.
  void cancel() noexcept {
    unlink();
    if (socket_) std::exchange(socket_, nullptr)->leave(id_);
  }

  // For channels.

  void wait_at(std::shared_ptr<QuerySocket> socket, std::uint16_t id) noexcept {
    socket_ = std::move(socket);
    id_ = id;
  }
  /// Waits at no socket, which has forgotten it already.
  void release() noexcept { socket_.reset(); }
  bool retried = false;  ///< the channel has sent it again, by itself

 protected:
  WaitingQuery() = default;
  ~WaitingQuery() = default;

 private:
  std::shared_ptr<QuerySocket> socket_;  ///< lives as long as somebody waits there
  std::uint16_t id_ = 0;
};

/// Queries that wait for a socket; one that is cancelled leaves the list by itself.
using QueryList = boost::intrusive::list<WaitingQuery, boost::intrusive::constant_time_size<false>>;

/// Reaches one server by one transport, for one worker. It has no timeout for a query: whoever
/// submits one cancels it at its deadline. One thread.
class Channel {
 public:
  Channel() = default;
  virtual ~Channel() = default;
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  /// Sends `query` soon, from a socket that the channel chooses, with an id of that socket's own.
  /// The query may hear before this returns, and must have heard or be cancelled before the channel
  /// ends.
  virtual void submit(WaitingQuery& query, Instant now) = 0;
  /// As the log says it.
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
};

}  // namespace nxgate::forward
