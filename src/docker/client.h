// Requests to a Docker engine over its unix socket.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "base/error.h"
#include "containers/engine.h"
#include "docker/container_reader.h"
#include "docker/event.h"
#include "docker/image.h"
#include "docker/swarm_reader.h"
#include "http/answer.h"

namespace nxgate::docker {

/// The path of the engine's socket: `configured` (a path or `unix://PATH`) if it isn't empty, else
/// DOCKER_HOST from the environment, else /var/run/docker.sock. Other kinds of addresses (tcp://,
/// ssh://) are refused with an error that says what to do: only namespaces on this machine can be
/// entered.
[[nodiscard]] Result<std::string> engine_socket(std::string_view configured);

class Requests;

using containers::EngineVersion;
using containers::Listing;

/// One connection per request. Errors say what to do: no such socket (is Docker running? another
/// DOCKER_HOST?), permission denied (group docker, root), no such container. Used by the thread
/// that runs `loop`, which must outlive it. Every request but `events` ends within `kTimeout`, a
/// list within `kListTimeout`.
class Client {
 public:
  static constexpr std::chrono::seconds kTimeout{10};
  static constexpr std::chrono::seconds kListTimeout{30};

  /// Of the labels of containers those in `labels` are kept, and Compose's.
  Client(boost::asio::io_context& loop, std::string socket, LabelKeys labels = {});

  void keep_labels(LabelKeys labels);

  /// Asks which API both sides know; the other requests do it themselves when it wasn't done.
  [[nodiscard]] boost::asio::awaitable<Result<EngineVersion>> version();
  /// Running containers, or all that exist. Doesn't wait for a container that is just starting.
  [[nodiscard]] boost::asio::awaitable<Listing> list(bool all);
  /// The same for this container only, by its id: fast, however many there are.
  [[nodiscard]] boost::asio::awaitable<Listing> list_one(std::string container);
  /// By id, name or the beginning of an id. Waits while the container is just starting.
  [[nodiscard]] boost::asio::awaitable<Result<Container>> inspect(std::string container);
  /// The same, but nothing is no error when there is no such container.
  [[nodiscard]] boost::asio::awaitable<Result<std::optional<Container>>> find(
      std::string container);
  /// A network, by its id; nothing if there is no such network.
  [[nodiscard]] boost::asio::awaitable<Result<std::optional<NetworkSeen>>> network(std::string id);
  /// Nothing on a node that isn't a manager of a Swarm.
  [[nodiscard]] boost::asio::awaitable<Result<std::optional<ServiceAliases>>> service_aliases();
  /// Whether `tell_labels_apart` needs no request.
  [[nodiscard]] bool tells_labels_apart(const Container& container) const;
  /// Tells the labels of a listed container from those of its image (image.h); `inspect` and
  /// `find` have done it. Asks for an image once.
  [[nodiscard]] boost::asio::awaitable<void> tell_labels_apart(
      Container& container, std::chrono::seconds limit = kTimeout);
  /// Calls `subscribed` once the engine has accepted the subscription to container and network
  /// events, then `seen` for each and `odd` for invalid ones, until the connection ends; the result
  /// is the reason.
  [[nodiscard]] boost::asio::awaitable<Error> events(std::function<void()> subscribed,
                                                     std::function<void(const Event&)> seen,
                                                     std::function<void(const Error&)> odd);
  /// Ends all requests that wait, with an error. They must have ended, or the loop, before the
  /// client is destroyed.
  void close();

 private:
  boost::asio::awaitable<Listing> list_by(std::string path);
  /// A request for `path` in the chosen version of the interface; `sink` takes the body.
  boost::asio::awaitable<Result<http::Answer>> get(std::string path, std::chrono::seconds limit,
                                                   http::Sink sink);
  /// The document at `path`, read by a Reader; nothing if the engine answers with that status.
  template <class Reader, class Read>
  boost::asio::awaitable<Result<std::optional<Read>>> read(std::string path, unsigned absent);
  /// The path's beginning, once the version is known.
  boost::asio::awaitable<Result<void>> agree_on_version();

  std::shared_ptr<Requests> requests_;
  LabelKeys labels_;
  std::shared_ptr<ImageLabels> images_;
  std::string api_;  ///< `1.41`, empty until it was asked for
};

}  // namespace nxgate::docker
