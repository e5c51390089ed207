// Options of the commands that serve, attach, or work without a running server.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/options.h"

namespace nxgate::cli {

void add_serve(CLI::App& command, Options& options);
void add_forward(CLI::App& command, Options& options);
void add_attach(CLI::App& command, Options& options);
void add_detach(CLI::App& command, Options& options);
void add_install_hook(CLI::App& command, Options& options);
void add_docker(CLI::App& command, Options& options);
void add_run(CLI::App& command, Options& options);
void add_shell(CLI::App& command, Options& options);
void add_doctor(CLI::App& command, Options& options);
void add_runtime(CLI::App& command, Options& options);
void add_hook(CLI::App& command, Options& options);
void add_check(CLI::App& command, Options& options);
void add_explain(CLI::App& command, Options& options);
void add_presets(CLI::App& command, Options& options);
void add_completion(CLI::App& command, Options& options);
void add_manual(CLI::App& command, Options& options);

}  // namespace nxgate::cli
