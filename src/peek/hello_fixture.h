// ClientHellos for tests.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace nxgate::peek {

using Octets = std::vector<std::uint8_t>;

inline Octets octets(std::string_view text) { return {text.begin(), text.end()}; }

inline Octets operator+(Octets left, const Octets& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

/// The length in `kOctets` octets, then the content.
template <std::size_t kOctets>
Octets counted(const Octets& content) {
  Octets all;
  for (std::size_t i = kOctets; i-- > 0;) {
    all.push_back(static_cast<std::uint8_t>(content.size() >> (8 * i)));
  }
  return all + content;
}

inline Octets extension(std::uint16_t type, const Octets& data) {
  return Octets{static_cast<std::uint8_t>(type >> 8), static_cast<std::uint8_t>(type)} +
         counted<2>(data);
}

inline Octets name_entry(const Octets& name, std::uint8_t type = 0) {
  return Octets{type} + counted<2>(name);
}

inline Octets server_name_extension(std::string_view name) {
  return extension(0, counted<2>(name_entry(octets(name))));
}

inline Octets versions_extension(const Octets& versions) {
  return extension(43, counted<1>(versions));
}

/// What a hello consists of; the defaults are one of TLS 1.2.
struct Hello {
  std::uint8_t minor = 3;
  Octets session = Octets(32, 7);
  Octets suites = {0x0a, 0x0a, 0xc0, 0x2f};  // the first is GREASE
  Octets compression = {0};
  Octets extensions;
  bool has_extensions = true;

  [[nodiscard]] Octets body() const {
    const Octets head = Octets{3, minor} + Octets(32, 9) + counted<1>(session) +
                        counted<2>(suites) + counted<1>(compression);
    return has_extensions ? head + counted<2>(extensions) : head;
  }
  [[nodiscard]] Octets message() const { return Octets{1} + counted<3>(body()); }
};

/// One of TLS 1.3 with GREASE and a key share as large as that of X25519MLKEM768.
inline Hello tls13_hello(std::string_view name) {
  constexpr std::size_t kHybridShare = 1216;
  Hello hello;
  hello.extensions =
      extension(0x1a1a, {}) + server_name_extension(name) +
      versions_extension({0x2a, 0x2a, 3, 4, 3, 3}) +
      extension(51, counted<2>(Octets{0x11, 0xec} + counted<2>(Octets(kHybridShare, 5)))) +
      extension(0x3a3a, {0});
  return hello;
}

inline Octets record(std::uint8_t type, const Octets& content, std::uint8_t minor = 1) {
  return Octets{type, 3, minor} + counted<2>(content);
}

/// A message over records of `size` octets each.
inline Octets records(const Octets& message, std::size_t size = 1U << 14) {
  Octets all;
  for (std::size_t at = 0; at < message.size(); at += size) {
    const auto begin = message.begin() + static_cast<std::ptrdiff_t>(at);
    const std::size_t count = std::min(size, message.size() - at);
    all = std::move(all) + record(22, Octets(begin, begin + static_cast<std::ptrdiff_t>(count)));
  }
  return all;
}

}  // namespace nxgate::peek
