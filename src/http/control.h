// The port through which requests to the control socket are answered; `control` implements it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <sys/types.h>

namespace nxgate::http {

/// Who asks, as the kernel says (SO_PEERCRED); nobody in particular over TCP.
struct Peer {
  std::optional<uid_t> user;
};

struct Request {
  std::string method;  ///< `GET`, in capitals
  std::string path;    ///< decoded, without the query
  std::map<std::string, std::string> query;
  std::string accept;  ///< the header of that name
  std::string body;
  Peer peer;
};

/// A body that goes on as long as the client listens. It is asked for more only when all it gave
/// was sent, so that a client which reads slowly holds up nobody but itself.
class Feed {
 public:
  virtual ~Feed() = default;
  /// What has come up since; empty if nothing has.
  [[nodiscard]] virtual std::string next() = 0;
};

struct Reply {
  unsigned status = 200;
  std::string type = "application/json";
  std::string body;
  std::unique_ptr<Feed> feed;  ///< instead of a body
};

class Control {
 public:
  virtual ~Control() = default;
  /// On the thread of the server's loop; may throw, which is a 500. The request stays until it is
  /// answered.
  [[nodiscard]] virtual boost::asio::awaitable<Reply> handle(const Request& request) = 0;
};

}  // namespace nxgate::http
