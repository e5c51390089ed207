// Whether containers are there in whose network namespaces nxgate listens or asks.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "app/rights.h"
#include "store/standing_fault.h"

namespace nxgate::app {

/// Asks the helper, which follows them, once a second, and logs what changed. Main thread.
class ContainerWatch {
 public:
  explicit ContainerWatch(boost::asio::io_context& loop) : timer_(loop) {}

  /// From now on, until it is destroyed.
  void follow(const NamedContainers& containers);
  /// Those that aren't there.
  [[nodiscard]] std::vector<store::StandingFault> standing_faults() const;

 private:
  struct Followed {
    std::string users;                 ///< what waits for it
    std::optional<std::string> fault;  ///< as logged; empty: it is there
  };
  void look();
  void look_again();

  boost::asio::steady_timer timer_;
  std::map<std::string, Followed> followed_;
};

}  // namespace nxgate::app
