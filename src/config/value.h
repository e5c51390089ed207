// Single values as operators write them, in the configuration and on the command line alike.
//
// Each function reads one text; its error says what is wrong with the text and what was expected.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/address.h"
#include "base/clock.h"
#include "base/error.h"
#include "config/settings.h"
#include "policy/policy.h"
#include "policy/presets.h"
#include "wire/name.h"
#include "wire/types.h"

namespace nxgate::config {

inline constexpr std::uint16_t kDnsPort = 53;

/// `127.0.0.1:53`, `[::1]:53`, an address alone (port 53), or an interface, `eth1:53`; each may be
/// followed by `@NETNS`.
[[nodiscard]] Result<Listener> parse_listener(std::string_view text);

/// `1.1.1.1`, `udp://1.1.1.1:5353`, `tcp://[2620:fe::fe]:53`. Names are refused: resolving one
/// would need the very server that is being configured.
[[nodiscard]] Result<UpstreamServer> parse_upstream_server(std::string_view text);

/// An absolute path, a name that `ip netns` gave, `pid:N`, or `container:NAME`.
[[nodiscard]] Result<std::string> parse_netns(std::string_view text);

/// NAME of `container:NAME`.
[[nodiscard]] std::optional<std::string_view> container_in(std::string_view netns);

/// Whether two texts name the same namespace: `web` is `/run/netns/web`.
/// The path that a text of parse_netns stands for; empty for our own.
[[nodiscard]] std::string netns_path(std::string_view text);
[[nodiscard]] bool same_netns(std::string_view a, std::string_view b);

/// `10s`, `250ms`, `1h`, `7d`.
[[nodiscard]] Result<Milliseconds> parse_time(std::string_view text);

/// A time in whole seconds, as TTLs are.
[[nodiscard]] Result<Milliseconds> parse_ttl(std::string_view text);

/// How long an upstream group may take: from 50ms to 30s.
[[nodiscard]] Result<Milliseconds> parse_timeout(std::string_view text);

/// A number from 1 to 65535.
[[nodiscard]] Result<std::uint32_t> parse_count(std::string_view text);

/// A number from `least` to `most`.
[[nodiscard]] Result<std::uint32_t> parse_number_within(std::string_view text, std::uint32_t least,
                                                        std::uint32_t most);
template <std::uint32_t Least, std::uint32_t Most>
[[nodiscard]] Result<std::uint32_t> parse_within(std::string_view text) {
  return parse_number_within(text, Least, Most);
}

/// Any text at all.
[[nodiscard]] Result<std::string> parse_text(std::string_view text);

/// `true` or `false`.
[[nodiscard]] Result<bool> parse_flag(std::string_view text);

/// `1048576`, `512KiB`, `32MiB`, `1GiB`.
[[nodiscard]] Result<std::size_t> parse_size(std::string_view text);

/// `auto` (0) or a number from 1 to 1024.
[[nodiscard]] Result<std::uint32_t> parse_workers(std::string_view text);

/// `matched` (false) or `all` (true): which containers are attached to.
[[nodiscard]] Result<bool> parse_attach(std::string_view text);

/// `closed` (false) or `open` (true): what an attached container is when nxgate dies.
[[nodiscard]] Result<bool> parse_fail(std::string_view text);

/// `KEY` or `KEY=VALUE`.
[[nodiscard]] Result<std::string> parse_label(std::string_view text);

/// The name of a list that comes with the program: `npm`.
[[nodiscard]] Result<const policy::Preset*> parse_preset(std::string_view text);

[[nodiscard]] Result<policy::DenyReply> parse_deny_reply(std::string_view text);
[[nodiscard]] Result<BadLine> parse_bad_line(std::string_view text);
/// Nothing for `auto`.
[[nodiscard]] Result<std::optional<policy::ListFormat>> parse_list_format(std::string_view text);
[[nodiscard]] Result<policy::CacheScope> parse_cache_scope(std::string_view text);
[[nodiscard]] Result<policy::FailureReply> parse_failure_reply(std::string_view text);
[[nodiscard]] Result<wire::Type> parse_record_type(std::string_view text);
[[nodiscard]] Result<wire::DomainName> parse_domain(std::string_view text);
[[nodiscard]] Result<Prefix> parse_range(std::string_view text);
[[nodiscard]] Result<IpAddress> parse_address(std::string_view text);

}  // namespace nxgate::config
