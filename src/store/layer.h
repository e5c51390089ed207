// What is put over the configuration.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/snapshot.h"

namespace nxgate::store {

using Enforced = std::shared_ptr<const engine::Snapshot>;

/// Rules that come from elsewhere than the configuration: from the operator while the server runs,
/// from the containers that are attached. One thread changes it, and tells `PolicyStore::changed`.
class Layer {
 public:
  virtual ~Layer() = default;

  /// `below` with what this adds; `below` itself if that is nothing.
  [[nodiscard]] virtual Enforced over(const Enforced& below) const = 0;
  /// Another one after each change.
  [[nodiscard]] virtual std::uint64_t version() const noexcept = 0;
  /// As it is now, for another thread.
  [[nodiscard]] virtual std::unique_ptr<const Layer> copy() const = 0;
};

}  // namespace nxgate::store
