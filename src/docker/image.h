// Which labels of a container are its own, and which its image's.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "docker/container_reader.h"

namespace nxgate::docker {

using Labels = std::map<std::string, std::string>;

/// Reads the labels in `GET /images/{id}/json`, in pieces of any size; of these the ones that a
/// container's are kept of.
class ImageReader {
 public:
  explicit ImageReader(const LabelKeys& labels);
  ~ImageReader();

  [[nodiscard]] Result<void> write(std::string_view piece);
  [[nodiscard]] Result<Labels> finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Moves what `image` carries with the same value from `labels` to `image_labels`, for whoever
/// builds an image chooses those; a `--label` of the same value can't be told apart. Labels of
/// Compose stay in a container that Compose made: it names the image's own id among them, which no
/// image can carry.
void tell_labels_apart(Container& container, const Labels& image);

/// The same for an image that can't be inspected: no label is known to be the container's own.
void distrust_labels(Container& container, std::string why);

/// The labels of images, which never change. Bounded; used by one thread.
class ImageLabels {
 public:
  static constexpr std::size_t kMostImages = 256;
  /// Of keys and values; an image with more is looked at each time.
  static constexpr std::size_t kMostOctets = 1UL << 16;

  [[nodiscard]] std::shared_ptr<const Labels> find(const std::string& image) const;
  std::shared_ptr<const Labels> put(const std::string& image, Labels labels);

 private:
  std::map<std::string, std::shared_ptr<const Labels>> known_;
};

}  // namespace nxgate::docker
