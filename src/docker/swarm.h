// The networks of a Swarm on which containers of this engine are.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/error.h"
#include "containers/container.h"
#include "containers/shared_network.h"
#include "docker/client.h"
#include "docker/swarm_reader.h"

namespace nxgate::docker {

/// Asks the engine who is there, on whichever node: no event tells when that changes, so every two
/// seconds, and soon after containers of this engine changed. Networks of one engine are asked
/// about once. What is known still holds when the engine doesn't answer.
class Swarm : public std::enable_shared_from_this<Swarm> {
 public:
  /// `changed` is called after `networks` did.
  Swarm(boost::asio::io_context& loop, std::string socket, std::function<void()> changed);

  void start();
  /// Ends all that runs; nothing is called any more.
  void stop();

  /// What runs on this engine now, by id.
  void follow(const std::map<std::string, containers::Container>& running);
  /// Sorted by id.
  [[nodiscard]] std::vector<containers::SharedNetwork> networks() const;

 private:
  static boost::asio::awaitable<void> run(std::shared_ptr<Swarm> self);
  boost::asio::awaitable<void> look();
  void update(const std::string& id, const Result<std::optional<NetworkSeen>>& seen,
              const Result<std::optional<ServiceAliases>>& aliases);

  Client client_;
  std::function<void()> changed_;
  boost::asio::steady_timer due_;
  bool stopped_ = false;
  bool soon_ = false;             ///< something changed since it looked last
  std::set<std::string> wanted_;  ///< ids
  std::set<std::string> local_;   ///< of this engine alone
  std::map<std::string, containers::SharedNetwork> networks_;
};

}  // namespace nxgate::docker
