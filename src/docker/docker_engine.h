// The Docker Engine as one of several engines.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <sys/types.h>

#include "containers/container.h"
#include "containers/engine.h"
#include "docker/client.h"
#include "docker/watcher.h"

namespace nxgate::docker {

/// By its socket.
class DockerEngine final : public containers::Engine {
 public:
  DockerEngine(boost::asio::io_context& loop, std::string socket);

  void watch(Observer& observer) override;
  void end_watch() override { watcher_.reset(); }
  bool keep_labels(const LabelKeys& labels) override;
  [[nodiscard]] boost::asio::awaitable<Listing> list() override { return client_.list(true); }
  [[nodiscard]] boost::asio::awaitable<Listing> list_one(std::string id) override;
  [[nodiscard]] boost::asio::awaitable<void> tell_labels_apart(Container& container,
                                                               std::chrono::seconds limit) override;
  [[nodiscard]] bool tells_labels_apart(const Container& container) const override;
  [[nodiscard]] std::string name() const override { return "Docker"; }
  [[nodiscard]] std::string socket() const override { return socket_; }
  [[nodiscard]] pid_t process() const override;
  [[nodiscard]] std::string namespaces() const override;

 private:
  boost::asio::io_context& loop_;
  std::string socket_;
  LabelKeys labels_;
  Client client_;
  std::unique_ptr<Watcher> watcher_;
};

}  // namespace nxgate::docker
