// A session at a port where no name is said: the server may speak first.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>

#include "peek/server_name.h"
#include "relay/octets.h"
#include "relay/session.h"
#include "relay/side.h"

namespace nxgate::relay {

namespace asio = boost::asio;

asio::awaitable<void> Session::run_by_address() {
  using boost::asio::experimental::awaitable_operators::operator&&;
  if (!decide(peek::ServerName::absent()) || !co_await connect()) co_return close();
  co_await (hand_on(client_, server_, sent_) && hand_on(server_, client_, received_));
}

}  // namespace nxgate::relay
