// Messages of bounded size, and descriptors, between two processes of ours.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <sys/socket.h>

#include "base/bytes.h"
#include "base/error.h"
#include "sys/descriptor.h"

namespace nxgate::helper {

/// One end of a pair of connected sockets that keep messages apart (SOCK_SEQPACKET). A message is a
/// trivially copyable value, behind which bytes may stand, and with which descriptors may go. It
/// waits, without end unless `give_up_after` says for how long, and goes on after a signal. One
/// thread at a time.
class MessageChannel {
 public:
  /// With one message.
  static constexpr std::size_t kMostDescriptors = 16;

  /// Both ends.
  [[nodiscard]] static Result<std::pair<MessageChannel, MessageChannel>> pair();

  /// ETIMEDOUT if the other end takes nothing for too long. Of `is_local_lack` (sys/socket.h): the
  /// kernel can't send this message now, of which nothing was sent, and the channel is as before;
  /// so with a descriptor while the user of this process has too many on their way (ETOOMANYREFS),
  /// unless it has CAP_SYS_ADMIN or CAP_SYS_RESOURCE. All else: the other end is gone.
  template <class Message>
    requires std::is_trivially_copyable_v<Message>
  [[nodiscard]] std::error_code send(const Message& message, Bytes behind = {},
                                     std::span<const sys::Descriptor> with = {}) const noexcept {
    return send(Bytes(reinterpret_cast<const std::uint8_t*>(&message), sizeof message), behind,
                with);
  }

  /// Nothing if the other end is gone or silent for too long, or what came doesn't fit. `behind` is
  /// room for the bytes behind it, of which those that came are left; without it there may be none.
  /// Descriptors that came go to `with`, or are closed.
  template <class Message>
    requires std::is_trivially_copyable_v<Message>
  [[nodiscard]] std::optional<Message> receive(MutableBytes* behind = nullptr,
                                               std::vector<sys::Descriptor>* with = nullptr) const {
    Message message{};
    MutableBytes nothing;
    const bool whole =
        receive(MutableBytes(reinterpret_cast<std::uint8_t*>(&message), sizeof message),
                behind == nullptr ? nothing : *behind, with);
    return whole ? std::optional(message) : std::nullopt;
  }

  /// From now on waits at most so many times kWait for each message.
  void give_up_after(int waits) noexcept { waits_ = waits; }
  /// Short against what is waited for: a computer or a container that is paused ends one wait and
  /// not all, so that the other end has its time afterwards.
  static constexpr std::chrono::milliseconds kWait{500};

  /// Both ends are at their end, and whoever waits at one is woken. Any thread.
  void shut() const noexcept;
  /// So that the other end notices.
  void close() noexcept { end_ = sys::Descriptor(); }
  [[nodiscard]] const sys::Descriptor& descriptor() const noexcept { return end_; }

 private:
  explicit MessageChannel(sys::Descriptor end) noexcept : end_(std::move(end)) {}

  [[nodiscard]] std::error_code send(Bytes message, Bytes behind,
                                     std::span<const sys::Descriptor> with) const noexcept;
  [[nodiscard]] bool receive(MutableBytes message, MutableBytes& behind,
                             std::vector<sys::Descriptor>* with) const;

  /// False if there was nothing to do for too long; always true without a bound.
  [[nodiscard]] bool wait_for(short events) const noexcept;
  [[nodiscard]] int flags() const noexcept { return waits_ == 0 ? 0 : MSG_DONTWAIT; }

  sys::Descriptor end_;
  int waits_ = 0;  ///< 0 is without a bound
};

/// Calls `send` until it gives no error of `is_local_lack`, for a second at most; the last error.
[[nodiscard]] std::error_code send_once_there_is_room(const std::function<std::error_code()>& send);

}  // namespace nxgate::helper
