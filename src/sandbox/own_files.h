// What a program in a sandbox sees of the file system.
#pragma once

#include <string>
#include <vector>

#include "sandbox/hidden_sockets.h"
#include "sandbox/step.h"

namespace nxgate::sandbox {

/// Where programs in a sandbox find their name server: the gate answers for any address, and takes
/// this one for its own, so that nobody listens in there.
inline constexpr const char* kNameServer = "127.0.0.11";

/// In the calling process's mount namespace, of which nobody else sees anything: a /proc of its own
/// process namespace, a resolv.conf and nsswitch.conf that lead to nxgate alone, and empty
/// directories and files in place of what is hidden. `kept` are sockets that stay.
[[nodiscard]] Done make_own_files(const Hidden& hidden, const std::vector<std::string>& kept);

/// Nor can there be other mount namespaces of whoever is in this user namespace: in one, what is
/// covered could be moved from below its cover.
[[nodiscard]] Done allow_no_mounts();

/// `text` of nsswitch.conf, but hosts are looked for in files and by DNS.
[[nodiscard]] std::string with_plain_hosts(const std::string& text);

}  // namespace nxgate::sandbox
