#include "config/value.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/duration.h"
#include "base/error.h"
#include "config/context.h"
#include "config/settings.h"
#include "policy/policy.h"
#include "policy/presets.h"
#include "wire/name.h"
#include "wire/types.h"

namespace nxgate::config {
namespace {

constexpr std::size_t kLongestInterface = 15;  // IFNAMSIZ without its zero byte
constexpr std::uint32_t kMostWorkers = 1024;

std::unexpected<Error> expected_got(std::string_view text, std::string_view expected) {
  return fail(fmt::format("{}: expected {}", in_quotes(text), expected));
}

template <class T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// One of a few words, each standing for a value.
template <class T>
using Words = std::span<const std::pair<std::string_view, T>>;

template <class T>
Result<T> parse_word(std::string_view text, Words<T> words) {
  std::string expected;
  for (const auto& [word, value] : words) {
    if (text == word) return value;
    expected += fmt::format("{}\"{}\"", expected.empty() ? "" : ", ", word);
  }
  return expected_got(text, "one of " + expected);
}

constexpr std::array<std::pair<std::string_view, BadLine>, 2> kBadLines{{
    {"refuse", BadLine::kRefuse},
    {"skip", BadLine::kSkip},
}};

constexpr std::array<std::pair<std::string_view, std::optional<policy::ListFormat>>, 5>
    kListFormats{{
        {"auto", std::nullopt},
        {"names", policy::ListFormat::kNames},
        {"hosts", policy::ListFormat::kHosts},
        {"adblock", policy::ListFormat::kAdblock},
        {"rpz", policy::ListFormat::kRpz},
    }};

constexpr std::array<std::pair<std::string_view, policy::DenyReply>, 5> kDenyReplies{{
    {"nxdomain", policy::DenyReply::kNxDomain},
    {"nodata", policy::DenyReply::kNoData},
    {"refused", policy::DenyReply::kRefused},
    {"drop", policy::DenyReply::kDrop},
    {"address", policy::DenyReply::kAddress},
}};

constexpr std::array<std::pair<std::string_view, policy::FailureReply>, 2> kFailureReplies{{
    {"servfail", policy::FailureReply::kServFail},
    {"nxdomain", policy::FailureReply::kNxDomain},
}};

constexpr std::array<std::pair<std::string_view, policy::CacheScope>, 3> kCacheScopes{{
    {"shared", policy::CacheScope::kShared},
    {"policy", policy::CacheScope::kPolicy},
    {"client", policy::CacheScope::kClient},
}};

constexpr std::array<std::pair<std::string_view, bool>, 2> kAttach{{
    {"matched", false},
    {"all", true},
}};

constexpr std::array<std::pair<std::string_view, bool>, 2> kFail{{
    {"closed", false},
    {"open", true},
}};

constexpr std::size_t kLongestContainerName = 255;
constexpr std::array<std::pair<std::string_view, std::size_t>, 4> kSizeUnits{{
    {"", 1},
    {"KiB", 1UL << 10},
    {"MiB", 1UL << 20},
    {"GiB", 1UL << 30},
}};

/// `eth1` or `eth1:53`, as the kernel allows interface names; an address is none.
std::optional<std::pair<std::string, std::uint16_t>> parse_interface(std::string_view text) {
  std::uint16_t port = kDnsPort;
  const std::size_t colon = text.rfind(':');
  if (colon != std::string_view::npos) {
    const auto written = parse_port(text.substr(colon + 1));
    if (!written) return std::nullopt;
    port = *written;
  }
  const std::string_view name = text.substr(0, colon);
  const bool plausible = !name.empty() && name.size() <= kLongestInterface &&
                         name.find_first_not_of("0123456789.") != std::string_view::npos &&
                         std::ranges::all_of(name, [](unsigned char c) {
                           return c > ' ' && c < 0x7f && c != '/' && c != ':' && c != '[';
                         });
  if (!plausible) return std::nullopt;
  return std::pair(std::string(name), port);
}

/// As Docker allows them; nothing of a path or a query is among them.
bool is_container_name(std::string_view name) {
  const auto is_inner = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '.' || c == '-';
  };
  return !name.empty() && name.size() <= kLongestContainerName &&
         std::isalnum(static_cast<unsigned char>(name.front())) != 0 &&
         std::ranges::all_of(name, is_inner);
}

}  // namespace

Result<Listener> parse_listener(std::string_view text) {
  constexpr std::string_view kExpected =
      "an address or interface to listen on, such as \"127.0.0.1:53\", \"[::1]:53\" or "
      "\"eth1:53\", followed by @NETNS for another network namespace";
  Listener listener;
  const std::size_t at = text.find('@');
  if (at != std::string_view::npos) {
    auto netns = parse_netns(text.substr(at + 1));
    if (!netns) return std::unexpected(netns.error());
    listener.netns = *std::move(netns);
  }
  const std::string_view where = text.substr(0, at);
  if (const auto endpoint = Endpoint::parse(where, kDnsPort)) {
    listener.endpoint = *endpoint;
    return listener;
  }
  auto interface = parse_interface(where);
  if (!interface) return expected_got(text, kExpected);
  listener.interface = std::move(interface->first);
  listener.endpoint.port = interface->second;
  return listener;
}

