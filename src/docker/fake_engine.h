// A Docker engine for tests: a unix socket with containers and events.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <list>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "sys/descriptor.h"

namespace nxgate::docker {

/// One thread a connection, blocking; all of it may be used by the test's thread.
class FakeEngine {
 public:
  explicit FakeEngine(std::string path);
  ~FakeEngine();
  FakeEngine(const FakeEngine&) = delete;
  FakeEngine& operator=(const FakeEngine&) = delete;

  /// 64 times the same digit.
  [[nodiscard]] static std::string id(char digit);

  [[nodiscard]] const std::string& path() const { return path_; }
  void set_version(std::string json);
  /// There is a running container now, or it is another one.
  void put(char digit, const std::string& name);
  void stop(char digit);
  void remove(char digit);
  /// What `put` would say, to be changed and given as it is.
  void put_raw(char digit, std::string json);
  /// An image of that id, `sha256:` and 64 times the digit, carries these labels, a JSON object.
  void put_image(char digit, std::string labels);
  void delay_inspections(std::chrono::milliseconds time);
  /// Inspections of this one end so: `500 Internal Server Error`; empty: as ever.
  void fail_inspections(char digit, const std::string& status);
  /// Inspections of this one aren't answered before `release`.
  void hang_inspections(char digit);
  void release();
  /// What is answered for a list, from the status line on; empty: as ever.
  void answer_lists(std::string response);
  /// The beginning of such an answer with this body.
  [[nodiscard]] static std::string response_with(std::string_view body);

  /// Tells all who follow events, in chunks of at most so many bytes.
  void tell(std::string_view text, std::size_t chunk = 1U << 16);
  void tell_container(char digit, const std::string& action);
  /// Ends the connections of those who follow events.
  void cut();

  [[nodiscard]] std::size_t followers();
  [[nodiscard]] std::vector<std::string> requests();
  [[nodiscard]] std::size_t count_requests(std::string_view part);

 private:
  void serve();
  void serve_one(int socket);
  void answer(int socket);
  [[nodiscard]] std::string respond(const std::string& target);
  [[nodiscard]] std::string list();

  std::string path_;
  sys::Descriptor listener_;
  std::mutex mutex_;
  bool ended_ = false;
  std::string version_;
  std::map<std::string, std::string> containers_;  ///< by id, as inspected
  std::map<std::string, std::string> images_;      ///< by id, the labels
  std::chrono::milliseconds delay_{0};
  std::map<std::string, std::string> failing_;  ///< status by id
  std::set<std::string> hanging_;
  std::condition_variable released_;
  std::string list_response_;
  std::vector<int> open_;  ///< all connections
  std::vector<int> followers_;
  std::vector<std::string> requests_;
  std::list<std::jthread> connections_;
  std::jthread server_;
};

}  // namespace nxgate::docker
