#include "peek/http_requests.h"

#include <string>
#include <utility>

#include "base/bytes.h"
#include "peek/http_body.h"
#include "peek/http_head.h"
#include "peek/http_refusal.h"
#include "peek/http_request.h"

namespace nxgate::peek {

HttpRequests::Step HttpRequests::refuse(const Refusal& refusal) {
  refusal_ = refusal;
  state_ = State::kRefused;
  return Step::kRefused;
}

HttpRequests::Step HttpRequests::take(Bytes& bytes, std::string& out) {
  while (true) {
    switch (state_) {
      case State::kRefused:
        return Step::kRefused;
      case State::kHead:
        switch (head_.take(bytes)) {
          case HttpHead::State::kBroken:
            return refuse(head_.refusal());
          case HttpHead::State::kIncomplete:
            return Step::kMore;
          case HttpHead::State::kComplete:
            return read_head();
        }
      case State::kJudge:
        return Step::kJudge;
      case State::kBody:
        switch (body_.take(bytes, out)) {
          case HttpBody::State::kBroken:
            return refuse({400, body_.fault()});
          case HttpBody::State::kIncomplete:
            return Step::kMore;
          case HttpBody::State::kComplete:
            state_ = State::kHead;
            continue;
        }
      case State::kAnswer:
        return Step::kAnswer;
      case State::kSwitched:
        return Step::kSwitched;
    }
  }
}

HttpRequests::Step HttpRequests::read_head() {
  auto read = read_request(head_.text(), first_);
  head_.clear();
  first_ = false;
  if (!read) return refuse(read.error());
  request_ = *std::move(read);
  state_ = State::kJudge;
  return Step::kJudge;
}

void HttpRequests::allow(std::string& out) {
  if (state_ != State::kJudge) return;
  out += std::exchange(request_.text, {});
  body_ = HttpBody(request_.body);
  state_ = request_.asks_websocket ? State::kAnswer : State::kBody;
}

void HttpRequests::answered(bool switched) noexcept {
  if (state_ == State::kAnswer) state_ = switched ? State::kSwitched : State::kHead;
}

}  // namespace nxgate::peek
