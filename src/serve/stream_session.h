// Queries and answers over one connection of a client.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>

#include "base/address.h"
#include "base/bytes.h"
#include "base/census.h"
#include "base/client_key.h"
#include "base/clock.h"
#include "serve/stream.h"
#include "serve/worker_context.h"

namespace nxgate::serve {

/// Reads queries framed by their length (RFC 1035 section 4.2.2), however segmented, and writes
/// each answer as soon as there is one, in any order (RFC 7766 section 6.2.1.1 and 7).
///
/// One coroutine reads and has the queries answered, as many as are there in one go; writes are
/// handed over one at a time, each with all the answers that have gathered, and only what the
/// stream doesn't take at once is kept. For each question there must be room for the longest answer
/// (TcpLimits) before it is taken; otherwise it is left in the connection. A client that closes its
/// side, or sends an empty message, still gets the answers it is owed. One thread.
class StreamSession : public std::enable_shared_from_this<StreamSession> {
 public:
  StreamSession(std::unique_ptr<Stream> stream, const Endpoint& client,
                std::shared_ptr<const Listener> listener, WorkerContext& worker);

  void start(Census::Place place);

  /// Takes no further query, and closes when all are answered.
  void drain();
  void close();

  [[nodiscard]] bool open() const noexcept { return stream_->open(); }
  [[nodiscard]] const Listener& listener() const noexcept { return *listener_; }
  /// The client that it counts for.
  [[nodiscard]] ClientKey client() const noexcept { return key_; }
  /// Whether the client has been silent with no reply pending, or has left an answer unread, for
  /// too long.
  [[nodiscard]] bool overdue(Instant now) const noexcept;

 private:
  class Late;

  static boost::asio::awaitable<void> run(std::shared_ptr<StreamSession> self);
  boost::asio::awaitable<void> read();
  boost::asio::awaitable<void> progress();

  void take_queries();
  void answer(Bytes query);
  void answer_late(Bytes reply);
  void queue(Bytes reply);
  void flush();
  void written(const boost::system::error_code& error);
  void settle();

  [[nodiscard]] std::size_t owed() const noexcept;
  [[nodiscard]] bool reserve();
  void give_back(std::size_t bytes) noexcept;
  [[nodiscard]] bool owes_nothing() const noexcept;

  std::unique_ptr<Stream> stream_;
  Endpoint client_;
  ClientKey key_;
  std::shared_ptr<const Listener> listener_;
  WorkerContext& worker_;
  boost::asio::steady_timer progress_;  ///< never expires; cancelled to wake the reader
  std::optional<Census::Place> place_;

  std::vector<std::uint8_t> input_;
  std::size_t filled_ = 0;             ///< bytes of input_ that were received
  std::vector<std::uint8_t> output_;   ///< answers that wait for the write to end
  std::vector<std::uint8_t> writing_;  ///< answers in the write under way
  std::size_t unanswered_ = 0;
  std::size_t borrowed_ = 0;  ///< bytes of TcpRoom
  bool stalled_ = false;      ///< there was no room for the next question
  bool input_ended_ = false;
  Instant last_active_ = Clock::now();  ///< a whole query came, or a write ended
  Instant write_began_;
};

}  // namespace nxgate::serve
