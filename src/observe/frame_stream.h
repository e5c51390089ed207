// Frames to a reader of Frame Streams (libfstrm), as dnstap has them.
//
// libfstrm does the handshake and the framing. Its own sockets and its own thread wait for ever for
// a reader that stalls, and don't tell what they dropped, so both are ours.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <variant>

#include <fstrm.h>
#include <sys/uio.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/error.h"
#include "sys/descriptor.h"

namespace nxgate::observe {

/// The path of a unix socket, or a TCP port.
using ReaderAddress = std::variant<std::string, Endpoint>;

[[nodiscard]] std::string to_string(const ReaderAddress& address);

/// One connection. Each wait for the reader ends after kPatience, and all that are left together
/// within kStopWait once stop is requested. One thread.
class FrameStream {
 public:
  static constexpr Milliseconds kPatience{5000};
  static constexpr Milliseconds kStopWait{1000};

  /// Connects, and agrees with the reader that frames are dnstap's. The error names the address.
  [[nodiscard]] static Result<std::unique_ptr<FrameStream>> open(const ReaderAddress& to,
                                                                 const std::stop_token& stop);
  /// Tells the reader that this was all, and waits until it says that it has it, unless the
  /// connection failed before.
  ~FrameStream();
  FrameStream(const FrameStream&) = delete;
  FrameStream& operator=(const FrameStream&) = delete;

  /// False if not all of it could be written; then the connection is of no more use.
  [[nodiscard]] bool write(std::span<const iovec> frames);
  /// Whether the reader went away.
  [[nodiscard]] bool ended() const noexcept;

 private:
  struct WriterEnd {
    void operator()(fstrm_writer* writer) const noexcept { ::fstrm_writer_destroy(&writer); }
  };

  explicit FrameStream(const std::stop_token& stop) : stop_(stop) {}

  [[nodiscard]] Result<void> connect(const ReaderAddress& to);
  [[nodiscard]] bool make_writer();
  [[nodiscard]] bool wait_for(short events);
  [[nodiscard]] fstrm_res read(std::span<std::byte> into);
  [[nodiscard]] fstrm_res send(std::span<const iovec> pieces);

  const std::stop_token stop_;
  sys::Descriptor socket_;
  std::optional<Instant> stop_deadline_;  ///< when no wait is allowed any more
  bool failed_ = false;
  std::unique_ptr<fstrm_writer, WriterEnd> writer_;  // goes first: it writes to the socket
};

}  // namespace nxgate::observe
