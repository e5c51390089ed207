#include "top/screen.h"

#include <algorithm>
#include <clocale>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <expected>
#include <memory>
#include <optional>
#include <vector>

#define NCURSES_NOMACROS 1  // which would break a leading `::`
#include <curses.h>
#include <fmt/core.h>

#include "base/error.h"
#include "top/layout.h"
#include "top/view.h"

namespace nxgate::top {
namespace {

constexpr int kTurnMs = 100;
constexpr int kEscapeMs = 25;  ///< how long the rest of a key's sequence may take
constexpr short kRed = 1;
constexpr short kYellow = 2;
constexpr int kEscapeCharacter = 27;
constexpr int kDelete = 127;
constexpr short kTerminalsOwn = -1;

::attr_t attributes_of(Look look, bool colour) {
  switch (look) {
    case Look::kHeading:
      return A_BOLD;
    case Look::kChosen:
      return A_REVERSE;
    case Look::kDenied:
      return colour ? static_cast<::attr_t>(COLOR_PAIR(kRed)) : A_NORMAL;
    case Look::kPrompt:
      return colour ? static_cast<::attr_t>(COLOR_PAIR(kYellow)) : A_BOLD;
    case Look::kPlain:
      break;
  }
  return A_NORMAL;
}

std::optional<Press> press_of(int code) {
  switch (code) {
    case KEY_UP:
      return Press{Key::kUp};
    case KEY_DOWN:
      return Press{Key::kDown};
    case '\t':
    case KEY_BTAB:
      return Press{Key::kTab};
    case '\r':
    case '\n':
    case KEY_ENTER:
      return Press{Key::kEnter};
    case kEscapeCharacter:
      return Press{Key::kEscape};
    case KEY_BACKSPACE:
    case kDelete:
    case '\b':
      return Press{Key::kBackspace};
    default:
      break;
  }
  if (code < ' ' || code >= kDelete) return std::nullopt;
  return Press{Key::kCharacter, static_cast<char>(code)};
}

}  // namespace

Result<std::unique_ptr<Screen>> Screen::open(bool colour) {
  // Before there is another thread.
  // NOLINTBEGIN(concurrency-mt-unsafe)
  std::setlocale(LC_CTYPE, "");
  if (::newterm(nullptr, stdout, stdin) == nullptr) {
    const char* const kind = std::getenv("TERM");
    return fail(
        fmt::format("unknown terminal type TERM={}: use nxgate watch, which works on any terminal",
                    kind == nullptr ? "" : kind));
  }
  // NOLINTEND(concurrency-mt-unsafe)
  return std::unique_ptr<Screen>(new Screen(colour));
}

Screen::Screen(bool colour) : colour_(colour && ::has_colors()) {
  ::cbreak();
  ::noecho();
  ::keypad(stdscr, true);
  ::curs_set(0);
  ::set_escdelay(kEscapeMs);
  ::timeout(kTurnMs);
  if (!colour_) return;
  ::start_color();
  ::use_default_colors();
  ::init_pair(kRed, COLOR_RED, kTerminalsOwn);
  ::init_pair(kYellow, COLOR_YELLOW, kTerminalsOwn);
}

Screen::~Screen() {
  ::endwin();
  ::delscreen(::set_term(nullptr));
}

Size Screen::size() const {
  return {static_cast<std::size_t>(std::max(0, getmaxy(stdscr))),
          static_cast<std::size_t>(std::max(0, getmaxx(stdscr)))};
}

void Screen::draw(const std::vector<Line>& lines) {
  ::erase();
  int row = 0;
  for (const Line& line : lines) {
    ::attrset(static_cast<int>(attributes_of(line.look, colour_)));
    ::mvaddstr(row++, 0, line.text.c_str());
  }
  ::attrset(A_NORMAL);
  ::refresh();
}

std::optional<Press> Screen::read() { return press_of(::getch()); }

}  // namespace nxgate::top
