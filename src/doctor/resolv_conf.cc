#include "doctor/resolv_conf.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/address.h"
#include "base/clock.h"

namespace nxgate::doctor {
namespace {

constexpr std::size_t kMostServers = 3;
constexpr int kLongestTimeout = 30;
constexpr int kMostAttempts = 5;
constexpr int kMostDots = 15;
constexpr std::string_view kExternal = "ExtServers:";
constexpr std::string_view kFromHost = "host(";

std::vector<std::string_view> words_of(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> words;
  while (true) {
    const auto begin = text.find_first_not_of(separators);
    if (begin == std::string_view::npos) return words;
    const auto end = std::min(text.find_first_of(separators, begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    text.remove_prefix(end);
  }
}

/// The number of `NAME:N`, if the option is that one, within these bounds.
std::optional<int> number_of(std::string_view option, std::string_view name, int least, int most) {
  if (!option.starts_with(name)) return std::nullopt;
  option.remove_prefix(name.size());
  int number = 0;
  const auto [end, error] = std::from_chars(option.data(), option.data() + option.size(), number);
  if (error != std::errc{} || number < 0) return std::nullopt;
  return std::clamp(number, least, most);
}

void read_option(std::string_view option, ResolvConf& conf) {
  if (const auto n = number_of(option, "timeout:", 1, kLongestTimeout)) conf.timeout = Seconds(*n);
  if (const auto n = number_of(option, "attempts:", 1, kMostAttempts)) conf.attempts = *n;
  if (const auto n = number_of(option, "ndots:", 0, kMostDots)) conf.ndots = *n;
}

/// `# ExtServers: [8.8.8.8 host(192.0.2.1)]`
void read_comment(std::string_view line, ResolvConf& conf) {
  const auto at = line.find(kExternal);
  if (at == std::string_view::npos) return;
  conf.lists_external = true;
  for (std::string_view word : words_of(line.substr(at + kExternal.size()), " []\t")) {
    ExternalServer server;
    if (word.starts_with(kFromHost) && word.ends_with(')')) {
      server.from_host = true;
      word = word.substr(kFromHost.size(), word.size() - kFromHost.size() - 1);
    }
    const auto address = IpAddress::parse(word);
    if (!address) continue;
    server.address = *address;
    conf.external.push_back(server);
  }
}

void read_line(std::string_view line, ResolvConf& conf) {
  if (line.starts_with('#') || line.starts_with(';')) return read_comment(line, conf);
  const auto words = words_of(line, " \t");
  if (words.size() < 2) return;
  if (words[0] == "nameserver" && conf.servers.size() < kMostServers) {
    if (const auto address = IpAddress::parse(words[1].substr(0, words[1].find('%')))) {
      conf.servers.push_back(*address);
    }
  } else if (words[0] == "search" || words[0] == "domain") {
    conf.search.assign(words.begin() + 1, words.end());
  } else if (words[0] == "options") {
    for (std::size_t i = 1; i < words.size(); ++i) read_option(words[i], conf);
  }
}

}  // namespace

Milliseconds patience_with(const ResolvConf& conf, std::size_t index) {
  if (index == 0) return conf.timeout;
  const auto servers = static_cast<Milliseconds::rep>(conf.servers.size());
  const Seconds whole = std::chrono::duration_cast<Seconds>(conf.timeout * (1 << index) / servers);
  return std::max<Milliseconds>(whole, Seconds(1));
}

ResolvConf parse_resolv_conf(std::string_view text) {
  ResolvConf conf;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    read_line(text.substr(0, end), conf);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  // libc's own choice when there is none.
  if (conf.servers.empty()) conf.servers.push_back(*IpAddress::parse("127.0.0.1"));
  return conf;
}

}  // namespace nxgate::doctor
