#include "policy/places.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <stdexcept>

#include "base/error.h"

namespace nxgate::policy {

std::uint32_t Places::add(const Location& at) {
  const bool same_file = !files_.empty() && files_.back() == at.file;
  if (!same_file) files_.push_back(at.file);
  if (!same_file || runs_.back().column != at.column || at.line <= last_line_) {
    runs_.push_back({.first = next_,
                     .file = static_cast<std::uint32_t>(files_.size() - 1),
                     .line = at.line,
                     .column = at.column});
  }
  const Run& run = runs_.back();
  if (at.line - run.line >= kMost - run.first) throw std::length_error("more lines than 2^29");
  last_line_ = at.line;
  next_ = run.first + (at.line - run.line) + 1;
  return next_ - 1;
}

Location Places::operator[](std::uint32_t place) const {
  const Run& run = *std::prev(std::ranges::upper_bound(runs_, place, {}, &Run::first));
  return {.file = files_[run.file], .line = run.line + (place - run.first), .column = run.column};
}

}  // namespace nxgate::policy
