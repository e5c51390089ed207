#include "wire/address_edit.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
#include "wire/query.h"
#include "wire/reader.h"
#include "wire/types.h"

namespace nxgate::wire {
namespace {

constexpr std::size_t kAnswerCountAt = 6;
constexpr std::uint16_t kHttps = 65;
constexpr std::uint16_t kSvcb = 64;

enum SvcKey : std::uint16_t { kMandatory = 0, kIpv4Hint = 4, kEch = 5, kIpv6Hint = 6 };

void put_u16(MutableBytes message, std::size_t at, std::size_t value) {
  message[at] = static_cast<std::uint8_t>(value >> 8);
  message[at + 1] = static_cast<std::uint8_t>(value);
}

void put_u32(MutableBytes message, std::size_t at, std::uint32_t value) {
  put_u16(message, at, value >> 16);
  put_u16(message, at + 2, value & 0xffff);
}

IpAddress address_in(Bytes bytes) {
  if (bytes.size() == 4) return IpAddress::v4({bytes[0], bytes[1], bytes[2], bytes[3]});
  std::array<std::uint8_t, 16> v6{};
  std::ranges::copy(bytes, v6.begin());
  return IpAddress::v6(v6);
}

IpAddress ipv4_at(Bytes bytes, std::size_t at) { return address_in(bytes.subspan(at, 4)); }

bool lies_in(const IpAddress& address, std::span<const Prefix> ranges) noexcept {
  return std::ranges::any_of(ranges, [&](const Prefix& range) { return range.contains(address); });
}

/// One record as it stands in the message.
struct Record {
  std::size_t at = 0;
  std::size_t ttl_at = 0;
  std::size_t rdata_at = 0;
  std::size_t end = 0;
  std::uint16_t type = 0;
  std::uint16_t rclass = 0;
  std::uint32_t ttl = 0;
  std::size_t owner_points_to = 0;  ///< 0 if it is written out
};

/// Passes over an owner: labels, then the root or a pointer, which is not followed.
bool skip_owner(Reader& reader, std::size_t& points_to) {
  while (reader.ok()) {
    const std::uint8_t length = reader.u8();
    if (length == 0) return reader.ok();
    if ((length & 0xc0U) == 0xc0U) {
      points_to = static_cast<std::size_t>(length & 0x3fU) << 8 | reader.u8();
      return reader.ok();
    }
    if ((length & 0xc0U) != 0) return false;
    reader.skip(length);
  }
  return false;
}

bool read_record(Reader& reader, Record& record) {
  record = {.at = reader.offset()};
  if (!skip_owner(reader, record.owner_points_to)) return false;
  record.type = reader.u16();
  record.rclass = reader.u16();
  record.ttl_at = reader.offset();
  record.ttl = reader.u32();
  const std::uint16_t size = reader.u16();
  record.rdata_at = reader.offset();
  reader.skip(size);
  record.end = reader.offset();
  return reader.ok();
}

/// Walks over the answers of one message and moves what is kept to the front.
class Editor {
 public:
  Editor(MutableBytes message, const AddressEdit& edit, std::vector<FoundAddress>& found)
      : message_(message), edit_(edit), found_(found) {}

  EditedReply run() {
    found_.clear();
    if (message_.size() < kHeaderSize) return {};
    Reader reader(message_, kHeaderSize);
    std::size_t ignored = 0;
    const std::uint16_t questions = Reader(message_, 4).u16();
    for (int i = 0; i < questions; ++i) {
      if (!skip_owner(reader, ignored)) return {};
      reader.skip(4);
    }
    if (!reader.ok()) return {};
    kept_end_ = reader.offset();
    if (!edit_answers(reader)) return {};
    if (changed_ != 0 && !drop_signatures()) return {};
    return finish(reader.offset());
  }

 private:
  bool edit_answers(Reader& reader) {
    const std::uint16_t answers = Reader(message_, kAnswerCountAt).u16();
    answers_at_ = kept_end_;
    for (int i = 0; i < answers; ++i) {
      Record record;
      if (!read_record(reader, record)) return false;
      if (moved() && record.owner_points_to >= first_gap_) return false;
      if (!edit_record(record)) return false;
    }
    rest_at_ = reader.offset();
    return true;
  }

  [[nodiscard]] bool moved() const { return first_gap_ != 0; }

