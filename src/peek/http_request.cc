#include "peek/http_request.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <iterator>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/http/verb.hpp>
#include <boost/system/error_code.hpp>
#include <fmt/core.h>

#include "peek/http_authority.h"
#include "peek/http_body.h"
#include "peek/http_refusal.h"
#include "peek/server_name.h"

namespace nxgate::peek {
namespace {

namespace beast = boost::beast;
using beast::iequals;
using beast::http::field;
using Fields = beast::http::fields;

constexpr std::size_t kMostFields = 128;
constexpr unsigned kHttp11 = 11;

/// Options of `Connection` that go on; fields that others name are between client and server.
constexpr std::array<std::string_view, 3> kKeptOptions{"close", "keep-alive", "te"};

std::unexpected<Refusal> refuse(unsigned status, std::string_view reason) {
  return std::unexpected(Refusal{status, reason});
}

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

/// A name that programs which take `_` for `-` read as one that decides.
bool is_disguised(std::string_view name) {
  if (!name.contains('_')) return false;
  std::string dashed(name);
  std::ranges::replace(dashed, '_', '-');
  return iequals(dashed, "content-length") || iequals(dashed, "transfer-encoding");
}

std::expected<void, Refusal> check_names(const Fields& fields) {
  std::size_t count = 0;
  for (const auto& each : fields) {
    if (++count > kMostFields) return refuse(431, "more than 128 fields");
    if (is_disguised(view(each.name_string()))) return refuse(400, "a field that imitates another");
  }
  return {};
}

std::expected<Authority, Refusal> read_host(const Fields& fields, const Target& target) {
  const std::size_t count = fields.count(field::host);
  if (count == 0) return refuse(400, "no Host");
  if (count > 1) return refuse(400, "more than one Host");
  const auto host = read_authority(view(fields[field::host]));
  if (!host) return refuse(400, "an invalid Host");
  if (target.authority && !target.authority->is_same(*host)) {
    return refuse(400, "a target for another host than Host");
  }
  return *host;
}

std::expected<BodyFraming, Refusal> read_framing(const Fields& fields, unsigned version) {
  const std::size_t lengths = fields.count(field::content_length);
  const std::size_t encodings = fields.count(field::transfer_encoding);
  if (lengths > 0 && encodings > 0) return refuse(400, "Content-Length with Transfer-Encoding");
  if (lengths > 1) return refuse(400, "more than one Content-Length");
  if (encodings > 0) {
    if (version < kHttp11) return refuse(400, "Transfer-Encoding in HTTP/1.0");
    if (encodings > 1 || !iequals(fields[field::transfer_encoding], "chunked")) {
      return refuse(501, "a Transfer-Encoding other than `chunked`");
    }
    return BodyFraming{.chunked = true};
  }
  if (lengths == 0) return BodyFraming{};
  const std::string_view text = view(fields[field::content_length]);
  std::int64_t length = 0;  // so that it is small enough for everybody
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (error != std::errc{} || end != text.data() + text.size() || text.starts_with('-')) {
    return refuse(400, "an invalid Content-Length");
  }
  return BodyFraming{.length = static_cast<std::uint64_t>(length)};
}

bool has_option(const Fields& fields, std::string_view option) {
  return beast::http::token_list{fields[field::connection]}.exists(option);
}

bool asks_websocket(const Fields& fields) {
  return fields.count(field::upgrade) == 1 && iequals(fields[field::upgrade], "websocket") &&
         fields.count(field::connection) == 1 && has_option(fields, "upgrade");
}

/// The options that go on, of all fields of that name.
std::string connection_options(const Fields& fields, bool upgrades) {
  std::string options;
  const auto add = [&options](std::string_view option) {
    options += options.empty() ? "" : ", ";
    options += option;
  };
  const auto [begin, end] = fields.equal_range(field::connection);
  for (const std::string_view kept : kKeptOptions) {
    if (std::any_of(begin, end, [&](const auto& each) {
          return beast::http::token_list{each.value()}.exists(kept);
        })) {
      add(kept);
    }
  }
  if (upgrades) add("upgrade");
  return options;
}

/// Whether the field goes on as it is.
bool is_kept(field name, bool upgrades) {
  return name != field::connection && name != field::content_length &&
         name != field::transfer_encoding && name != field::http2_settings &&
         (name != field::upgrade || upgrades);
}

std::string put_together(const RequestHead& head, const Fields& fields, unsigned version) {
  std::string text =
      fmt::format("{} {} HTTP/{}.{}\r\n", head.method, head.target, version / 10, version % 10);
  const auto add = [&text](std::string_view name, std::string_view value) {
    fmt::format_to(std::back_inserter(text), "{}: {}\r\n", name, value);
  };
  for (const auto& each : fields) {
    if (is_kept(each.name(), head.asks_websocket)) {
      add(view(each.name_string()), view(each.value()));
    }
  }
  const std::string options = connection_options(fields, head.asks_websocket);
  if (!options.empty()) add("Connection", options);
  if (head.body.chunked) {
    add("Transfer-Encoding", "chunked");
  } else if (fields.count(field::content_length) > 0) {
    add("Content-Length", std::to_string(head.body.length));
  }
  return text += "\r\n";
}

}  // namespace

std::optional<Refusal> check_request_line(std::string_view line) {
  if (line.starts_with("PRI ")) return Refusal{505, "HTTP/2 without TLS, which isn't checked"};
  const std::size_t space = line.rfind(' ');
  const auto version = space == std::string_view::npos ? "" : line.substr(space + 1);
  if (!version.starts_with("HTTP/")) return Refusal{400, "not HTTP/1"};
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return Refusal{505, "not HTTP/1"};
  const bool is_ascii = std::ranges::all_of(line, [](char c) { return c >= ' ' && c < 0x7f; });
  if (!is_ascii) return Refusal{400, "a request line with octets that no target has"};
  return std::nullopt;
}

std::expected<RequestHead, Refusal> read_request(std::string_view text, bool may_upgrade) {
  beast::http::request_parser<beast::http::empty_body> parser;
  parser.header_limit(std::numeric_limits<std::uint32_t>::max());
  parser.skip(true);
  boost::system::error_code error;
  const std::size_t read = parser.put(boost::asio::buffer(text), error);
  if (error || read != text.size()) return refuse(400, "an invalid request");

  const auto& message = parser.get();
  RequestHead head;
  head.method = view(message.method_string());
  if (iequals(head.method, "CONNECT")) return refuse(405, "CONNECT");
  auto target = read_target(view(message.target()), head.method);
  if (!target) return std::unexpected(target.error());
  head.target = target->origin;
  if (const auto names = check_names(message); !names) return std::unexpected(names.error());
  auto authority = read_host(message, *target);
  if (!authority) return std::unexpected(authority.error());
  head.authority = *authority;
  const auto body = read_framing(message, message.version());
  if (!body) return std::unexpected(body.error());
  head.body = *body;
  head.asks_websocket = may_upgrade && message.version() == kHttp11 &&
                        message.method() == beast::http::verb::get && body->is_empty() &&
                        asks_websocket(message);
  head.text = put_together(head, message, message.version());
  return head;
}

}  // namespace nxgate::peek
