#include "sys/xdp_queue.h"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <system_error>

#include <linux/if_xdp.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "sys/broker.h"
#include "sys/descriptor.h"
#include "sys/netns.h"

namespace nxgate::sys {
namespace {

/// The least that the kernel takes: a page of packets, and rings of one place.
constexpr std::size_t kMemory = 4096;
constexpr std::uint32_t kChunk = 2048;
constexpr int kPlaces = 1;

/// Memory that the kernel goes on holding when this is gone.
class Pages {
 public:
  Pages()
      : at_(::mmap(nullptr, kMemory, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {}
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  ~Pages() {
    if (at_ != MAP_FAILED) ::munmap(at_, kMemory);
  }
  [[nodiscard]] std::uint64_t address() const noexcept {
    return reinterpret_cast<std::uintptr_t>(at_);
  }
  [[nodiscard]] explicit operator bool() const noexcept { return at_ != MAP_FAILED; }

 private:
  void* at_;
};

template <class Value>
bool set_option(const Descriptor& socket, int option, const Value& value) noexcept {
  return ::setsockopt(socket.get(), SOL_XDP, option, &value, sizeof value) == 0;
}

/// False with errno. Without a program on the link a socket with a ring to receive gets nothing.
bool take(const Descriptor& socket, const LinkQueue& which) noexcept {
  const Pages pages;
  if (!pages) return false;
  xdp_umem_reg memory{};
  memory.addr = pages.address();
  memory.len = kMemory;
  memory.chunk_size = kChunk;
  const sockaddr_xdp at{.sxdp_family = AF_XDP,
                        .sxdp_flags = XDP_COPY,
                        .sxdp_ifindex = which.link,
                        .sxdp_queue_id = which.queue,
                        .sxdp_shared_umem_fd = 0};
  return set_option(socket, XDP_UMEM_REG, memory) &&
         set_option(socket, XDP_UMEM_FILL_RING, kPlaces) &&
         set_option(socket, XDP_UMEM_COMPLETION_RING, kPlaces) &&
         set_option(socket, XDP_RX_RING, kPlaces) &&
         ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0;
}

}  // namespace

std::expected<Descriptor, std::error_code> hold_queue(const NetnsRef& netns,
                                                      const LinkQueue& which) {
  if (const Broker* const broker = Broker::active()) return broker->hold_queue(netns, which);
  Descriptor socket;
  int error = 0;
  const auto entered = in_netns(netns, [&] {
    socket = Descriptor(::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0));
    if (!socket || !take(socket, which)) error = errno;
  });
  if (!entered) error = ENETUNREACH;
  if (error != 0) return std::unexpected(std::error_code(error, std::system_category()));
  return socket;
}

}  // namespace nxgate::sys
