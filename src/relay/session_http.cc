// A session whose client begins with HTTP/1.
#include <boost/asio/awaitable.hpp>

#include "engine/connection.h"
#include "relay/session.h"

namespace nxgate::relay {

namespace asio = boost::asio;

asio::awaitable<void> Session::run_http() {
  broken("HTTP isn't checked yet");
  co_return;
}

}  // namespace nxgate::relay