namespace {

/// What a scheme that other programs know stands for; empty for any other text.
std::string_view unsupported_transport(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kSchemes{{
      {"tls://", "DNS over TLS (RFC 7858)"},
      {"dot://", "DNS over TLS (RFC 7858)"},
      {"https://", "DNS over HTTPS (RFC 8484)"},
      {"h3://", "DNS over HTTPS (RFC 8484)"},
      {"quic://", "DNS over QUIC (RFC 9250)"},
      {"sdns://", "a DNS stamp"},
  }};
  const auto found = std::ranges::find_if(
      kSchemes, [text](const auto& each) { return text.starts_with(each.first); });
  return found == kSchemes.end() ? std::string_view() : found->second;
}

}  // namespace

Result<UpstreamServer> parse_upstream_server(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, bool>, 2> kSchemes{
      {{"udp://", false}, {"tcp://", true}}};
  UpstreamServer server;
  std::string_view rest = text;
  for (const auto& [scheme, tcp_only] : kSchemes) {
    if (!rest.starts_with(scheme)) continue;
    server.tcp_only = tcp_only;
    rest.remove_prefix(scheme.size());
    break;
  }
  if (const auto what = unsupported_transport(text); !what.empty()) {
    return fail(fmt::format(
        "{}: {} isn't supported yet; expected a server's address, such as \"1.1.1.1\" or "
        "\"tcp://1.1.1.1\"; a forwarder on this host, such as unbound, can encrypt what nxgate "
        "asks",
        in_quotes(text), what));
  }
  auto endpoint = RemoteEndpoint::parse(rest, kDnsPort);
  if (!endpoint) {
    return expected_got(text,
                        "a server's address, such as \"1.1.1.1\", \"udp://1.1.1.1:53\" or "
                        "\"tcp://[2620:fe::fe]:53\", or \"fe80::1%eth0\" on a link; a host name "
                        "can't be used, because resolving "
                        "it would require this server");
  }
  if (endpoint->address.is_unspecified()) {
    return expected_got(text, "a server's address, not the wildcard");
  }
  if (endpoint->lacks_zone()) {
    return expected_got(text, fmt::format("the interface of a link-local address behind it, such "
                                          "as \"{}%eth0\"",
                                          endpoint->host()));
  }
  server.endpoint = *std::move(endpoint);
  return server;
}

Result<std::string> parse_netns(std::string_view text) {
  if (const auto name = container_in(text)) {
    if (is_container_name(*name)) return std::string(text);
    return expected_got(text,
                        "the name of a container after \"container:\", which begins with a letter "
                        "or a digit and has only those, '_', '.' and '-'");
  }
  const bool pid = text.starts_with("pid:");
  const bool valid =
      pid ? parse_number<std::uint32_t>(text.substr(4)).value_or(0) > 0
          : !text.empty() && (text.starts_with('/') || text.find('/') == std::string_view::npos);
  if (!valid || text.find('\0') != std::string_view::npos || text.find('@') < text.size()) {
    return expected_got(text,
                        "a network namespace: a path such as \"/run/netns/web\", a name that "
                        "`ip netns` lists, \"pid:1234\", or \"container:web\"");
  }
  return std::string(text);
}

std::optional<std::string_view> container_in(std::string_view netns) {
  constexpr std::string_view kPrefix = "container:";
  if (!netns.starts_with(kPrefix)) return std::nullopt;
  return netns.substr(kPrefix.size());
}

std::string netns_path(std::string_view text) {
  if (text.empty() || text.starts_with('/')) return std::string(text);
  if (text.starts_with("pid:")) return fmt::format("/proc/{}/ns/net", text.substr(4));
  if (container_in(text)) return std::string(text);
  return fmt::format("/run/netns/{}", text);
}

bool same_netns(std::string_view a, std::string_view b) {
  return a == b || netns_path(a) == netns_path(b);
}

Result<Milliseconds> parse_time(std::string_view text) {
  const auto duration = parse_duration(text);
  if (!duration) {
    return expected_got(text, "a time with its unit, such as \"250ms\", \"10s\", \"5m\" or \"1d\"");
  }
  return *duration;
}

Result<Milliseconds> parse_ttl(std::string_view text) {
  const auto time = parse_time(text);
  if (time && *time % Seconds(1) != Milliseconds(0)) {
    return expected_got(text, "whole seconds, such as \"10s\"");
  }
  return time;
}