  bool edit_record(const Record& record) {
    std::size_t size = record.end - record.at;
    const std::uint32_t ttl = std::min(record.ttl, edit_.largest_ttl);
    if (ttl != record.ttl) put_u32(message_, record.ttl_at, ttl);
    if (record.rclass == static_cast<std::uint16_t>(Class::kIn)) {
      const Bytes rdata = Bytes(message_).subspan(record.rdata_at, record.end - record.rdata_at);
      if (record.type == static_cast<std::uint16_t>(Type::kA) ||
          record.type == static_cast<std::uint16_t>(Type::kAaaa)) {
        const std::size_t expected = record.type == static_cast<std::uint16_t>(Type::kA) ? 4 : 16;
        if (rdata.size() != expected) return false;
        if (!admit(address_in(rdata), ttl)) {
          leave_out(record);
          return true;
        }
      }
      if (record.type == kSvcb || record.type == kHttps) {
        if (!edit_service(record, ttl, size)) return false;
      }
    }
    keep(record, size);
    return true;
  }

  /// Whether it may be told; if so it is found.
  bool admit(const IpAddress& address, std::uint32_t ttl) {
    if (leads_into(address, edit_.never)) {
      ++cut_;
      return false;
    }
    found_.push_back({address, ttl});
    return true;
  }

  void leave_out(const Record& record) {
    if (!moved()) first_gap_ = kept_end_;
    ++left_out_;
    note_change(record.type);
  }

  void note_change(std::uint16_t type) {
    changed_ |= type == static_cast<std::uint16_t>(Type::kA)      ? 1U
                : type == static_cast<std::uint16_t>(Type::kAaaa) ? 2U
                : type == kSvcb                                   ? 4U
                                                                  : 8U;
  }

  [[nodiscard]] bool is_changed(std::uint16_t type) const {
    return (type == static_cast<std::uint16_t>(Type::kA) && (changed_ & 1U) != 0) ||
           (type == static_cast<std::uint16_t>(Type::kAaaa) && (changed_ & 2U) != 0) ||
           (type == kSvcb && (changed_ & 4U) != 0) || (type == kHttps && (changed_ & 8U) != 0);
  }

  /// Moves the first `size` bytes of the record, which has been shortened to that, into place.
  void keep(const Record& record, std::size_t size) {
    if (kept_end_ != record.at) {
      std::memmove(message_.data() + kept_end_, message_.data() + record.at, size);
    }
    if (size != record.end - record.at && !moved()) first_gap_ = kept_end_ + size;
    kept_end_ += size;
  }

  /// Takes hints and keys out of an SVCB or HTTPS record (RFC 9460 section 2.2).
  bool edit_service(const Record& record, std::uint32_t ttl, std::size_t& size) {
    Reader reader(Bytes(message_).first(record.end), record.rdata_at);
    reader.skip(2);
    std::size_t points_to = 0;
    if (!skip_owner(reader, points_to) || points_to != 0) return false;
    std::size_t to = reader.offset();
    const std::size_t params_at = to;
    removed_keys_ = 0;
    while (reader.remaining() > 0) {
      const std::size_t from = reader.offset();
      const std::uint16_t key = reader.u16();
      const std::uint16_t length = reader.u16();
      const std::size_t value_at = reader.offset();
      reader.skip(length);
      if (!reader.ok()) return false;
      std::size_t kept = length;
      if ((key == kIpv4Hint && !edit_hint(value_at, 4, ttl, kept)) ||
          (key == kIpv6Hint && !edit_hint(value_at, 16, ttl, kept))) {
        return false;
      }
      if (key == kEch && edit_.strip_ech) kept = 0;
      const bool gone = kept == 0 && (key == kIpv4Hint || key == kIpv6Hint || key == kEch);
      if (gone) {
        removed_keys_ |= 1U << key;
        continue;
      }
      put_u16(message_, from + 2, kept);
      std::memmove(message_.data() + to, message_.data() + from, kept + 4);
      to += kept + 4;
    }
    if (removed_keys_ != 0) to = edit_mandatory(params_at, to);
    if (to == record.end) return true;
    note_change(record.type);
    put_u16(message_, record.rdata_at - 2, to - record.rdata_at);
    size = to - record.at;
    return true;
  }

