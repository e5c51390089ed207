// The terminal, by ncurses. Nothing else here knows of it.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/error.h"
#include "top/layout.h"
#include "top/view.h"

namespace nxgate::top {

/// Has the terminal while it lives, and then gives it back as it was. There is one at a time.
class Screen {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Screen>> open(bool colour);
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  [[nodiscard]] Size size() const;
  void draw(const std::vector<Line>& lines);
  /// The next key; nothing if none that is of use comes within a tenth of a second.
  [[nodiscard]] std::optional<Press> read();

 private:
  explicit Screen(bool colour);

  bool colour_;
};

}  // namespace nxgate::top
