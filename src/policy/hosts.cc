// Reading hosts(5) files into local data.
#include <string>
#include <string_view>
#include <utility>

#include <fmt/core.h>

#include "base/address.h"
#include "base/error.h"
#include "base/escape.h"
#include "policy/local_data.h"
#include "policy/words.h"
#include "wire/name.h"

namespace nxgate::policy {

Faults parse_hosts(std::string_view text, std::string_view file, LocalData& data) {
  Faults faults;
  LineReader lines(text);
  while (faults.size() <= kMostFaults) {
    const auto line = lines.next();
    if (!line) break;
    const auto fault = [&](const Word& at, std::string what) {
      faults.push_back({{std::string(file), lines.number(), at.column}, std::move(what)});
    };
    WordReader words(*line);
    const Word first = words.next();
    if (first.text.empty()) continue;
    // A scoped address means something on this host's links only.
    if (first.text.find('%') != std::string_view::npos) continue;
    const auto address = IpAddress::parse(first.text);
    if (!address) {
      fault(first,
            fmt::format("{} is not an address; a line is ADDRESS NAME...", quote(first.text)));
      continue;
    }
    Word word = words.next();
    if (word.text.empty())
      fault(first, fmt::format("{} is not followed by a name", quote(first.text)));
    for (; !word.text.empty() && faults.size() <= kMostFaults; word = words.next()) {
      const auto name = wire::DomainName::from_text(word.text);
      if (!name) {
        fault(word, fmt::format("{}: {}", quote(word.text), name.error()));
      } else if (word.text.starts_with('*')) {
        fault(word, fmt::format("{}: hosts files have no wildcards; write it as a record",
                                quote(word.text)));
      } else {
        data.add_host(*address, *name);
      }
    }
  }
  return faults;
}

}  // namespace nxgate::policy
