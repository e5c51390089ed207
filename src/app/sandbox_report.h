// What a program in a sandbox asked for, and what became of it.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "cli/options.h"
#include "engine/connection_event.h"
#include "engine/observer.h"
#include "firewall/name_firewall.h"
#include "learn/record.h"
#include "policy/egress.h"

namespace nxgate::app {

/// Collects events, tells each denial once on standard error as it comes, and writes what was asked
/// for at the end. It never holds more than kMost of a kind. One thread.
class SandboxReport {
 public:
  static constexpr std::size_t kMost = 16384;

  explicit SandboxReport(const cli::Options& options);

  void note(const engine::Event& event);
  /// By the firewall, without a connection.
  void note(const firewall::Refusal& refusal, policy::EgressSets* sets);

  /// More was refused than could be noted.
  void note_unknown();

  /// Whether the options ask for anything that rests on it being whole.
  [[nodiscard]] bool is_wanted() const noexcept;

  /// Tells how much was denied, if anything was.
  void tell_counts() const;
  /// The program's own, or kDenied if that is what the options ask for.
  [[nodiscard]] int status_for(int program) const;

  [[nodiscard]] std::string as_json(int status) const;
  [[nodiscard]] std::string as_list() const;

 private:
  struct Seen {
    std::string rule{};  ///< or why
    std::uint64_t count = 0;
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
  };
  using NameKey = std::pair<std::string, std::string_view>;  ///< and the verdict
  using ConnectionKey = std::tuple<std::string, std::string, std::string_view>;  ///< to, name

  /// What is told of a name or a connection; null if there is no room for it, which is noted.
  template <class Map>
  Seen* place(Map& map, const typename Map::key_type& key);
  void note_cut();
  void note_question(const engine::Event& event);
  void note_connection(const engine::Event& event);
  void deny(const std::string& name, const std::string& what, const std::string& help);
  [[nodiscard]] std::string how_to_allow(const std::string& rule) const;

  const cli::Options& options_;
  learn::Record record_;
  std::map<NameKey, Seen> names_;
  std::map<ConnectionKey, Seen> connections_;
  std::set<std::string> denied_;  ///< as they were told
  std::set<std::string> denied_names_;
  std::set<std::string> expected_;
  bool others_ = false;  ///< something was denied that wasn't expected to be
  bool whole_ = true;
  std::size_t untold_ = 0;
  std::size_t told_lately_ = 0;
  Instant lately_{};
};

}  // namespace nxgate::app
