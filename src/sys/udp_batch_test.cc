#include "sys/udp_batch.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>
#include <thread>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/address.h"
#include "sys/descriptor.h"
#include "sys/socket.h"

namespace nxgate::sys {
namespace {

Endpoint bound_to(int socket) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  EXPECT_EQ(::getsockname(socket, reinterpret_cast<sockaddr*>(&storage), &length), 0);
  return to_endpoint(storage);
}

/// A server socket on `listen` (port 0), and a client that asks `asked` at its port.
struct Pair {
  Pair(const char* listen, const char* asked) {
    address.endpoint = *Endpoint::parse(listen, 0);
    server = std::move(*open_listener(SocketKind::kUdp, address, Sharing::kWorkers));
    const Endpoint to{*IpAddress::parse(asked), bound_to(server.get()).port};
    client = std::move(*open_upstream_socket(SocketKind::kUdp, to, NetnsRef()));
  }
  void ask(std::string_view text) const {
    ASSERT_EQ(::send(client.get(), text.data(), text.size(), 0), std::ssize(text));
  }
  /// The client is connected: it hears an answer from the address it asked only.
  [[nodiscard]] std::string answer() const {
    pollfd readable{.fd = client.get(), .events = POLLIN, .revents = 0};
    char bytes[4096];
    if (::poll(&readable, 1, 1000) != 1) return "(none)";
    const auto size = ::recv(client.get(), bytes, sizeof bytes, 0);
    return size < 0 ? "(error)" : std::string(bytes, static_cast<std::size_t>(size));
  }
  ListenAddress address;
  Descriptor server;
  Descriptor client;
};

/// Turns every message of one batch round; returns how many came.
std::size_t echo(UdpBatch& batch, const Pair& pair) {
  const std::size_t count = batch.receive(pair.server.get(), pair.address.wildcard());
  for (std::size_t i = 0; i < count; ++i) {
    std::ranges::copy(batch.message(i), batch.reply_buffer(i).begin());
    batch.reply(i, batch.message(i).size());
  }
  EXPECT_EQ(batch.flush(pair.server.get()), count);
  return count;
}

TEST(UdpBatch, AnswersFromTheAddressAsked) {
  UdpBatch batch;  // one for all, as in a worker: wildcard and other sockets take turns
  for (const auto& [listen, asked] : {std::pair{"0.0.0.0", "127.0.0.2"},
                                      {"127.0.0.1", "127.0.0.1"},
                                      {"::", "::1"},
                                      {"::1", "::1"},
                                      {"0.0.0.0", "127.0.0.3"}}) {
    const Pair pair(listen, asked);
    for (const char* text : {"one", "two", "three"}) {
      pair.ask(text);
      ASSERT_EQ(echo(batch, pair), 1U) << listen;
      EXPECT_EQ(to_endpoint(batch.client(0)), bound_to(pair.client.get()));
      EXPECT_EQ(pair.answer(), text) << listen;
    }
    EXPECT_EQ(batch.receive(pair.server.get(), pair.address.wildcard()), 0U);
  }
}

TEST(UdpBatch, WaitsForOneMessageAndForATickAtMost) {
  const Pair pair("127.0.0.1", "127.0.0.1");
  UdpBatch batch;
  const auto receive = [&] {
    return batch.receive(pair.server.get(), false, UdpBatch::Waits::kForOne);
  };
  EXPECT_EQ(receive(), 0U) << "the socket permits no waiting yet, and this would last forever";
  let_receives_wait(pair.server.get());
  EXPECT_EQ(receive(), 0U) << "nothing came within a tick";
  const std::jthread asks([&] { pair.ask("one"); });
  std::size_t count = 0;
  for (int i = 0; i < 1000 && count == 0; ++i) count = receive();
  EXPECT_EQ(count, 1U) << "it doesn't wait for more";
}

TEST(UdpBatch, TakesManyAtATimeAndKeepsThemApart) {
  const Pair pair("127.0.0.1", "127.0.0.1");
  UdpBatch batch;
  for (int i = 0; i < 100; ++i) pair.ask("query " + std::to_string(i));
  EXPECT_EQ(echo(batch, pair), UdpBatch::kMessages);
  EXPECT_EQ(echo(batch, pair), 100 - UdpBatch::kMessages);
  EXPECT_EQ(echo(batch, pair), 0U);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(pair.answer(), "query " + std::to_string(i));
}

TEST(UdpBatch, SendsOnlyWhatWasReplied) {
  const Pair pair("0.0.0.0", "127.0.0.2");
  UdpBatch batch;
  for (const char* text : {"a", "b", "c"}) pair.ask(text);
  ASSERT_EQ(batch.receive(pair.server.get()), 3U);
  batch.reply_buffer(2)[0] = 'C';
  batch.reply(2, 1);
  EXPECT_EQ(batch.flush(pair.server.get()), 1U);
  EXPECT_EQ(batch.flush(pair.server.get()), 0U);
  EXPECT_EQ(pair.answer(), "C");
}

TEST(UdpBatch, GoesOnBehindAMessageThatCannotBeSent) {
  const Pair pair("127.0.0.1", "127.0.0.1");
  UdpBatch batch;
  for (const char* text : {"a", "b", "c"}) pair.ask(text);
  ASSERT_EQ(batch.receive(pair.server.get(), false), 3U);
  batch.reply(0, 1);
  batch.reply(1, 70000);  // EMSGSIZE; the kernel doesn't look at the bytes
  batch.reply(2, 1);
  EXPECT_EQ(batch.flush(pair.server.get()), 2U);
}

TEST(UdpBatch, CutsOffWhatIsTooLong) {
  const Pair pair("127.0.0.1", "127.0.0.1");
  UdpBatch batch;
  pair.ask(std::string(UdpBatch::kMessageSize + 100, 'x'));
  pair.ask("");
  ASSERT_EQ(batch.receive(pair.server.get(), false), 2U);
  EXPECT_EQ(batch.message(0).size(), UdpBatch::kMessageSize);
  EXPECT_EQ(batch.message(1).size(), 0U);
}

/// Sends one message a call, and none that begins with an r.
const UdpCalls kOneAtATime{
    .receive = kSocketCalls.receive,
    .send =
        [](int socket, mmsghdr* messages, unsigned, int flags) {
          const iovec& part = *messages->msg_hdr.msg_iov;
          if (part.iov_len > 0 && *static_cast<const char*>(part.iov_base) == 'r') {
            errno = EPERM;
            return -1;
          }
          return kSocketCalls.send(socket, messages, 1, flags);
        },
};

TEST(UdpBatch, AShortSendGoesOnAndARefusedReplyHoldsUpNone) {
  const Pair pair("127.0.0.1", "127.0.0.1");
  UdpBatch batch(kOneAtATime);
  for (const char* const text : {"a", "refused", "b", "c"}) pair.ask(text);
  ASSERT_EQ(batch.receive(pair.server.get(), false), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    std::ranges::copy(batch.message(i), batch.reply_buffer(i).begin());
    batch.reply(i, batch.message(i).size());
  }
  EXPECT_EQ(batch.flush(pair.server.get()), 3U);
  for (const char* const text : {"a", "b", "c"}) EXPECT_EQ(pair.answer(), text);
}

TEST(UdpReplies, FindTheirWayBack) {
  for (const auto& [listen, asked] :
       {std::pair{"0.0.0.0", "127.0.0.2"}, {"127.0.0.1", "127.0.0.1"}, {"::", "::1"}}) {
    const Pair pair(listen, asked);
    UdpBatch batch;
    pair.ask("question");
    ASSERT_EQ(batch.receive(pair.server.get(), pair.address.wildcard()), 1U);
    const UdpBatch::ReturnPath path = batch.return_path(0);
    EXPECT_EQ(batch.receive(pair.server.get(), pair.address.wildcard()), 0U);
    UdpReplies replies;
    for (const std::string text : {"late", "later"}) {
      replies.add(path, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    }
    EXPECT_FALSE(replies.empty());
    replies.flush(pair.server.get());
    EXPECT_TRUE(replies.empty());
    EXPECT_EQ(pair.answer(), "late") << listen;
    EXPECT_EQ(pair.answer(), "later") << listen;
  }
}

}  // namespace
}  // namespace nxgate::sys
