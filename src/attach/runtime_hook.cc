#include "attach/runtime_hook.h"

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

#include "attach/hook_listener.h"
#include "base/error.h"
#include "base/json.h"
#include "sys/file.h"

namespace nxgate::attach {
namespace {

namespace json = boost::json;

constexpr const char* kWrapper = "nxgate-runc";
constexpr std::size_t kLargestConfig = 16UL << 20;

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

/// Puts our hook before the existing ones.
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

Result<std::string> install_hook(const RuntimeHook& hook, const std::string& directory) {
  const std::filesystem::path wrapper = std::filesystem::path(directory) / kWrapper;
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  std::ofstream out(wrapper, std::ios::trunc);
  out << fmt::format("#!/bin/sh\nexec {} oci-runtime --runtime {} --socket {} -- \"$@\"\n",
                     in_quotes(our_program()), in_quotes(hook.runtime), in_quotes(hook.socket));
  if (!out.flush()) {
    return fail(fmt::format("cannot write {}; choose another directory with --directory",
                            wrapper.string()));
  }
  out.close();
  if (::chmod(wrapper.c_str(), 0755) != 0) {
    return fail(fmt::format("cannot make {} executable", wrapper.string()));
  }
  return wrapper.string();
}

Error run_runtime(const RuntimeHook& hook, std::vector<std::string> arguments) {
  const std::string bundle = bundle_of(arguments);
  if (!bundle.empty()) {
    if (auto added = add_hook(bundle + "/config.json", hook.socket); !added) return added.error();
  }
  arguments.insert(arguments.begin(), hook.runtime);
  std::vector<char*> pointers;
  pointers.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  ::execvp(hook.runtime.c_str(), pointers.data());
  return Error{
      fmt::format("cannot run {}: {}", hook.runtime, std::generic_category().message(errno))};
}

Result<void> run_hook(const RuntimeHook& hook) {
  const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  const auto state = parse_object(text);
  const json::value* const pid = state ? state->if_contains("pid") : nullptr;
  const json::value* const id = state ? state->if_contains("id") : nullptr;
  if (pid == nullptr || !pid->is_int64() || id == nullptr || !id->is_string()) {
    return fail("expected the state of a container on standard input");
  }
  auto asked = ask_hook_listener(hook.socket, static_cast<pid_t>(pid->as_int64()),
                                 std::string(id->as_string()));
  if (!asked) return fail("the container must not start: " + asked.error().message);
  return {};
}

}  // namespace nxgate::attach
