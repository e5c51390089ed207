// What of the count is looked at, and what keys do to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "http/target.h"
#include "top/model.h"

namespace nxgate::top {

enum class Key : std::uint8_t { kCharacter, kUp, kDown, kTab, kEnter, kEscape, kBackspace };

struct Press {
  Key key = Key::kCharacter;
  char character = 0;  ///< printable ASCII, of kCharacter
};

enum class List : std::uint8_t { kNames, kClients };

/// A question for the server.
struct Inquiry {
  std::string method;
  http::Target target;
  std::string body;
};

struct Quit {};
struct Reset {};
/// What a key asks of others.
using Step = std::variant<std::monostate, Quit, Reset, Inquiry>;

class View {
 public:
  [[nodiscard]] Step press(Press press, const Model& model);
  /// Shows a line until the next key.
  void tell(std::string text) { message_ = std::move(text); }
  /// What the server says to an inquiry.
  void answer(const Result<std::string>& answer);

  [[nodiscard]] List list() const noexcept { return list_; }
  [[nodiscard]] std::vector<NameRow> names(const Model& model) const;
  [[nodiscard]] std::vector<ClientRow> clients(const Model& model) const;
  /// Which of the rows is chosen.
  [[nodiscard]] std::size_t chosen(const std::vector<NameRow>& rows) const;
  [[nodiscard]] std::size_t chosen(const std::vector<ClientRow>& rows) const;

  [[nodiscard]] const std::string& filter() const noexcept { return filter_; }
  [[nodiscard]] const std::string& client() const noexcept { return client_; }
  /// The line that asks for something or tells something; may be empty.
  [[nodiscard]] std::string prompt() const;
  /// The facts about a name; none if they aren't looked at.
  [[nodiscard]] const std::vector<std::string>& pane() const noexcept { return pane_; }

 private:
  enum class Mode : std::uint8_t { kLists, kFilter, kQuestion };

  /// A line of a list. It is held by its key, so that it stays chosen while the order changes.
  struct Choice {
    std::string key;
    std::size_t index = 0;
  };

  Step press_in_lists(Press press, const Model& model);
  Step press_in_filter(Press press);
  Step press_in_question(Press press);
  Step press_letter(char letter, const Model& model);
  void move(std::ptrdiff_t by, const Model& model);
  void toggle_client(const Model& model);
  [[nodiscard]] const Denial* chosen_name(const Model& model);
  Step rule_change(char letter, const Model& model);
  Step explain(const Model& model);

  Mode mode_ = Mode::kLists;
  List list_ = List::kNames;
  Choice name_;
  Choice asker_;
  std::string filter_;
  std::string client_;
  std::string message_;
  std::vector<std::string> pane_;
  std::string question_;
  Inquiry inquiry_;
};

}  // namespace nxgate::top
