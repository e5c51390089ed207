// What is asked of whatever runs containers: Docker, or another engine.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <sys/types.h>

#include "base/error.h"
#include "containers/container.h"
#include "containers/shared_network.h"

namespace nxgate::containers {

struct EngineVersion {
  std::string engine;  ///< `20.10.24`
  std::string api;     ///< the one used: the engine's, but no newer than we know
};

/// The running containers, as far as known.
struct View {
  /// As inspected; as listed (Container::inspected) while that isn't done or fails.
  std::vector<Container> running;
  /// Why an inspection failed, by id; some of these may run without being in `running`. They are
  /// inspected again.
  std::map<std::string, std::string> uninspected;
  std::vector<OddEntry> odd;  ///< of the list
  std::string trouble;  ///< why there is no whole list; it is asked for again. Empty: there is
  bool whole = false;   ///< there is one, and everyone in it was inspected or failed to be
  std::vector<SharedNetwork> shared_networks;  ///< on which some of them are
  /// By id, who was read before other labels counted (Engine::keep_labels).
  std::set<std::string> outdated;

  bool operator==(const View&) const = default;
};

/// Receives the reports. Called on the thread that runs the loop.
class Observer {
 public:
  virtual ~Observer() = default;

  /// The engine answers, for the first time or again.
  virtual void on_engine(const EngineVersion& version) = 0;
  /// After something changed.
  virtual void on_containers(const View& view) = 0;
  /// This container was made, changed, stopped or removed: how it starts the next time may be new.
  /// It needn't be in any View. The answer to a list that is asked for now tells of it.
  virtual void on_changed(const std::string& id) = 0;
  /// The engine can't be reached; the last report still applies as far as known.
  virtual void on_engine_lost(const Error& error) = 0;
};

/// Containers as listed, not inspected.
struct Listing {
  ContainerList list;
  std::optional<Error> fault;  ///< why it isn't whole
};

/// One engine. Everything runs on the loop that it was made with; requests keep it alive until they
/// end.
class Engine {
 public:
  virtual ~Engine() = default;

  /// Reports to `observer`, from now on and by itself, what runs; until `end_watch`.
  virtual void watch(Observer& observer) = 0;
  virtual void end_watch() = 0;
  /// Of the labels of containers these are kept from now on, and Compose's. True: some are new
  /// ones, so that everything that runs is read again, and until then is View::outdated.
  virtual bool keep_labels(const LabelKeys& labels) = 0;

  /// All that exist. Doesn't wait for a container that is just starting.
  [[nodiscard]] virtual boost::asio::awaitable<Listing> list() = 0;
  /// The same for this container only, by its id: fast, however many there are.
  [[nodiscard]] virtual boost::asio::awaitable<Listing> list_one(std::string id) = 0;
  /// Tells the labels of a listed container from those of its image; one that was inspected tells
  /// them apart already.
  [[nodiscard]] virtual boost::asio::awaitable<void> tell_labels_apart(
      Container& container, std::chrono::seconds limit) = 0;
  /// Whether that needs no request.
  [[nodiscard]] virtual bool tells_labels_apart(const Container& container) const = 0;

  /// The product: `Docker`.
  [[nodiscard]] virtual std::string name() const = 0;
  /// The path of its socket.
  [[nodiscard]] virtual std::string socket() const = 0;
  /// Its process, or systemd's where that listens for it; 0 if it can't be seen from here.
  [[nodiscard]] virtual pid_t process() const = 0;
  /// The directory in which it keeps the namespaces of its containers, as seen from here.
  [[nodiscard]] virtual std::string namespaces() const = 0;
};

}  // namespace nxgate::containers
