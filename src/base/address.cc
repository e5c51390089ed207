#include "base/address.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <arpa/inet.h>
#include <fmt/core.h>
#include <net/if.h>
#include <sys/socket.h>

#include "base/bytes.h"

namespace nxgate {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Whether an interface can have that name, or index.
bool is_zone(std::string_view text) {
  return !text.empty() && text.size() < IFNAMSIZ &&
         std::ranges::all_of(
             text,
             [](unsigned char c) {
               return c > ' ' && c < 0x7f && c != '/' && c != ':' && c != '%' && c != '[';
             });
}

/// Whether the bit `index`, counted from the front, is set.
bool bit(Bytes bytes, std::size_t index) noexcept {
  return (bytes[index / 8] >> (7 - index % 8) & 1) != 0;
}

}  // namespace

IpAddress IpAddress::v4(const std::array<std::uint8_t, 4>& bytes) noexcept {
  IpAddress address;
  std::ranges::copy(bytes, address.bytes_.begin());
  return address;
}

IpAddress IpAddress::v6(const std::array<std::uint8_t, 16>& bytes) noexcept {
  if (std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes.begin())) {
    return v4({bytes[12], bytes[13], bytes[14], bytes[15]});
  }
  IpAddress address;
  address.bytes_ = bytes;
  address.length_ = 16;
  return address;
}

std::optional<IpAddress> IpAddress::from_bytes(Bytes bytes) noexcept {
  std::array<std::uint8_t, 16> all{};
  if (bytes.size() > all.size()) return std::nullopt;
  std::ranges::copy(bytes, all.begin());
  if (bytes.size() == 4) return v4({all[0], all[1], all[2], all[3]});
  return bytes.size() == 16 ? std::optional(v6(all)) : std::nullopt;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string terminated(text);
  std::array<std::uint8_t, 4> four{};
  if (inet_pton(AF_INET, terminated.c_str(), four.data()) == 1) return v4(four);
  std::array<std::uint8_t, 16> sixteen{};
  if (inet_pton(AF_INET6, terminated.c_str(), sixteen.data()) == 1) return v6(sixteen);
  return std::nullopt;
}

bool IpAddress::is_unspecified() const noexcept {
  return std::ranges::all_of(bytes(), [](std::uint8_t byte) { return byte == 0; });
}

bool IpAddress::is_loopback() const noexcept {
  if (is_v4()) return bytes_[0] == 127;
  return bytes_[15] == 1 &&
         std::all_of(bytes_.begin(), bytes_.end() - 1, [](std::uint8_t byte) { return byte == 0; });
}

bool IpAddress::is_v6_link_local() const noexcept {
  return !is_v4() && bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80;
}

std::string IpAddress::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(is_v4() ? AF_INET : AF_INET6, bytes_.data(), text.data(), text.size());
  return text.data();
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  const auto port = parse_number<std::uint16_t>(text);
  return port && *port != 0 ? port : std::nullopt;
}

std::optional<Endpoint> Endpoint::parse(std::string_view text, std::uint16_t default_port) {
  if (const auto bare = IpAddress::parse(text)) return Endpoint{*bare, default_port};
  std::string_view host = text;
  std::optional<std::uint16_t> port = default_port;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    host = text.substr(1, close - 1);
    const std::string_view rest = text.substr(close + 1);
    if (host.find(':') == std::string_view::npos) return std::nullopt;
    if (!rest.empty()) port = rest.front() == ':' ? parse_port(rest.substr(1)) : std::nullopt;
  } else {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    host = text.substr(0, colon);
    if (host.find(':') != std::string_view::npos) return std::nullopt;
    port = parse_port(text.substr(colon + 1));
  }
  const auto address = IpAddress::parse(host);
  if (!address || !port) return std::nullopt;
  return Endpoint{*address, *port};
}

std::string Endpoint::to_string() const {
  return fmt::format(fmt::runtime(address.is_v4() ? "{}:{}" : "[{}]:{}"), address.to_string(),
                     port);
}

std::optional<RemoteEndpoint> RemoteEndpoint::parse(std::string_view text,
                                                    std::uint16_t default_port) {
  const std::size_t percent = text.find('%');
  const bool zoned = percent != std::string_view::npos;
  const std::size_t end = zoned ? std::min(text.find(']', percent), text.size()) : text.size();
  std::string plain(text.substr(0, percent));
  plain += text.substr(end);
  const auto endpoint = Endpoint::parse(plain, default_port);
  if (!endpoint) return std::nullopt;
  RemoteEndpoint remote = *endpoint;
  if (!zoned) return remote;
  remote.zone = text.substr(percent + 1, end - percent - 1);
  if (!remote.address.is_v6_link_local() || !is_zone(remote.zone)) return std::nullopt;
  return remote;
}

std::string RemoteEndpoint::host() const {
  return zone.empty() ? address.to_string() : fmt::format("{}%{}", address.to_string(), zone);
}

std::string RemoteEndpoint::to_string() const {
  return zone.empty() ? Endpoint::to_string() : fmt::format("[{}]:{}", host(), port);
}

std::string Port::to_string() const {
  if (protocol == 0) return "any";
  return (protocol == IPPROTO_TCP ? "tcp/" : "udp/") + std::to_string(number);
}

std::optional<Ports> parse_ports(std::string_view text) {
  const auto slash = text.find('/');
  const auto number = parse_port(slash == std::string_view::npos ? text : text.substr(slash + 1));
  if (!number) return std::nullopt;
  if (slash == std::string_view::npos) return Ports{{IPPROTO_TCP, *number}, {IPPROTO_UDP, *number}};
  const std::string_view protocol = text.substr(0, slash);
  if (protocol == "tcp") return Ports{{IPPROTO_TCP, *number}};
  if (protocol == "udp") return Ports{{IPPROTO_UDP, *number}};
  return std::nullopt;
}

std::optional<Prefix> Prefix::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  const auto bits = static_cast<std::uint8_t>(address->bytes().size() * 8);
  Prefix prefix;
  prefix.address_ = *address;
  prefix.length_ = bits;
  if (slash == std::string_view::npos) return prefix;
  const auto length = parse_number<std::uint8_t>(text.substr(slash + 1));
  if (!length || *length > bits) return std::nullopt;
  prefix.length_ = *length;
  for (std::size_t index = *length; index < bits; ++index) {
    if (bit(address->bytes(), index)) return std::nullopt;
  }
  return prefix;
}

bool Prefix::contains(const IpAddress& address) const noexcept {
  if (address.is_v4() != address_.is_v4()) return false;
  const std::size_t whole = length_ / 8;
  if (std::memcmp(address.bytes().data(), address_.bytes().data(), whole) != 0) return false;
  const unsigned rest = length_ % 8U;
  if (rest == 0) return true;
  return ((address.bytes()[whole] ^ address_.bytes()[whole]) >> (8 - rest)) == 0;
}

std::string Prefix::to_string() const {
  return fmt::format("{}/{}", address_.to_string(), length_);
}

}  // namespace nxgate
