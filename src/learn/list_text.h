// A proposal as a list file to review.
#pragma once

#include <cstddef>
#include <string>

#include "learn/proposal.h"

namespace nxgate::learn {

/// How many names are shown behind a fold, and in each group set apart.
inline constexpr std::size_t kNamesShown = 40;

/// The proposal as `allow-files` takes it: rules by registered domain, each with its evidence in
/// comments, then what was set apart, as comments only. Every line ends with a newline.
[[nodiscard]] std::string to_list(const Proposal& proposal, std::size_t names_shown = kNamesShown);

/// The comment behind a rule: `12 queries, 2026-11-23, by 10.0.0.5`, and why it is a fold.
[[nodiscard]] std::string reason(const ProposedRule& rule);

/// Appends a comment line for each of a fold's names.
void append_names(std::string& text, const ProposedRule& rule, std::size_t names_shown);

}  // namespace nxgate::learn