Result<Milliseconds> parse_timeout(std::string_view text) {
  const auto time = parse_time(text);
  if (time && (*time < Milliseconds(50) || *time > Seconds(30))) {
    return expected_got(text, "a time from 50ms to 30s");
  }
  return time;
}

Result<std::uint32_t> parse_count(std::string_view text) {
  const auto number = parse_number<std::uint16_t>(text);
  if (!number || *number == 0) return expected_got(text, "a number from 1 to 65535");
  return *number;
}

Result<std::uint32_t> parse_number_within(std::string_view text, std::uint32_t least,
                                          std::uint32_t most) {
  const auto number = parse_number<std::uint32_t>(text);
  if (number && *number >= least && *number <= most) return *number;
  return expected_got(text, fmt::format("a number from {} to {}", least, most));
}

Result<std::string> parse_text(std::string_view text) { return std::string(text); }

Result<bool> parse_flag(std::string_view text) {
  if (text != "true" && text != "false") return expected_got(text, "true or false");
  return text == "true";
}

Result<std::size_t> parse_size(std::string_view text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = parse_number<std::size_t>(text.substr(0, digits));
  for (const auto& [unit, factor] : kSizeUnits) {
    if (!number || text.substr(digits) != unit) continue;
    if (*number > std::numeric_limits<std::size_t>::max() / 2 / factor) break;
    return *number * factor;
  }
  return expected_got(text, "a size in bytes, such as \"512KiB\", \"32MiB\" or \"1GiB\"");
}

Result<std::uint32_t> parse_workers(std::string_view text) {
  if (text == "auto") return 0U;
  const auto number = parse_number<std::uint32_t>(text);
  if (!number || *number == 0 || *number > kMostWorkers) {
    return expected_got(text, fmt::format("\"auto\" or a number from 1 to {}", kMostWorkers));
  }
  return *number;
}

Result<bool> parse_attach(std::string_view text) { return parse_word<bool>(text, kAttach); }

Result<bool> parse_fail(std::string_view text) { return parse_word<bool>(text, kFail); }

Result<std::string> parse_label(std::string_view text) {
  if (text.empty() || text.front() == '=') {
    return expected_got(text, "a label, such as \"tier\" or \"tier=ci\"");
  }
  return std::string(text);
}

Result<const policy::Preset*> parse_preset(std::string_view text) {
  if (const policy::Preset* const preset = policy::find_preset(text)) return preset;
  std::vector<std::string_view> names;
  for (const policy::Preset& each : policy::presets()) names.push_back(each.name);
  return fail(fmt::format("{}: no such preset{}; `nxgate presets` lists them", in_quotes(text),
                          suggestion(text, names)));
}

Result<BadLine> parse_bad_line(std::string_view text) {
  return parse_word<BadLine>(text, kBadLines);
}

Result<std::optional<policy::ListFormat>> parse_list_format(std::string_view text) {
  return parse_word<std::optional<policy::ListFormat>>(text, kListFormats);
}

Result<policy::DenyReply> parse_deny_reply(std::string_view text) {
  return parse_word<policy::DenyReply>(text, kDenyReplies);
}

Result<policy::FailureReply> parse_failure_reply(std::string_view text) {
  return parse_word<policy::FailureReply>(text, kFailureReplies);
}

Result<policy::CacheScope> parse_cache_scope(std::string_view text) {
  return parse_word<policy::CacheScope>(text, kCacheScopes);
}

Result<wire::Type> parse_record_type(std::string_view text) {
  const auto type = wire::parse_type(text);
  if (!type || wire::is_meta(*type)) {
    return expected_got(text, "a record type, such as \"AAAA\", \"HTTPS\" or \"TYPE65\"");
  }
  return *type;
}

Result<wire::DomainName> parse_domain(std::string_view text) {
  if (text.contains("://")) {
    return fail(in_quotes(text) +
                ": expected a name without scheme or path, such as \"corp.example\"");
  }
  const auto name = wire::DomainName::from_text(text);
  if (!name) {
    return fail(fmt::format("{}: {}; expected a domain name, such as \"corp.example\"",
                            in_quotes(text), name.error()));
  }
  return *name;
}

Result<Prefix> parse_range(std::string_view text) {
  const auto prefix = Prefix::parse(text);
  if (!prefix) {
    return expected_got(text,
                        "an address range, such as \"10.0.0.0/8\" or \"fd00::/8\", or an address; "
                        "no bit may be set after the prefix length");
  }
  return *prefix;
}

Result<IpAddress> parse_address(std::string_view text) {
  const auto address = IpAddress::parse(text);
  if (!address) return expected_got(text, "an address, such as \"192.0.2.1\" or \"2001:db8::1\"");
  return *address;
}

}  // namespace nxgate::config
