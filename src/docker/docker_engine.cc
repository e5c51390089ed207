#include "docker/docker_engine.h"

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <sys/types.h>

#include "containers/container.h"
#include "containers/engine.h"
#include "docker/engine_process.h"
#include "docker/watcher.h"

namespace nxgate::docker {

namespace asio = boost::asio;

DockerEngine::DockerEngine(asio::io_context& loop, std::string socket)
    : loop_(loop), socket_(std::move(socket)), client_(loop, socket_) {}

void DockerEngine::watch(Observer& observer) {
  watcher_ = std::make_unique<Watcher>(loop_, socket_, observer, labels_);
  watcher_->start();
}

bool DockerEngine::keep_labels(const LabelKeys& labels) {
  labels_ = labels;
  client_.keep_labels(labels);
  return watcher_ && watcher_->keep_labels(labels);
}

asio::awaitable<Listing> DockerEngine::list_one(std::string id) {
  return client_.list_one(std::move(id));
}

asio::awaitable<void> DockerEngine::tell_labels_apart(Container& container,
                                                      std::chrono::seconds limit) {
  return client_.tell_labels_apart(container, limit);
}

bool DockerEngine::tells_labels_apart(const Container& container) const {
  return client_.tells_labels_apart(container);
}

pid_t DockerEngine::process() const { return engine_process(socket_); }

std::string DockerEngine::namespaces() const { return netns_directory(socket_); }

}  // namespace nxgate::docker
