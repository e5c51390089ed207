// Reading what the engine says of containers.
#pragma once

#include <memory>
#include <string_view>

#include "base/error.h"
#include "containers/container.h"

namespace nxgate::docker {

using containers::Container;
using containers::ContainerList;
using containers::LabelKeys;
using containers::Membership;
using containers::OddEntry;

/// Reads `GET /containers/{id}/json`, in pieces of any size. Bounded in memory (excerpt.h).
class InspectReader {
 public:
  explicit InspectReader(const LabelKeys& labels);
  ~InspectReader();

  [[nodiscard]] Result<void> write(std::string_view piece);
  /// The error says what is missing or of the wrong kind.
  [[nodiscard]] Result<Container> finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Reads `GET /containers/json`, in pieces of any size. An invalid entry doesn't affect the others.
class ListReader {
 public:
  explicit ListReader(const LabelKeys& labels);
  ~ListReader();

  [[nodiscard]] Result<void> write(std::string_view piece);
  /// Fails when it is no list, or no whole one.
  [[nodiscard]] Result<void> finish();
  /// What was read up to now, whether or not all went well.
  [[nodiscard]] ContainerList take();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace nxgate::docker
