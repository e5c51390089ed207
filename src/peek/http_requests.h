// The requests of an HTTP/1 connection, each of which is judged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "peek/http_authority.h"
#include "peek/http_body.h"
#include "peek/http_head.h"
#include "peek/http_refusal.h"
#include "peek/http_request.h"

namespace nxgate::peek {

/// Reads what a client sends, and writes what goes on to the server: the same requests, put
/// together again. Nothing of a request goes on before it is allowed. The result depends on the
/// octets alone, not on how they are split. Memory: one head, at most HttpHead::kLongest, twice.
class HttpRequests {
 public:
  enum class Step : std::uint8_t {
    kRefused = 0,  ///< `refusal` says why; the connection must end
    kMore,         ///< all octets were taken
    kJudge,        ///< a head is complete: see `request`, then `allow` it or end the connection
    kAnswer,       ///< an upgrade went on: see UpgradeAnswer, then `answered`
    kSwitched,     ///< an upgrade was granted: all that follows goes on unread
  };

  /// Takes octets from the front of `bytes`, and appends what may go on to `out`. What isn't taken
  /// is given again with the next call; until then it is the caller's.
  Step take(Bytes& bytes, std::string& out);

  /// How many octets of a head it holds that isn't complete.
  [[nodiscard]] std::size_t held() const noexcept { return head_.text().size(); }
  /// After kJudge, up to the next head. Its host is a name or an address.
  [[nodiscard]] const RequestHead& request() const noexcept { return request_; }
  /// After kJudge: appends the head to `out`.
  void allow(std::string& out);
  /// After kAnswer: what the server said to the upgrade.
  void answered(bool switched) noexcept;

  [[nodiscard]] const Refusal& refusal() const noexcept { return refusal_; }  ///< of kRefused

 private:
  enum class State : std::uint8_t { kRefused = 0, kHead, kJudge, kBody, kAnswer, kSwitched };

  Step refuse(const Refusal& refusal);
  Step read_head();

  State state_ = State::kHead;
  bool first_ = true;
  HttpHead head_{check_request_line};
  RequestHead request_;
  HttpBody body_;
  Refusal refusal_;
};

}  // namespace nxgate::peek
