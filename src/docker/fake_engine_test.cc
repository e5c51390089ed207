#include "docker/fake_engine.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "http/target.h"
#include "sys/descriptor.h"

namespace nxgate::docker {
namespace {

constexpr std::string_view kEventsHead =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";

void send_all(int socket, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
}

/// The target of the one request that a connection brings; empty if it brings none.
std::string read_target(int socket) {
  std::string head;
  std::array<char, 4096> bytes{};
  while (!head.contains("\r\n\r\n")) {
    const ssize_t size = ::recv(socket, bytes.data(), bytes.size(), 0);
    if (size <= 0) return {};
    head.append(bytes.data(), static_cast<std::size_t>(size));
  }
  const std::size_t begin = head.find(' ') + 1;
  return head.substr(begin, head.find(' ', begin) - begin);
}

std::string http_response(std::string_view status, std::string_view body) {
  return fmt::format(
      "HTTP/1.1 {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}", status,
      body.size(), body);
}

/// Of `/v1.41/containers/ID/json`.
std::string inspected_id(const std::string& target) {
  constexpr std::string_view kBefore = "/containers/";
  const std::size_t begin = std::min(target.find(kBefore), target.size() - kBefore.size());
  return target.substr(begin + kBefore.size(), FakeEngine::id('0').size());
}

sys::Descriptor listen_at(const std::string& path) {
  ::unlink(path.c_str());
  sys::Descriptor listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  std::memcpy(address.sun_path, path.data(), std::min(path.size(), sizeof(address.sun_path) - 1));
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (::bind(listener.get(), generic, sizeof(address)) != 0 || ::listen(listener.get(), 32) != 0) {
    throw std::runtime_error("cannot listen at " + path);
  }
  return listener;
}

}  // namespace

FakeEngine::FakeEngine(std::string path)
    : path_(std::move(path)),
      listener_(listen_at(path_)),
      version_(R"({"Version":"20.10.24","ApiVersion":"1.41","MinAPIVersion":"1.12"})"),
      server_([this] { serve(); }) {}

FakeEngine::~FakeEngine() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    // Also of a client that no longer reads.
    for (const int each : open_) ::shutdown(each, SHUT_RDWR);
  }
  release();
  ::shutdown(listener_.get(), SHUT_RDWR);  // ends accept
  server_.join();
  ::unlink(path_.c_str());
}

std::string FakeEngine::id(char digit) { return std::string(64, digit); }

void FakeEngine::set_version(std::string json) {
  const std::lock_guard lock(mutex_);
  version_ = std::move(json);
}

void FakeEngine::put(char digit, const std::string& name) {
  put_raw(digit, fmt::format(R"({{"Id":"{}","Name":"/{}","State":{{"Running":true,"Pid":42}}}})",
                             id(digit), name));
}

void FakeEngine::stop(char digit) {
  put_raw(digit, fmt::format(R"({{"Id":"{}","State":{{"Running":false,"Pid":0}}}})", id(digit)));
}

void FakeEngine::remove(char digit) {
  const std::lock_guard lock(mutex_);
  containers_.erase(id(digit));
}

void FakeEngine::put_raw(char digit, std::string json) {
  const std::lock_guard lock(mutex_);
  containers_[id(digit)] = std::move(json);
}

void FakeEngine::put_image(char digit, std::string labels) {
  const std::lock_guard lock(mutex_);
  images_["sha256:" + id(digit)] = std::move(labels);
}

void FakeEngine::delay_inspections(std::chrono::milliseconds time) {
  const std::lock_guard lock(mutex_);
  delay_ = time;
}

void FakeEngine::fail_inspections(char digit, const std::string& status) {
  const std::lock_guard lock(mutex_);
  failing_[id(digit)] = status;
}

void FakeEngine::hang_inspections(char digit) {
  const std::lock_guard lock(mutex_);
  hanging_.insert(id(digit));
}

void FakeEngine::release() {
  const std::lock_guard lock(mutex_);
  hanging_.clear();
  released_.notify_all();
}

