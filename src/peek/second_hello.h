// The ClientHello that a server may ask for once more (RFC 8446 section 4.1.4).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "peek/client_hello.h"
#include "peek/tls_records.h"

namespace nxgate::peek {

/// Watches a connection after its first ClientHello, so that no second one says another name.
///
/// Only the server's answer tells whether there can be a second hello: it comes after a
/// HelloRetryRequest and never otherwise. The client's own octets don't tell, as it may send its
/// second hello before it has been asked, behind any amount of early data. So both directions are
/// looked at, each before it is handed on, until the state is kNone or kSame; from there on neither
/// needs to be. That is one round trip, or two. Until then a client has nothing to send but early
/// data that its first hello announced, change_cipher_spec, alerts and the hello; anything else is
/// broken. As the server's answer is seen before the client gets it, an encrypted message of
/// TLS 1.2 is never taken for a hello.
class SecondHello {
 public:
  enum class State : std::uint8_t {
    kBroken = 0,  ///< another name, or what can't be understood: the connection must end
    kIncomplete,
    kNone,  ///< none will come
    kSame,  ///< one came, and says the same
  };

  /// kNone at once if `first` didn't offer TLS 1.3.
  explicit SecondHello(const ClientHello& first);

  /// Takes what the client sends behind its first hello, in order.
  State read(Bytes client);
  /// Takes what the server sends, from its first octet on.
  State read_answer(Bytes server);

  [[nodiscard]] State state() const noexcept { return state_; }
  /// Of kBroken: why, in words for the operator.
  [[nodiscard]] std::string_view fault() const noexcept { return fault_; }

 private:
  static constexpr std::size_t kAnswerHead = 4 + 2 + 32;

  State broken(std::string_view fault);
  State take(const TlsRecords::Part& part);
  State compare();
  State take_answer(Bytes handshake);

  State state_;
  ClientHello first_;
  TlsRecords client_{TlsRecords::Allow::kAny};
  HelloMessage message_;
  TlsRecords server_{TlsRecords::Allow::kAny};
  std::array<std::uint8_t, kAnswerHead> answer_{};  // header, version and random of a ServerHello
  std::size_t answer_size_ = 0;
  std::string_view fault_;
};

}  // namespace nxgate::peek
