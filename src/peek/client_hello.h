// What a TLS client says first (RFC 8446 section 4.1.2, RFC 5246 section 7.4.1.2).
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "peek/server_name.h"

namespace nxgate::peek {

struct ClientHello {
  ServerName server_name = ServerName::absent();  ///< kAbsent also where there are no extensions
  /// There is an encrypted ClientHello in it (extension 0xfe0d, or a number that drafts had), or
  /// what looks like that; `server_name` is what stands outside.
  bool encrypted_hello = false;
  bool offers_tls13 = false;  ///< or a draft of it
  bool early_data = false;    ///< announced; it may follow at once

  bool operator==(const ClientHello&) const = default;
};

/// Reads the body of a ClientHello, strictly: every length must agree, and every extension that
/// decides anything must be well formed and stand once. The error is in words for the operator.
[[nodiscard]] std::expected<ClientHello, std::string_view> parse_client_hello(Bytes body);

/// A ClientHello as it comes, in fragments. Memory is what has come, at most kLongest.
class HelloMessage {
 public:
  enum class State : std::uint8_t { kBroken = 0, kIncomplete, kComplete };

  /// Of the whole message with its header.
  static constexpr std::size_t kLongest = 1U << 16;

  /// Takes more of it, from a record that has `left` octets more: a hello must be the last message
  /// in its record, as no server may read on with the same keys (RFC 8446 section 5.1).
  State take(Bytes fragment, std::size_t left);

  [[nodiscard]] State state() const noexcept { return state_; }
  [[nodiscard]] bool begun() const noexcept { return !message_.empty(); }
  [[nodiscard]] const ClientHello& hello() const noexcept { return hello_; }  ///< of kComplete
  [[nodiscard]] std::string_view fault() const noexcept { return fault_; }    ///< of kBroken

 private:
  State broken(std::string_view fault);
  [[nodiscard]] std::size_t length() const noexcept;

  State state_ = State::kIncomplete;
  std::vector<std::uint8_t> message_;
  ClientHello hello_;
  std::string_view fault_;
};

}  // namespace nxgate::peek