void FakeEngine::answer_lists(std::string response) {
  const std::lock_guard lock(mutex_);
  list_response_ = std::move(response);
}

std::string FakeEngine::response_with(std::string_view body) {
  return http_response("200 OK", body);
}

void FakeEngine::tell(std::string_view text, std::size_t chunk) {
  const std::lock_guard lock(mutex_);
  for (; !text.empty(); text.remove_prefix(std::min(chunk, text.size()))) {
    const std::string_view part = text.substr(0, chunk);
    for (const int follower : followers_) {
      send_all(follower, fmt::format("{:x}\r\n{}\r\n", part.size(), part));
    }
  }
}

void FakeEngine::tell_container(char digit, const std::string& action) {
  tell(fmt::format(R"({{"Type":"container","Action":"{}","Actor":{{"ID":"{}"}}}})"
                   "\n",
                   action, id(digit)));
}

void FakeEngine::cut() {
  const std::lock_guard lock(mutex_);
  for (const int follower : followers_) ::shutdown(follower, SHUT_RDWR);
}

std::size_t FakeEngine::followers() {
  const std::lock_guard lock(mutex_);
  return followers_.size();
}

std::vector<std::string> FakeEngine::requests() {
  const std::lock_guard lock(mutex_);
  return requests_;
}

std::size_t FakeEngine::count_requests(std::string_view part) {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::ranges::count_if(
      requests_, [part](std::string_view request) { return request.contains(part); }));
}

void FakeEngine::serve() {
  for (;;) {
    const int socket = ::accept(listener_.get(), nullptr, nullptr);
    if (socket < 0) return;
    connections_.emplace_back([this, socket] { serve_one(socket); });
  }
}

void FakeEngine::serve_one(int socket) {
  const sys::Descriptor owned(socket);
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return;
    open_.push_back(socket);
  }
  answer(socket);
  const std::lock_guard lock(mutex_);
  std::erase(open_, socket);
}

void FakeEngine::answer(int socket) {
  const std::string target = read_target(socket);
  if (target.empty()) return;
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(target);
  }
  if (!target.contains("/events?")) {
    send_all(socket, respond(target));
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    send_all(socket, kEventsHead);
    followers_.push_back(socket);
  }
  char ignored = 0;
  while (::recv(socket, &ignored, 1, 0) > 0) {
  }
  const std::lock_guard lock(mutex_);
  std::erase(followers_, socket);
}

std::string FakeEngine::respond(const std::string& target) {
  std::unique_lock lock(mutex_);
  if (target.ends_with("/version")) return http_response("200 OK", version_);
  if (target.contains("/containers/json")) {
    return list_response_.empty() ? http_response("200 OK", list()) : list_response_;
  }
  const std::chrono::milliseconds delay = delay_;
  lock.unlock();
  std::this_thread::sleep_for(delay);
  lock.lock();
  const std::string id = inspected_id(target);
  released_.wait(lock, [&] { return !hanging_.contains(id); });
  if (const std::string& status = failing_[id]; !status.empty()) {
    return http_response(status, R"({"message":"something is wrong"})");
  }
  if (const auto there = containers_.find(id); there != containers_.end()) {
    return http_response("200 OK", there->second);
  }
  for (const auto& [image, labels] : images_) {
    if (target.ends_with("/images/" + http::percent_encode(image) + "/json")) {
      return http_response("200 OK", fmt::format(R"({{"Config":{{"Labels":{}}}}})", labels));
    }
  }
  return http_response("404 Not Found", R"({"message":"No such container"})");
}

std::string FakeEngine::list() {
  std::string elements;
  for (const auto& [id, json] : containers_) {
    if (!json.contains(R"("Running":true)")) continue;
    elements +=
        fmt::format(R"({}{{"Id":"{}","State":"running"}})", elements.empty() ? "" : ",", id);
  }
  return "[" + elements + "]";
}

}  // namespace nxgate::docker
