// Requests that one program reads as one thing and the next as another: each is refused, and how.
#include <cstddef>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "peek/http_requests.h"
#include "peek/requests_fixture.h"

namespace nxgate::peek {
namespace {

using namespace std::string_view_literals;

struct Form {
  std::string_view in;
  unsigned status;
  std::string_view reason;
};

/// A request's lines behind `GET / HTTP/1.1` and `Host: a`.
struct FieldForm {
  std::string_view fields;
  unsigned status;
  std::string_view reason;
};

void expect_refused(std::string_view all, unsigned status, std::string_view reason) {
  for (const std::size_t size : {all.size(), std::size_t{1}}) {
    const Passed passed = pass(all, size);
    EXPECT_EQ(passed.end, HttpRequests::Step::kRefused) << all;
    EXPECT_EQ(passed.refusal.status, status) << all;
    EXPECT_EQ(passed.refusal.reason, reason) << all;
  }
}

constexpr auto kLineEnd = "a line that doesn't end by CR LF"sv;
constexpr auto kFolded = "a line that begins with a space"sv;
constexpr auto kControl = "a control character"sv;
constexpr auto kInvalid = "an invalid request"sv;
constexpr auto kHost = "an invalid Host"sv;
constexpr auto kHosts = "more than one Host"sv;
constexpr auto kTarget = "a target that is neither a path nor of http"sv;
constexpr auto kTargetHost = "a target with an invalid host"sv;
constexpr auto kOtherHost = "a target for another host than Host"sv;
constexpr auto kLength = "an invalid Content-Length"sv;
constexpr auto kEncoding = "a Transfer-Encoding other than `chunked`"sv;

constexpr Form kStartLines[] = {
    {"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 405, "CONNECT"},
    {"connect a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 405, "CONNECT"},
    {"GET /\r\n\r\n", 400, "not HTTP/1"},
    {"GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505, "not HTTP/1"},
    {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, "not HTTP/1"},
    {"GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505, "not HTTP/1"},
    {"GET / http/1.1\r\nHost: a\r\n\r\n", 400, "not HTTP/1"},
    {"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400, "not HTTP/1"},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "HTTP/2 without TLS, which isn't checked"},
    {"\x16\x03\x01", 400, "TLS, not HTTP"},
    {"SSH-2.0-x\r\n", 400, "not HTTP/1"},
    {"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "an empty line for a request"},
    {"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, kLineEnd},
    {" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, kFolded},
    {"GET / HTTP/1.1\nHost: a\n\n", 400, kLineEnd},
    {"GET / HTTP/1.1\r\nHost: a\r\n\n", 400, kLineEnd},
    {"GET / HTTP/1.1\rHost: a\r\n\r\n", 400, kLineEnd},
    {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400, kInvalid},
    {"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400, kInvalid},
    {"GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n", 400, "not HTTP/1"},
    {"GET /\t HTTP/1.1\r\nHost: a\r\n\r\n", 400, "a request line with octets that no target has"},
    {"GET / x HTTP/1.1\r\nHost: a\r\n\r\n", 400, kInvalid},
    {"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"sv, 400, kControl},
    {"GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n", 400, kControl},
    {"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", 400,
     "a request line with octets that no target has"},
    {"G@T / HTTP/1.1\r\nHost: a\r\n\r\n", 400, kInvalid},
    {"GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400, kTarget},
    {"GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400, kTarget},
    {"GET \\\\b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, kTarget},
    {"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400, "a target of `*` for another method than OPTIONS"},
    {"GET /#x HTTP/1.1\r\nHost: a\r\n\r\n", 400, "a target with a fragment"},
    {"GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, kTarget},
    {"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, kTarget},
    {"GET http:/b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, kTarget},
    {"GET http:///b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, kTargetHost},
    {"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, kOtherHost},
    {"GET http://a:81/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, kOtherHost},
    {"GET http://a/ HTTP/1.1\r\nHost: a:81\r\n\r\n", 400, kOtherHost},
    {"GET http://x@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, kTargetHost},
    {"GET http://a\\@b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, kTargetHost},
    {"GET http://a:/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, kTargetHost},
    {"GET http://a%2eb/ HTTP/1.1\r\nHost: a.b\r\n\r\n", 400, kTargetHost},
};

constexpr Form kHostForms[] = {
    {"GET / HTTP/1.1\r\n\r\n", 400, "no Host"},
    {"GET / HTTP/1.0\r\n\r\n", 400, "no Host"},
    {"GET http://a/ HTTP/1.1\r\n\r\n", 400, "no Host"},
    {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, kHosts},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\nhOST: b\r\n\r\n", 400, kHosts},
    {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400, kHost},
    {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, kHost},
    {"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400, kHost},
    {"GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", 400, kHost},
    {"GET / HTTP/1.1\r\nHost: x@a\r\n\r\n", 400, kHost},
    {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, kHost},
    {"GET / HTTP/1.1\r\nHost: http://a\r\n\r\n", 400, kHost},
    {"GET / HTTP/1.1\r\nHost: a:\r\n\r\n", 400, kHost},
    {"GET / HTTP/1.1\r\nHost: a:80:b\r\n\r\n", 400, kHost},
    {"GET / HTTP/1.1\r\nHost: a:0\r\n\r\n", 400, kHost},
    {"GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", 400, kHost},
    {"GET / HTTP/1.1\r\nHost: a:80@b\r\n\r\n", 400, kHost},
    {"GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n", 400, kHost},
    {"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400, kHost},
    {"GET / HTTP/1.1\r\nHost: ::1\r\n\r\n", 400, kHost},
    {"GET / HTTP/1.1\r\nHost: 0x7f.1\r\n\r\n", 400, kHost},
    {"GET / HTTP/1.1\r\nHost: a..b\r\n\r\n", 400, kHost},
    {"GET / HTTP/1.1\r\nHost: caf\xc3\xa9\r\n\r\n", 400, kHost},
    {"GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n"sv, 400, kControl},
    {"GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", 400, kLineEnd},
    {"GET / HTTP/1.1\r\nHost: a\nHost: b\r\n\r\n", 400, kLineEnd},
    {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, kInvalid},
    {"GET / HTTP/1.1\r\nHost\t: a\r\n\r\n", 400, kInvalid},
    {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400, kFolded},
    {"GET / HTTP/1.1\r\nHost:\r\n a\r\n\r\n", 400, kFolded},
    {"GET / HTTP/1.1\r\nHost: a\r\n .b\r\n\r\n", 400, kFolded},
    {"GET / HTTP/1.1\r\nX: y\r\n\tHost: b\r\nHost: a\r\n\r\n", 400, kFolded},
    {"GET / HTTP/1.1\r\nHost a\r\n\r\n", 400, kInvalid},
    {"GET / HTTP/1.1\r\n: x\r\nHost: a\r\n\r\n", 400, kInvalid},
};

constexpr FieldForm kBodyForms[] = {
    {"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", 400, kInvalid},
    {"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", 400, kInvalid},
    {"Transfer-Encoding: gzip\r\nContent-Length: 1\r\n", 400,
     "Content-Length with Transfer-Encoding"},
    {"Content-Length: 1\r\nContent-Length: 1\r\n", 400, "more than one Content-Length"},
    {"Content-Length: 1\r\nContent-Length: 2\r\n", 400, kInvalid},
    {"Content-Length: 1, 1\r\n", 400, kLength},
    {"Content-Length: 1, 2\r\n", 400, kInvalid},
    {"Content-Length: +1\r\n", 400, kInvalid},
    {"Content-Length: -1\r\n", 400, kInvalid},
    {"Content-Length: 0x1\r\n", 400, kInvalid},
    {"Content-Length: 1 1\r\n", 400, kInvalid},
    {"Content-Length: 1;\r\n", 400, kInvalid},
    {"Content-Length:\r\n", 400, kInvalid},
    {"Content-Length: 99999999999999999999\r\n", 400, kInvalid},
    {"Content-Length : 1\r\n", 400, kInvalid},
    {"Content_Length: 1\r\n", 400, "a field that imitates another"},
    {"Transfer_Encoding: chunked\r\n", 400, "a field that imitates another"},
    {"Transfer-Encoding: identity\r\n", 501, kEncoding},
    {"Transfer-Encoding: gzip, chunked\r\n", 501, kEncoding},
    {"Transfer-Encoding: chunked, identity\r\n", 501, kEncoding},
    {"Transfer-Encoding: chunked, chunked\r\n", 501, kEncoding},
    {"Transfer-Encoding: xchunked\r\n", 501, kEncoding},
    {"Transfer-Encoding: \"chunked\"\r\n", 501, kEncoding},
    {"Transfer-Encoding: chunked;a=b\r\n", 501, kEncoding},
    {"Transfer-Encoding: ,chunked\r\n", 501, kEncoding},
    {"Transfer-Encoding:\r\n", 501, kEncoding},
    {"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", 400, kInvalid},
    {"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", 501, kEncoding},
    {"Transfer-Encoding:\x0b"
     "chunked\r\n",
     400, kControl},
    {"Transfer-Encoding\r\n : chunked\r\n", 400, kFolded},
    {"Transfer-Encoding:\r\n chunked\r\n", 400, kFolded},
    {"X: y\rTransfer-Encoding: chunked\r\n", 400, kLineEnd},
};

constexpr Form kChunks[] = {
    {"1;a=b\r\nx\r\n0\r\n\r\n", 400, "a chunk with an extension"},
    {"1;\r\nx\r\n0\r\n\r\n", 400, "a chunk with an extension"},
    {"0;a\r\n\r\n", 400, "a chunk with an extension"},
    {"1 \r\nx\r\n0\r\n\r\n", 400, "a chunk without a proper size"},
    {" 1\r\nx\r\n0\r\n\r\n", 400, "a chunk without a proper size"},
    {"0x1\r\nx\r\n0\r\n\r\n", 400, "a chunk without a proper size"},
    {"-1\r\nx\r\n0\r\n\r\n", 400, "a chunk without a proper size"},
    {"\r\nx\r\n0\r\n\r\n", 400, "a chunk without a proper size"},
    {"1\nx\r\n0\r\n\r\n", 400, "a chunk without a proper size"},
    {"10000000000000000\r\nx", 400, "a chunk without a proper size"},
    {"0000000000000001\r\nx", 400, "a chunk without a proper size"},
    {"1\rx\r\n0\r\n\r\n", 400, "a chunk that doesn't end as it says"},
    {"1\r\nxx\r\n0\r\n\r\n", 400, "a chunk that doesn't end as it says"},
    {"1\r\nx\n0\r\n\r\n", 400, "a chunk that doesn't end as it says"},
    {"1\r\nx\rx0\r\n\r\n", 400, "a chunk that doesn't end as it says"},
    {"0\r\nHost: b\r\n\r\n", 400, "fields behind the body"},
    {"0\r\n\rx", 400, "a chunk that doesn't end as it says"},
    {"0\r\n\n", 400, "fields behind the body"},
};

TEST(HttpSmuggling, StartLines) {
  for (const auto& [in, status, reason] : kStartLines) expect_refused(in, status, reason);
}

TEST(HttpSmuggling, Hosts) {
  for (const auto& [in, status, reason] : kHostForms) expect_refused(in, status, reason);
}

TEST(HttpSmuggling, Bodies) {
  for (const auto& [fields, status, reason] : kBodyForms) {
    const std::string all =
        "POST / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n0\r\n\r\n";
    expect_refused(all, status, reason);
    EXPECT_EQ(pass(all, all.size()).out, "");
  }
  expect_refused("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
                 "Transfer-Encoding in HTTP/1.0");
}

TEST(HttpSmuggling, Chunks) {
  for (const auto& [in, status, reason] : kChunks) {
    expect_refused(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(in),
        status, reason);
  }
}

TEST(HttpSmuggling, OfLaterRequests) {
  for (const auto& [in, status, reason] : kHostForms) {
    expect_refused("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx" + std::string(in),
                   status, reason);
  }
}

}  // namespace
}  // namespace nxgate::peek
