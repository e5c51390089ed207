#include "app/container_watch.h"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <boost/system/error_code.hpp>
#include <fmt/core.h>
#include <fmt/ranges.h>

#include "app/rights.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/standing_fault.h"
#include "sys/netns.h"

namespace nxgate::app {
namespace {

constexpr Milliseconds kBetweenLooks{1000};

}  // namespace

void ContainerWatch::follow(const NamedContainers& containers) {
  if (containers.empty()) return;
  for (const auto& [name, users] : containers) {
    followed_[name] = {.users = fmt::format("{}", fmt::join(users, ", ")), .fault = {}};
  }
  look_again();
}

void ContainerWatch::look_again() {
  timer_.expires_after(kBetweenLooks);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    look();
    look_again();
  });
}

void ContainerWatch::look() {
  for (auto& [name, followed] : followed_) {
    const auto opened = sys::NetnsRef("container:" + name).open();
    std::string fault = opened ? "" : opened.error().message;
    if (std::exchange(followed.fault, fault) == fault) continue;
    if (fault.empty()) {
      log::info("container {} is there, for {}", name, followed.users);
    } else {
      log::warning("{}; waiting for it: {}", fault, followed.users);
    }
  }
}

std::vector<store::StandingFault> ContainerWatch::standing_faults() const {
  std::vector<store::StandingFault> standing;
  for (const auto& [name, followed] : followed_) {
    if (followed.fault.value_or("").empty()) continue;
    standing.push_back({store::FaultSource::kContainers,
                        fmt::format("{}; waiting for it: {}", *followed.fault, followed.users)});
  }
  return standing;
}

}  // namespace nxgate::app
