#include "wire/address_edit.h"

#include <algorithm>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
#include "base/special_addresses.h"
#include "wire/name.h"
#include "wire/reader.h"
#include "wire/sweep.h"
#include "wire/types.h"
#include "wire/writer.h"

namespace nxgate::wire {
namespace {

// SvcParamKeys of RFC 9460 section 14.3.2; every other one is opaque.
constexpr std::uint16_t kMandatory = 0;
constexpr std::uint16_t kIpv4Hint = 4;
constexpr std::uint16_t kEch = 5;
constexpr std::uint16_t kIpv6Hint = 6;

/// Those of the keys above that go.
using Keys = std::bitset<kIpv6Hint + 1>;

/// The types that are edited.
using Types = std::bitset<static_cast<std::size_t>(Type::kHttps) + 1>;

constexpr std::size_t kParamHead = 4;

/// The size of one item of a SvcParam that is a list we may have to shorten; 0 for others.
std::size_t item_size(std::uint16_t key) noexcept {
  if (key == kMandatory) return 2;
  if (key == kIpv4Hint) return 4;
  if (key == kIpv6Hint) return 16;
  return 0;
}

/// Calls `visit` for each of `params`, which may write in front of the value that it is given.
/// False if they are malformed: cut off, not in strictly rising order, or a list without whole
/// items (RFC 9460 section 2.2).
template <class Visit>
bool each_param(MutableBytes params, Visit visit) {
  Reader reader(params);
  std::uint32_t lowest = 0;
  while (reader.remaining() != 0) {
    const std::uint16_t key = reader.u16();
    const std::size_t size = reader.u16();
    const std::size_t value_at = reader.offset();
    reader.skip(size);
    const std::size_t item = item_size(key);
    if (!reader.ok() || key < lowest || (item != 0 && (size == 0 || size % item != 0))) {
      return false;
    }
    lowest = key + 1U;
    visit(key, params.subspan(value_at, size));
  }
  return true;
}

/// The SvcParams of an SVCB or HTTPS record; empty if what stands in front of them is malformed.
std::optional<MutableBytes> params_of(MutableBytes rdata) noexcept {
  constexpr std::size_t kPriority = 2;
  if (rdata.size() < kPriority) return std::nullopt;
  const auto target = DomainName::parse(rdata.subspan(kPriority));
  if (!target) return std::nullopt;
  return rdata.subspan(kPriority + target->wire().size());
}

class AddressEditor {
 public:
  AddressEditor(const AddressEdit& edit, std::vector<FoundAddress>& found)
      : edit_(edit), found_(found) {}

  /// False if the record is malformed.
  [[nodiscard]] bool edit(SweptRecord& record);

  /// Of which types anything was cut or stripped.
  [[nodiscard]] const Types& edited() const noexcept { return edited_; }
  [[nodiscard]] std::uint16_t cut() const noexcept { return cut_; }

 private:
  bool edit_address(SweptRecord& record, std::size_t size);
  bool edit_service(SweptRecord& record);

  [[nodiscard]] bool is_never(const IpAddress& address) const noexcept {
    return wire::is_never(address, edit_);
  }
  [[nodiscard]] bool is_stripped(std::uint16_t key) const noexcept;
  [[nodiscard]] bool stays(std::uint16_t key, Bytes item, const Keys& gone) const noexcept;
  std::size_t take(Bytes addresses, std::size_t size, std::uint32_t ttl);
  [[nodiscard]] std::size_t rewrite(MutableBytes params, const Keys& gone) const noexcept;

