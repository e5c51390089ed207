// What is counted of the questions that went by.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "top/bounded_counter.h"

namespace nxgate::top {

/// The last denial of a name, be it asked for or given at a connection.
struct Denial {
  std::string key;   ///< by which it is counted: connections to a port apart from questions
  std::string name;  ///< of a connection that gives none, where it went to
  std::string type;
  std::string client;
  std::string policy;  ///< empty if there was none for the client
  std::string rule;    ///< of a connection its port and verdict: `:443 not-told`
  std::string server;  ///< where a connection went to; empty for a question
};

/// Rows point into the model, until it changes.
struct NameRow {
  std::uint64_t count = 0;
  bool or_more = false;
  const Denial* last = nullptr;
};

struct ClientRow {
  std::uint64_t asked = 0;  ///< questions and connections
  std::uint64_t denied = 0;
  bool or_more = false;
  std::string_view client;
};

/// Takes events as /v1/watch tells them. No text in it holds a control character.
class Model {
 public:
  static constexpr std::size_t kMost = 10'000;
  static constexpr std::size_t kRows = 500;

  explicit Model(std::size_t most = kMost) : names_(most), pairs_(most), clients_(most) {}

  /// A line of JSON; what is none is passed over.
  void add(std::string_view line);
  /// So many questions weren't told.
  void miss(std::uint64_t count) { missed_ += count; }
  void reset();

  /// The `kRows` that were denied most, of those with `part` in the name; of `client` alone if
  /// it isn't empty.
  [[nodiscard]] std::vector<NameRow> names(std::string_view part, std::string_view client) const;
  /// The `kRows` that asked most.
  [[nodiscard]] std::vector<ClientRow> clients(std::string_view client) const;
  [[nodiscard]] std::uint64_t missed() const noexcept { return missed_; }

 private:
  struct Denials {
    std::uint64_t count = 0;
  };

  BoundedCounter<Denial> names_;
  BoundedCounter<Denial> pairs_;  ///< of a client and a name
  BoundedCounter<Denials> clients_;
  std::uint64_t missed_ = 0;
};

}  // namespace nxgate::top
