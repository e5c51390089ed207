// One end of a relayed connection.
#pragma once

#include <cstddef>
#include <cstdint>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "base/bytes.h"
#include "sys/descriptor.h"

namespace nxgate::relay {

/// Such a connection, or each that comes by such a listener, ends by itself once the other end
/// gives no sign any more; sends at once; urgent octets come with the others.
void end_when_silent(const sys::Descriptor& socket);

/// A non-blocking TCP socket and waiting for it. Whatever waits ends when it is closed. One thread;
/// it outlives its coroutines.
class Side {
 public:
  struct Got {
    enum class Kind : std::uint8_t {
      kFault = 0,  ///< a reset, or we closed it
      kEnd,
      kBytes,
    };
    Kind kind = Kind::kFault;
    std::size_t count = 0;
  };

  explicit Side(boost::asio::io_context& loop) : waiting_(loop) {}

  /// False if the loop has no room for it.
  [[nodiscard]] bool open(sys::Descriptor socket);
  [[nodiscard]] int get() { return waiting_.native_handle(); }
  [[nodiscard]] bool is_open() const { return waiting_.is_open(); }

  /// Until there is something to read, or room to write; false once it is closed.
  [[nodiscard]] boost::asio::awaitable<bool> readable();
  [[nodiscard]] boost::asio::awaitable<bool> writable();
  /// Waits for something to read.
  [[nodiscard]] boost::asio::awaitable<Got> read(MutableBytes into);
  /// Waits until all of it is in the kernel; false if it never will be.
  [[nodiscard]] boost::asio::awaitable<bool> write(Bytes bytes);

  void end_writing();
  /// Whatever waits for it now ends, as if it were closed.
  void cancel();
  void close();
  /// Closes it so that the other end sees a reset.
  void reset();

 private:
  boost::asio::posix::stream_descriptor waiting_;
};

}  // namespace nxgate::relay
