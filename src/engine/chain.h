// Completing an answer that ends with an alias.
#pragma once

#include <memory>
#include <utility>

#include "base/clock.h"
#include "cache/cache.h"
#include "engine/decision.h"
#include "engine/snapshot.h"
#include "policy/policy.h"
#include "wire/query.h"

namespace nxgate::engine {

/// An upstream that has the zone of an alias, but not that of its target, answers with the alias
/// alone (`cache::Answer::open`). Its client couldn't go on by itself where the target isn't
/// allowed by a rule of its own, so what the target has is asked for here and put behind it.
class Chain {
 public:
  /// The most targets that are asked for, so that names which lead on for ever cost little.
  static constexpr int kMostLinks = 8;

  /// What `open` leaves to be asked: `key` is that of the question that it answers.
  Chain(cache::Key key, std::shared_ptr<const cache::Answer> open)
      : key_(std::move(key)), so_far_(std::move(open)) {}

  /// Decides about the name at the end, under `policy`. False if there were too many.
  [[nodiscard]] bool next(const policy::Policy& policy, Instant now);

  /// Of `next`: kForward for `next_key` at its upstream, another outcome that is no denial for what
  /// needs none, and kDeny where a rule denies the target.
  [[nodiscard]] const Decision& decision() const noexcept { return decision_; }
  [[nodiscard]] cache::Key next_key(const Snapshot& snapshot) const;

  /// Puts `answer`, null where none was needed, behind what there is. False if the two make no
  /// answer, such as a loop.
  [[nodiscard]] bool extend(const Snapshot& snapshot, const cache::Answer* answer,
                            const cache::Limits& limits, Instant now);

  [[nodiscard]] const std::shared_ptr<const cache::Answer>& answer() const noexcept {
    return so_far_;
  }
  /// Whether it leads on. If nothing is said of a target that was asked for, it has nothing.
  [[nodiscard]] bool open() const noexcept {
    return so_far_->open && so_far_->targets.back() != target_.name;
  }

 private:
  cache::Key key_;
  std::shared_ptr<const cache::Answer> so_far_;
  wire::Question target_;
  Decision decision_;
  int links_ = 0;
};

}  // namespace nxgate::engine