  bool edit_hint(std::size_t at, std::size_t width, std::uint32_t ttl, std::size_t& length) {
    if (length == 0 || length % width != 0) return false;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < length && !edit_.strip_hints; i += width) {
      if (!admit(address_in(Bytes(message_).subspan(at + i, width)), ttl)) continue;
      std::memmove(message_.data() + at + kept, message_.data() + at + i, width);
      kept += width;
    }
    length = kept;
    return true;
  }

  /// The key `mandatory` comes first and names others; those taken out it names no more. Returns
  /// where the keys end then.
  std::size_t edit_mandatory(std::size_t at, std::size_t end) {
    if (end - at < 4 || Reader(message_, at).u16() != kMandatory) return end;
    const std::size_t length = Reader(message_, at + 2).u16();
    std::size_t kept = 0;
    for (std::size_t i = 0; i + 2 <= length; i += 2) {
      const std::uint16_t key = Reader(message_, at + 4 + i).u16();
      if (key <= kIpv6Hint && (removed_keys_ & 1U << key) != 0) continue;
      put_u16(message_, at + 4 + kept, key);
      kept += 2;
    }
    const std::size_t to = kept == 0 ? at : at + 4 + kept;
    if (kept != 0) put_u16(message_, at + 2, kept);
    std::memmove(message_.data() + to, message_.data() + at + 4 + length, end - at - 4 - length);
    return end - (at + 4 + length - to);
  }

  /// Signatures over what was changed would only be found wrong.
  bool drop_signatures() {
    const std::size_t end = kept_end_;
    const int kept = Reader(message_, kAnswerCountAt).u16() - left_out_;
    Reader reader(Bytes(message_).first(end), answers_at_);
    kept_end_ = answers_at_;
    for (int i = 0; i < kept; ++i) {
      Record record;
      if (!read_record(reader, record)) return false;
      const bool over_changed = record.type == static_cast<std::uint16_t>(Type::kRrsig) &&
                                is_changed(Reader(message_, record.rdata_at).u16());
      if (over_changed) {
        if (!moved()) first_gap_ = kept_end_;
        first_gap_ = std::min(first_gap_, kept_end_);
        ++left_out_;
      } else {
        if (record.owner_points_to >= first_gap_) return false;
        keep(record, record.end - record.at);
      }
    }
    return true;
  }

  /// Moves up what stands behind the answers.
  EditedReply finish(std::size_t rest_at) {
    if (kept_end_ == rest_at_) return {message_.size(), cut_};
    Reader reader(message_, rest_at);
    while (reader.remaining() > 0) {
      Record record;
      if (!read_record(reader, record) || record.owner_points_to >= first_gap_) return {};
    }
    const std::size_t rest = message_.size() - rest_at;
    std::memmove(message_.data() + kept_end_, message_.data() + rest_at, rest);
    put_u16(message_, kAnswerCountAt,
            static_cast<std::size_t>(Reader(message_, kAnswerCountAt).u16() - left_out_));
    return {kept_end_ + rest, cut_};
  }

  MutableBytes message_;
  const AddressEdit& edit_;
  std::vector<FoundAddress>& found_;
  std::size_t answers_at_ = 0;
  std::size_t rest_at_ = 0;
  std::size_t kept_end_ = 0;
  std::size_t first_gap_ = 0;  ///< from here on nothing stands where it did; 0: all does
  int left_out_ = 0;
  std::uint16_t cut_ = 0;
  unsigned changed_ = 0;
  unsigned removed_keys_ = 0;
};

}  // namespace

bool leads_into(const IpAddress& address, std::span<const Prefix> ranges) noexcept {
  static const Prefix kNat64 = *Prefix::parse("64:ff9b::/96");
  static const Prefix kLocalNat64 = *Prefix::parse("64:ff9b:1::/48");
  static const Prefix kCompatible = *Prefix::parse("::/96");
  static const Prefix k6to4 = *Prefix::parse("2002::/16");
  if (lies_in(address, ranges)) return true;
  if (address.is_v4()) return false;
  const bool at_end =
      kNat64.contains(address) || kLocalNat64.contains(address) ||
      (kCompatible.contains(address) && !address.is_unspecified() && !address.is_loopback());
  if (at_end) return lies_in(ipv4_at(address.bytes(), 12), ranges);
  return k6to4.contains(address) && lies_in(ipv4_at(address.bytes(), 2), ranges);
}

EditedReply edit_addresses(MutableBytes message, const AddressEdit& edit,
                           std::vector<FoundAddress>& found) {
  return Editor(message, edit, found).run();
}

}  // namespace nxgate::wire
