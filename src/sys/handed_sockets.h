// Sockets that the service manager opened for us: sd_listen_fds(3), without its library.
#pragma once

#include <string>
#include <vector>

#include "base/address.h"
#include "base/error.h"
#include "sys/descriptor.h"
#include "sys/socket.h"

namespace nxgate::sys {

/// The service manager's variables in the environment.
struct ListenEnvironment {
  std::string count;    ///< LISTEN_FDS
  std::string process;  ///< LISTEN_PID, for whom they are
  std::string names;    ///< LISTEN_FDNAMES, with colons in between

  /// Reads the three variables, and removes them, for they are not meant for children. Call before
  /// the first thread is started.
  [[nodiscard]] static ListenEnvironment take();
};

/// A UDP or TCP socket that the service manager bound.
struct HandedSocket {
  std::string name;  ///< `socket 3 (dns.socket), 127.0.0.1:53/udp`
  Descriptor socket;
  SocketKind kind = SocketKind::kUdp;
  Endpoint endpoint;
  std::string interface;  ///< SO_BINDTODEVICE; empty for any
  /// Whether the kernel lets this process open sockets beside it: it has SO_REUSEPORT, is a socket
  /// of our user and in our network namespace.
  bool shareable = false;
};

/// The descriptors from `first` on, as many as the environment says; none if they are for another
/// process. From here on they are closed on exec. One that can't be listened at is an error that
/// names it: no socket at all, a connection, neither UDP nor TCP, bound to no port, or [::] that
/// takes IPv4 as well, whose clients could not be told apart.
[[nodiscard]] Result<std::vector<HandedSocket>> take_handed_sockets(const ListenEnvironment& said,
                                                                    int first = 3);

}  // namespace nxgate::sys
