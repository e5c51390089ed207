#include "top/top.h"

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "http/client.h"
#include "top/background_request.h"
#include "top/feed.h"
#include "top/layout.h"
#include "top/model.h"
#include "top/screen.h"
#include "top/view.h"

namespace nxgate::top {

namespace json = boost::json;

namespace {

constexpr auto kStatusEvery = std::chrono::seconds(1);

volatile std::sig_atomic_t interrupted = 0;

/// Signals that end a program end the loop while this lives, so that the terminal is given back.
class Interruptions {
 public:
  Interruptions() {
    interrupted = 0;
    struct sigaction action{};
    action.sa_handler = [](int) { interrupted = 1; };
    for (std::size_t i = 0; i < std::size(kSignals); ++i) {
      ::sigaction(kSignals[i], &action, &before_[i]);
    }
  }
  ~Interruptions() {
    for (std::size_t i = 0; i < std::size(kSignals); ++i) {
      ::sigaction(kSignals[i], &before_[i], nullptr);
    }
  }
  Interruptions(const Interruptions&) = delete;
  Interruptions& operator=(const Interruptions&) = delete;

 private:
  static constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};
  struct sigaction before_[std::size(kSignals)]{};
};

class Session {
 public:
  Session(const std::string& socket, boost::json::object status)
      : status_(socket), request_(socket), feed_(socket) {
    head_.status = std::move(status);
  }

  Result<void> run(Screen& screen) {
    while (interrupted == 0) {
      auto ended = take_events();
      if (ended) return std::unexpected(*std::move(ended));
      ask_status();
      if (const auto answer = request_.take()) view_.answer(*answer);
      const auto counted = Clock::now() - began_;
      head_.seconds = static_cast<std::uint64_t>(
          std::chrono::duration_cast<std::chrono::seconds>(counted).count());
      screen.draw(lay_out(head_, view_, model_, screen.size()));
      const auto press = screen.read();
      if (press && !obey(view_.press(*press, model_))) return {};
    }
    return {};
  }

 private:
  std::optional<Error> take_events() {
    Feed::Batch batch = feed_.take();
    for (const std::string& line : batch.lines) model_.add(line);
    model_.miss(batch.dropped);
    return std::move(batch.ended);
  }

  void ask_status() {
    if (const auto answer = status_.take(); answer && *answer) {
      if (auto status = parse_object(**answer)) head_.status = *std::move(status);
    }
    if (status_.busy() || Clock::now() < next_status_) return;
    next_status_ = Clock::now() + kStatusEvery;
    status_.ask({"GET", {"/v1/status", {}}, {}});
  }

  /// False if this is the end.
  bool obey(Step step) {
    if (std::holds_alternative<Quit>(step)) return false;
    if (std::holds_alternative<Reset>(step)) {
      model_.reset();
      began_ = Clock::now();
    }
    if (auto* const inquiry = std::get_if<Inquiry>(&step)) {
      if (request_.busy()) {
        view_.tell("the server hasn't replied to the last request yet");
      } else {
        request_.ask(std::move(*inquiry));
      }
    }
    return true;
  }

  Model model_;
  View view_;
  Head head_;
  Clock::time_point began_ = Clock::now();
  Clock::time_point next_status_ = began_ + kStatusEvery;
  BackgroundRequest status_;
  BackgroundRequest request_;
  Feed feed_;
};

}  // namespace

Result<void> show(const std::string& socket, bool colour) {
  // Where there is no server, that is said without a screen that comes and goes.
  const auto answer = http::ask(socket, "GET", {"/v1/status", {}});
  if (!answer) return std::unexpected(answer.error());
  const auto status = parse_object(*answer);
  if (!status) return fail("the server's reply is not JSON");
  const Interruptions interruptions;
  const auto screen = Screen::open(colour);
  if (!screen) return std::unexpected(screen.error());
  return Session(socket, *status).run(**screen);
}

}  // namespace nxgate::top
