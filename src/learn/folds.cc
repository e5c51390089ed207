#include "learn/folds.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "learn/labels.h"
#include "learn/shared_domains.h"
#include "policy/rule.h"
#include "wire/name.h"

namespace nxgate::learn {
namespace {

/// A suffix of the name that is being read, and what was seen below it so far.
struct Open {
  std::size_t plain = 0;
  std::size_t random = 0;
  std::map<std::string, std::size_t> numbered;  ///< by pattern
  bool holds_public_suffix = false;
};

/// Names in root-first order come subtree by subtree, so that only the suffixes of the current name
/// are open; each is judged when the first name beyond it is read. This takes the memory of the
/// longest name, whatever the number of names.
class Walk {
 public:
  explicit Walk(const FoldLimits& limits) : limits_(limits) {}

  void read(const wire::DomainName& name) {
    const Labels labels(name);
    const Labels last(last_);
    std::size_t common = 0;
    const std::size_t most = std::min(open_.size(), labels.count());
    while (common < most && labels[common] == last[common]) ++common;
    close_to(common);
    for (std::size_t depth = common; depth < labels.count(); ++depth) {
      if (depth > 0) note_child(open_[depth - 1], labels[depth]);
      open_.emplace_back();
    }
    if (labels.count() > 1) ++open_[labels.count() - 2].plain;
    last_ = name;
  }

  std::vector<Fold> finish() {
    close_to(0);
    // A suffix was judged after all below it; those of a fold aren't needed.
    std::ranges::sort(folds_, root_first, &Fold::suffix);
    std::vector<Fold> topmost;
    for (Fold& fold : folds_) {
      if (topmost.empty() || !fold.suffix.is_at_or_below(topmost.back().suffix)) {
        topmost.push_back(std::move(fold));
      }
    }
    return topmost;
  }

 private:
  static void note_child(Open& parent, std::string_view label) {
    Shape shape = shape_of(label);
    if (shape.make == Make::kRandom) ++parent.random;
    if (shape.make == Make::kNumbered) ++parent.numbered[std::move(shape.pattern)];
  }

  void close_to(std::size_t depth) {
    const Labels last(last_);
    while (open_.size() > depth) {
      const std::size_t labels = open_.size();
      const Open& open = open_.back();
      const bool crosses =
          open.holds_public_suffix || policy::is_public_suffix(last.suffix(labels));
      if (!crosses) judge(open, last, labels);
      if (labels > 1 && crosses) open_[labels - 2].holds_public_suffix = true;
      open_.pop_back();
    }
  }

  void judge(const Open& open, const Labels& last, std::size_t labels) {
    Fold fold;
    const auto enough = [](std::size_t count, std::size_t limit) {
      return limit != 0 && count >= limit;
    };
    const auto numbered = std::ranges::max_element(
        open.numbered, {}, [](const auto& pattern) { return pattern.second; });
    if (enough(open.random, limits_.random)) {
      fold.evidence = Evidence::kRandom;
      fold.count = open.random;
    } else if (numbered != open.numbered.end() && enough(numbered->second, limits_.numbered)) {
      fold.evidence = Evidence::kNumbered;
      fold.count = numbered->second;
      fold.pattern = numbered->first;
    } else if (enough(open.plain, limits_.plain)) {
      fold.evidence = Evidence::kPlain;
      fold.count = open.plain;
    } else {
      return;
    }
    fold.suffix = last.suffix_name(labels);
    if (!is_shared(fold.suffix)) folds_.push_back(std::move(fold));
  }

  const FoldLimits& limits_;
  wire::DomainName last_;
  std::vector<Open> open_;  ///< of last_'s suffixes, the top-level one first
  std::vector<Fold> folds_;
};

}  // namespace

std::string to_string(const Fold& fold) {
  switch (fold.evidence) {
    case Evidence::kNone:
      break;
    case Evidence::kPlain:
      return fmt::format("{} names directly below", fold.count);
    case Evidence::kNumbered:
      return fmt::format("{} labels like {}", fold.count, fold.pattern);
    case Evidence::kRandom:
      return fmt::format("{} machine-generated labels", fold.count);
  }
  return {};
}

std::vector<Fold> find_folds(std::span<const wire::DomainName> names, const FoldLimits& limits) {
  Walk walk(limits);
  for (const wire::DomainName& name : names) walk.read(name);
  return walk.finish();
}

}  // namespace nxgate::learn
