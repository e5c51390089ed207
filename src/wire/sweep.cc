#include "wire/sweep.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/bytes.h"
#include "wire/name.h"
#include "wire/reader.h"
#include "wire/types.h"
#include "wire/writer.h"

namespace nxgate::wire {
namespace {

constexpr std::size_t kQuestionCountAt = 4;
constexpr std::size_t kTypeAndClass = 4;
constexpr std::size_t kTtlAndLength = 6;

}  // namespace

std::size_t Sweep::name_size(std::size_t at, std::size_t limit) const noexcept {
  if (at >= limit) return 0;
  const auto name = DomainName::parse(message_.first(limit).subspan(at));
  return name ? name->wire().size() : 0;
}

bool Sweep::read_head() noexcept {
  Reader counts(message_, kQuestionCountAt);
  const bool one_question = counts.u16() == 1;
  answers_ = counts.u16();
  records_ = answers_ + counts.u16();
  records_ += counts.u16();
  const std::size_t qname_size = name_size(kHeaderSize, message_.size());
  Reader question(message_, kHeaderSize);
  question.skip(qname_size + kTypeAndClass);
  next_ = to_ = question.offset();
  return one_question && qname_size != 0 && question.ok();
}

/// Moves `next_` behind the owner.
bool Sweep::read_owner() noexcept {
  Reader reader(message_, next_);
  const std::size_t pointer = reader.u16();
  if (pointer < kPointer) {
    const std::size_t size = name_size(next_, message_.size());
    next_ += size;
    return size != 0;
  }
  next_ = reader.offset();
  const std::size_t target = pointer - kPointer;
  if (target == named_at_) return true;
  const bool whole =
      target > kHeaderSize && name_size(target, std::min(record_at_, edited_from_)) != 0;
  if (whole) named_at_ = target;
  return whole;
}

bool Sweep::read_record() noexcept {
  record_at_ = next_;
  if (!read_owner()) return false;
  Reader reader(message_, next_);
  record_.type = Type{reader.u16()};
  record_.rclass = Class{reader.u16()};
  ttl_at_ = reader.offset();
  record_.ttl = reader.u32();
  const std::size_t rdata_size = reader.u16();
  const std::size_t rdata_at = reader.offset();
  reader.skip(rdata_size);
  if (!reader.ok()) return false;
  record_.rdata = message_.subspan(rdata_at, rdata_size);
  record_.dropped = false;
  next_ = reader.offset();
  return true;
}

void Sweep::put_record() noexcept {
  const std::size_t end = ttl_at_ + kTtlAndLength + record_.rdata.size();
  if (record_.dropped || end != next_) edited_from_ = std::min(edited_from_, record_at_);
  if (record_.dropped) {
    ++dropped_;
    return;
  }
  Writer writer(message_.subspan(ttl_at_));
  writer.u32(record_.ttl);
  writer.u16(static_cast<std::uint16_t>(record_.rdata.size()));
  if (to_ != record_at_) {
    std::memmove(message_.data() + to_, message_.data() + record_at_, end - record_at_);
  }
  to_ += end - record_at_;
}

std::size_t Sweep::finish() noexcept {
  if (next_ != message_.size()) return 0;
  Writer(message_.subspan(kAnswerCountAt)).u16(static_cast<std::uint16_t>(answers_ - dropped_));
  return to_;
}

}  // namespace nxgate::wire