  const AddressEdit& edit_;
  std::vector<FoundAddress>& found_;
  Types edited_;
  std::uint16_t cut_ = 0;
};

bool AddressEditor::edit(SweptRecord& record) {
  record.ttl = std::min(record.ttl, edit_.largest_ttl);
  if (record.rclass != Class::kIn) return true;
  if (record.type == Type::kA) return edit_address(record, 4);
  if (record.type == Type::kAaaa) return edit_address(record, 16);
  if (record.type == Type::kSvcb || record.type == Type::kHttps) return edit_service(record);
  return true;
}

bool AddressEditor::edit_address(SweptRecord& record, std::size_t size) {
  if (record.rdata.size() != size) return false;
  record.dropped = take(record.rdata, size, record.ttl) == 0;
  if (record.dropped) edited_.set(static_cast<std::size_t>(record.type));
  return true;
}

bool AddressEditor::edit_service(SweptRecord& record) {
  const auto params = params_of(record.rdata);
  if (!params) return false;
  Keys gone;
  const std::uint16_t cut_before = cut_;
  const bool good = each_param(*params, [&](std::uint16_t key, Bytes value) {
    if (is_stripped(key)) {
      gone.set(key);
    } else if (key == kIpv4Hint || key == kIpv6Hint) {
      gone.set(key, take(value, item_size(key), record.ttl) == 0);
    }
  });
  if (!good) return false;
  if (gone.none() && cut_ == cut_before) return true;
  const std::size_t head = record.rdata.size() - params->size();
  record.rdata = record.rdata.first(head + rewrite(*params, gone));
  edited_.set(static_cast<std::size_t>(record.type));
  return true;
}

bool AddressEditor::is_stripped(std::uint16_t key) const noexcept {
  return key == kEch ? edit_.strip_ech
                     : edit_.strip_hints && (key == kIpv4Hint || key == kIpv6Hint);
}

/// Whether `item` stays in the value of `key`, of which `gone` are the keys that don't.
bool AddressEditor::stays(std::uint16_t key, Bytes item, const Keys& gone) const noexcept {
  if (key == kMandatory) {
    const std::uint16_t named = Reader(item).u16();
    return named >= gone.size() || !gone.test(named);
  }
  if (key != kIpv4Hint && key != kIpv6Hint) return true;
  const auto address = IpAddress::from_bytes(item);
  return address && !is_never(*address);
}

/// Takes up those of `addresses`, of `size` bytes each, that may stay, and returns their number;
/// counts the others.
std::size_t AddressEditor::take(Bytes addresses, std::size_t size, std::uint32_t ttl) {
  std::size_t taken = 0;
  for (; !addresses.empty(); addresses = addresses.subspan(size)) {
    const auto address = IpAddress::from_bytes(addresses.first(size));
    if (!address || is_never(*address)) {
      ++cut_;
      continue;
    }
    found_.push_back({*address, ttl});
    ++taken;
  }
  return taken;
}

/// Writes what stays of `params` to their front and returns its size.
std::size_t AddressEditor::rewrite(MutableBytes params, const Keys& gone) const noexcept {
  std::size_t to = 0;
  each_param(params, [&](std::uint16_t key, Bytes value) {
    if (key < gone.size() && gone.test(key)) return;
    const bool is_list = item_size(key) != 0;
    const std::size_t step = is_list ? item_size(key) : value.size();
    const std::size_t value_at = to + kParamHead;
    std::size_t end = value_at;
    for (; !value.empty(); value = value.subspan(step)) {
      const Bytes item = value.first(step);
      if (!stays(key, item, gone)) continue;
      std::memmove(params.data() + end, item.data(), step);
      end += step;
    }
    if (is_list && end == value_at) return;
    Writer head(params.subspan(to));
    head.u16(key);
    head.u16(static_cast<std::uint16_t>(end - value_at));
    to = end;
  });
  return to;
}

/// Drops the signatures of RRsets that are no longer what was signed; returns as Sweep::run does.
std::size_t drop_signatures(MutableBytes message, const Types& edited) {
  return Sweep(message).run([&](SweptRecord& record) {
    if (record.type != Type::kRrsig || record.rclass != Class::kIn) return true;
    Reader reader(record.rdata);
    const std::uint16_t covered = reader.u16();
    record.dropped = covered < edited.size() && edited.test(covered);
    return reader.ok();
  });
}

}  // namespace

bool is_never(const IpAddress& address, const AddressEdit& edit) noexcept {
  const auto is_cut = [&edit](const IpAddress& each) {
    return (edit.never_private && is_private(each)) ||
           std::ranges::any_of(edit.never,
                               [&](const Prefix& range) { return range.contains(each); });
  };
  return is_cut(address) || std::ranges::any_of(EmbeddedAddresses(address), is_cut);
}

EditedReply edit_addresses(MutableBytes message, const AddressEdit& edit,
                           std::vector<FoundAddress>& found) {
  found.clear();
  AddressEditor editor(edit, found);
  std::size_t size = Sweep(message).run([&](SweptRecord& record) { return editor.edit(record); });
  if (size != 0 && editor.edited().any()) {
    size = drop_signatures(message.first(size), editor.edited());
  }
  if (size == 0) {
    found.clear();
    return {};
  }
  return {size, editor.cut()};
}

}  // namespace nxgate::wire
