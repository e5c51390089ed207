#include "forward/entropy.h"

#include <cstring>

#include <sodium.h>

#include "base/bytes.h"

namespace nxgate::forward {

Entropy::~Entropy() { sodium_memzero(pool_.data(), pool_.size()); }

void Entropy::fill(MutableBytes out) noexcept {
  if (left_ < out.size()) {
    randombytes_buf(pool_.data(), pool_.size());
    left_ = pool_.size();
  }
  left_ -= out.size();
  std::memcpy(out.data(), &pool_[left_], out.size());
  std::memset(&pool_[left_], 0, out.size());
}

}  // namespace nxgate::forward
