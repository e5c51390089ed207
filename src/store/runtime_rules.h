// Rules that the operator adds to a running server.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "policy/rule.h"
#include "store/layer.h"

namespace nxgate::store {

/// One rule that overrides the configuration for exactly the names it is about. A longer rule of
/// the configuration still wins.
struct RuntimeRule {
  using Time = std::chrono::system_clock::time_point;

  std::string policy;
  policy::Rule rule;
  Time since;
  std::optional<Time> until;
  std::string by;   ///< the user's name
  std::string why;  ///< in the operator's words, may be empty
};

/// All of them; a reload keeps them. One thread.
class RuntimeRules final : public Layer {
 public:
  /// Replaces an earlier one for the same names.
  void add(RuntimeRule rule);
  /// False if there is none.
  bool remove(const std::string& policy, const policy::Rule& rule);
  /// Removes expired ones; returns whether there were any.
  bool expire(RuntimeRule::Time now);
  [[nodiscard]] std::optional<RuntimeRule::Time> next_end() const;
  [[nodiscard]] const std::vector<RuntimeRule>& all() const noexcept { return all_; }

  [[nodiscard]] Enforced over(const Enforced& below) const override;
  [[nodiscard]] std::uint64_t version() const noexcept override { return version_; }
  [[nodiscard]] std::unique_ptr<const Layer> copy() const override {
    return std::make_unique<const RuntimeRules>(*this);
  }

 private:
  std::vector<RuntimeRule> all_;
  std::uint64_t version_ = 0;
};

}  // namespace nxgate::store
