#include "app/runtime_hook.h"

#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <boost/json.hpp>
#include <boost/system/error_code.hpp>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/hook_listener.h"
#include "app/options.h"
#include "base/error.h"
#include "sys/file.h"

namespace nxgate::app {
namespace {

namespace json = boost::json;

constexpr const char* kWrapper = "nxgate-runc";
constexpr std::size_t kLargestConfig = 16UL << 20;

int failed(const std::string& text) {
  fmt::print(stderr, "nxgate: {}\n", text);
  return kFailure;
}

std::string our_program() { return std::filesystem::read_symlink("/proc/self/exe").string(); }

/// For a shell.
std::string in_quotes(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

/// The bundle that the runtime is to create a container of; empty for any other command.
std::string bundle_of(const std::vector<std::string>& arguments) {
  bool creates = false;
  std::string bundle = ".";
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    const bool named = argument == "--bundle" || argument == "-b";
    if (argument == "create" || argument == "run") creates = true;
    if (named && i + 1 < arguments.size()) bundle = arguments[i + 1];
    if (argument.starts_with("--bundle=")) bundle = argument.substr(argument.find('=') + 1);
  }
  return creates ? bundle : std::string();
}

/// Puts our hook before those that are there.
Result<void> add_hook(const std::string& path, const std::string& socket) {
  const auto text = sys::read_file(path, kLargestConfig);
  if (!text) return fail(fmt::format("{}: {}", path, text.error().message));
  boost::system::error_code error;
  json::value config = json::parse(*text, error);
  if (error || !config.is_object()) return fail(fmt::format("{}: not a container's config", path));
  json::value& hooks = config.as_object()["hooks"];
  if (!hooks.is_object()) hooks.emplace_object();
  json::value& list = hooks.as_object()["createRuntime"];
  if (!list.is_array()) list.emplace_array();
  json::array& all = list.as_array();
  all.insert(all.begin(), json::object{{"path", our_program()},
                                       {"args", {"nxgate", "oci-hook", "--socket", socket}},
                                       {"timeout", 15}});
  std::ofstream out(path, std::ios::trunc);
  out << json::serialize(config);
  if (!out.flush()) return fail(fmt::format("cannot write {}", path));
  return {};
}

}  // namespace

int install_hook(const Options& options) {
  const std::filesystem::path wrapper = std::filesystem::path(options.directory) / kWrapper;
  std::error_code error;
  std::filesystem::create_directories(options.directory, error);
  std::ofstream out(wrapper, std::ios::trunc);
  out << fmt::format("#!/bin/sh\nexec {} oci-runtime --runtime {} --socket {} -- \"$@\"\n",
                     in_quotes(our_program()), in_quotes(options.runtime),
                     in_quotes(options.hook_socket));
  if (!out.flush()) {
    return failed(
        fmt::format("cannot write {}; name another place with --directory", wrapper.string()));
  }
  out.close();
  if (::chmod(wrapper.c_str(), 0755) != 0) {
    return failed(fmt::format("cannot make {} executable", wrapper.string()));
  }
  fmt::print(
      "wrote {0}\n\n"
      "Tell the engine about it in /etc/docker/daemon.json,\n\n"
      "    {{ \"runtimes\": {{ \"nxgate\": {{ \"path\": \"{0}\" }} }} }}\n\n"
      "reload it (systemctl reload docker), and start containers with\n\n"
      "    docker run --runtime nxgate ...\n\n"
      "or make it the rule by \"default-runtime\": \"nxgate\". No container starts under it\n"
      "unless `nxgate docker` runs. Steps of builds by BuildKit don't start under it: "
      "docker.builds\n"
      "says what is enforced for them.\n",
      wrapper.string());
  return kSuccess;
}

int run_runtime(const Options& options) {
  const std::string bundle = bundle_of(options.runtime_arguments);
  if (!bundle.empty()) {
    if (auto added = add_hook(bundle + "/config.json", options.hook_socket); !added) {
      return failed(added.error().message);
    }
  }
  std::vector<std::string> arguments = options.runtime_arguments;
  arguments.insert(arguments.begin(), options.runtime);
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  ::execvp(options.runtime.c_str(), pointers.data());
  return failed(
      fmt::format("cannot run {}: {}", options.runtime, std::generic_category().message(errno)));
}

int run_hook(const Options& options) {
  const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  boost::system::error_code error;
  const json::value state = json::parse(text, error);
  const json::object* const members = error ? nullptr : state.if_object();
  const json::value* const pid = members == nullptr ? nullptr : members->if_contains("pid");
  const json::value* const id = members == nullptr ? nullptr : members->if_contains("id");
  if (pid == nullptr || !pid->is_int64() || id == nullptr || !id->is_string()) {
    return failed("expected a container's state on standard input");
  }
  const auto asked = ask_hook_listener(options.hook_socket, static_cast<pid_t>(pid->as_int64()),
                                       std::string(id->as_string()));
  return asked ? kSuccess : failed("the container may not start: " + asked.error().message);
}

}  // namespace nxgate::app
