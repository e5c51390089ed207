#include "peek/upgrade_answer.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>

#include "base/ascii.h"
#include "base/bytes.h"
#include "peek/http_head.h"
#include "peek/http_refusal.h"

namespace nxgate::peek {
namespace {

constexpr std::string_view kVersion = "HTTP/1.";  // and a digit, a space, the status
constexpr std::size_t kStatus = kVersion.size() + 2;
constexpr std::string_view kSwitchingProtocols = "101";
constexpr unsigned kMostInterim = 100;

/// RFC 9112 section 4; a status from 100 to 599.
std::optional<Refusal> check_status_line(std::string_view line) {
  const std::string_view status = line.substr(std::min(kStatus, line.size()), 3);
  const std::string_view rest = line.substr(std::min(kStatus + 3, line.size()));
  const bool holds = line.starts_with(kVersion) && status.size() == 3 &&
                     is_digit(line[kVersion.size()]) && line[kStatus - 1] == ' ' &&
                     status[0] >= '1' && status[0] <= '5' && is_digit(status[1]) &&
                     is_digit(status[2]) && (rest.empty() || rest.starts_with(' '));
  if (holds) return std::nullopt;
  return Refusal{502, "an answer that isn't of HTTP/1"};
}

}  // namespace

UpgradeAnswer::UpgradeAnswer() : head_(check_status_line) {}

UpgradeAnswer::State UpgradeAnswer::read(Bytes bytes) {
  while (state_ == State::kMore && !bytes.empty()) {
    switch (head_.take(bytes)) {
      case HttpHead::State::kBroken:
        return state_ = State::kBroken;
      case HttpHead::State::kIncomplete:
        break;
      case HttpHead::State::kComplete:
        read_head();
        break;
    }
  }
  return state_;
}

UpgradeAnswer::State UpgradeAnswer::read_head() {
  const std::string_view status = head_.text().substr(kStatus, 3);
  if (status == kSwitchingProtocols) {
    state_ = State::kSwitched;
  } else if (!status.starts_with('1')) {
    state_ = State::kDeclined;
  } else if (++interim_ > kMostInterim) {
    state_ = State::kBroken;
  }
  head_.clear();
  return state_;
}

}  // namespace nxgate::peek
