// Going through a finished reply and closing the gaps that an edit leaves.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "wire/types.h"

namespace nxgate::wire {

/// A record of the answer section, where it stands. Whoever sees it may lower its TTL, make its
/// rdata shorter, or drop it.
struct SweptRecord {
  Type type{};
  Class rclass{};
  std::uint32_t ttl = 0;
  MutableBytes rdata;
  bool dropped = false;
};

/// One pass over a reply with one question, such as ReplyWriter makes. No heap, never throws.
class Sweep {
 public:
  explicit Sweep(MutableBytes message) noexcept : message_(message), edited_from_(message.size()) {}

  /// Calls `edit` for each record of the answer section, in order, and moves everything behind an
  /// edit up. Returns the size of the message afterwards; 0, with the message half edited, if it is
  /// malformed or `edit` returned false.
  ///
  /// An owner has to be a whole name, or a pointer to one that stands in front of its record and of
  /// the first edited one, and so stays where it is.
  template <class Edit>
  [[nodiscard]] std::size_t run(Edit edit) {
    if (!read_head()) return 0;
    for (std::size_t i = 0; i < records_; ++i) {
      if (!read_record()) return 0;
      if (i < answers_ && !edit(record_)) return 0;
      put_record();
    }
    return finish();
  }

 private:
  [[nodiscard]] bool read_head() noexcept;
  [[nodiscard]] bool read_record() noexcept;
  [[nodiscard]] bool read_owner() noexcept;
  void put_record() noexcept;
  [[nodiscard]] std::size_t finish() noexcept;

  /// The size of the whole name at `at` that ends in front of `limit`; 0 if there is none.
  [[nodiscard]] std::size_t name_size(std::size_t at, std::size_t limit) const noexcept;

  MutableBytes message_;
  std::size_t answers_ = 0;
  std::size_t records_ = 0;
  std::size_t dropped_ = 0;
  std::size_t next_ = 0;                // of the record to be read
  std::size_t to_ = 0;                  // where it goes
  std::size_t edited_from_;             // the first record that was edited
  std::size_t named_at_ = kHeaderSize;  // a place known to hold a whole name
  std::size_t record_at_ = 0;
  std::size_t ttl_at_ = 0;
  SweptRecord record_;
};

}  // namespace nxgate::wire
