// Options of the commands that ask a running server.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/options.h"

namespace nxgate::cli {

void add_control_option(CLI::App& command, Options& options, const char* help);

void add_status(CLI::App& command, Options& options);
void add_watch(CLI::App& command, Options& options);
void add_top(CLI::App& command, Options& options);
void add_allow(CLI::App& command, Options& options);
void add_deny(CLI::App& command, Options& options);
void add_rules(CLI::App& command, Options& options);
void add_reload(CLI::App& command, Options& options);
void add_flush(CLI::App& command, Options& options);
void add_attachments(CLI::App& command, Options& options);
void add_connections(CLI::App& command, Options& options);
void add_health(CLI::App& command, Options& options);
void add_metrics(CLI::App& command, Options& options);
void add_learn(CLI::App& command, Options& options);
void add_learn_start(CLI::App& command, Options& options);
void add_learn_stop(CLI::App& command, Options& options);
void add_learn_propose(CLI::App& command, Options& options);

}  // namespace nxgate::cli
