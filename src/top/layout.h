// The screen as lines of text, without a terminal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "top/model.h"
#include "top/view.h"

namespace nxgate::top {

enum class Look : std::uint8_t { kPlain, kHeading, kChosen, kDenied, kPrompt };

struct Line {
  std::string text;
  Look look = Look::kPlain;
};

struct Size {
  std::size_t rows = 0;
  std::size_t columns = 0;
};

/// What the head tells.
struct Head {
  boost::json::object status;  ///< of /v1/status; empty before the first answer
  std::uint64_t seconds = 0;   ///< since the count began
};

/// At most `size.rows` lines, none wider than `size.columns`. What is chosen is told by a mark as
/// well as by its look.
[[nodiscard]] std::vector<Line> lay_out(const Head& head, const View& view, const Model& model,
                                        Size size);

}  // namespace nxgate::top
