// A session whose client begins with HTTP/1.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/bytes.h"
#include "base/clock.h"
#include "peek/http_refusal.h"
#include "peek/http_requests.h"
#include "peek/upgrade_answer.h"
#include "relay/pump.h"
#include "relay/session.h"
#include "relay/side.h"

namespace nxgate::relay {

namespace asio = boost::asio;

namespace {

using Step = peek::HttpRequests::Step;

constexpr std::size_t kHttpPiece = 16UL << 10;
/// For a server to answer an upgrade, or to say all that it owes before a client is told of a
/// refusal.
constexpr Seconds kToFinish{10};
constexpr unsigned kForbidden = 403;

Bytes bytes_in(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

struct Session::Http {
  peek::HttpRequests requests;
  std::string out{};            ///< what may go on to the server
  std::string refusal{};        ///< what the client is told at the end; empty if nothing is refused
  asio::steady_timer answered;  ///< expires once the server has answered an upgrade
};

asio::awaitable<void> Session::run_http() {
  Http http{.answered = asio::steady_timer(context_.loop, asio::steady_timer::time_point::max())};
  Bytes left;
  Step step = Step::kMore;
  while (step == Step::kMore) {
    left = co_await read_more();
    if (left.empty()) co_return;
    step = http.requests.take(left, http.out);
  }
  if (!may_go_on(http, step)) co_return co_await say_goodbye(bytes_in(http.refusal));
  const bool upgrades = http.requests.request().asks_websocket;
  std::vector<std::uint8_t> rest(left.begin(), left.end());
  release_held();
  if (!co_await connect()) co_return close();
  using boost::asio::experimental::awaitable_operators::operator&&;
  co_await (send_requests(http, std::move(rest)) && hand_back(http, upgrades));
}

/// Whether a request that is complete is allowed, and what is to be said if it isn't.
bool Session::may_go_on(Http& http, Step step) {
  const peek::RequestHead& request = http.requests.request();
  const bool to_head = request.method == "HEAD";
  if (step == Step::kRefused) {
    const peek::Refusal& refusal = http.requests.refusal();
    broken(refusal.reason);
    http.refusal = peek::refusal_response(refusal.status, "nxgate " + refusal_text());
    return false;
  }
  if (step != Step::kJudge) return true;
  if (!decide(request.authority.host)) {
    http.refusal = peek::refusal_response(kForbidden, "nxgate " + refusal_text(), to_head);
    return false;
  }
  http.requests.allow(http.out);
  return true;
}

/// What the client says goes on once it is allowed, request by request, until an upgrade makes it
/// something else.
asio::awaitable<void> Session::send_requests(Http& http, std::vector<std::uint8_t> rest) {
  Bytes left = rest;
  std::array<std::uint8_t, kHttpPiece> piece;
  for (int turn = 1;; ++turn) {
    if (turn % kTurn == 0) co_await asio::post(context_.loop, asio::use_awaitable);
    const Step step = http.requests.take(left, http.out);
    const bool goes_on = may_go_on(http, step);
    if (!co_await server_.write(bytes_in(http.out))) co_return close();
    sent_ += std::exchange(http.out, {}).size();
    if (!goes_on) co_return finish_refused();
    if (step == Step::kAnswer) {
      end_server_after(kToFinish);
      (void)co_await wait_for(http.answered);
      deadline_.cancel();
    } else if (step == Step::kSwitched) {
      break;
    } else if (step == Step::kMore) {
      if (!hold(http.requests.held())) co_return close();
      const Side::Got got = co_await client_.read(piece);
      if (got.kind == Side::Got::Kind::kFault) co_return close();
      if (got.kind == Side::Got::Kind::kEnd) co_return server_.end_writing();
      left = Bytes(piece).first(got.count);
    }
    if (!client_.is_open()) co_return;
  }
  if (!co_await server_.write(left)) co_return close();
  sent_ += left.size();
  rest = {};
  co_await hand_on(client_, server_, sent_);
}

/// The server may still owe answers to what was allowed before; they come first.
void Session::finish_refused() {
  server_.end_writing();
  end_server_after(kToFinish);
}

asio::awaitable<void> Session::hand_back(Http& http, bool upgrades) {
  const bool goes_on = !upgrades || co_await hand_back_answer(http);
  http.answered.expires_at(asio::steady_timer::time_point::min());
  if (!goes_on) co_return close();
  const End end = co_await pump(server_, client_, context_.pipes, received_);
  if (end == End::kBroken) co_return close();
  if (!http.refusal.empty()) co_return co_await say_goodbye(bytes_in(http.refusal));
  client_.end_writing();
}

/// Up to what the server says to an upgrade.
asio::awaitable<bool> Session::hand_back_answer(Http& http) {
  peek::UpgradeAnswer answer;
  std::array<std::uint8_t, kHttpPiece> piece;
  while (answer.state() == peek::UpgradeAnswer::State::kMore) {
    const Side::Got got = co_await server_.read(piece);
    if (got.kind != Side::Got::Kind::kBytes) co_return false;
    const Bytes bytes = Bytes(piece).first(got.count);
    if (answer.read(bytes) == peek::UpgradeAnswer::State::kBroken) {
      event_.why = "the server's answer to an upgrade isn't HTTP/1";
      co_return false;
    }
    if (!co_await client_.write(bytes)) co_return false;
    received_ += got.count;
  }
  http.requests.answered(answer.state() == peek::UpgradeAnswer::State::kSwitched);
  co_return true;
}

}  // namespace nxgate::relay
