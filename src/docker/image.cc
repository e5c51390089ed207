#include "docker/image.h"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <boost/json/value.hpp>

#include "base/error.h"
#include "docker/container.h"
#include "docker/fields.h"

namespace nxgate::docker {
namespace {

constexpr const char* kComposePrefix = "com.docker.compose.";
/// Compose 2 puts the id of the image there, with which it has made the container.
constexpr const char* kComposeImageLabel = "com.docker.compose.image";

/// Moves the labels for which `is_images` holds.
template <class IsImages>
void move_labels(Container& container, const IsImages& is_images) {
  const bool composed =
      !container.image.empty() && container.label(kComposeImageLabel) == container.image;
  for (auto label = container.labels.begin(); label != container.labels.end();) {
    const bool own = (composed && label->first.starts_with(kComposePrefix)) ||
                     !is_images(label->first, label->second);
    const auto next = std::next(label);
    if (!own) container.image_labels.insert(container.labels.extract(label));
    label = next;
  }
}

}  // namespace

Result<Labels> parse_image(std::string_view json) {
  const auto document = parse_document(json);
  if (!document) return std::unexpected(document.error());
  std::string fault;
  Labels labels = Fields(*document, fault).inner("Config").text_map("Labels");
  if (!fault.empty()) return fail(fault);
  return labels;
}

void tell_labels_apart(Container& container, const Labels& image) {
  move_labels(container, [&](const std::string& key, const std::string& value) {
    const auto carried = image.find(key);
    return carried != image.end() && carried->second == value;
  });
}

void distrust_labels(Container& container, std::string why) {
  move_labels(container, [](const std::string&, const std::string&) { return true; });
  container.image_fault = std::move(why);
}

std::shared_ptr<const Labels> ImageLabels::find(const std::string& image) const {
  const auto known = known_.find(image);
  return known == known_.end() ? nullptr : known->second;
}

std::shared_ptr<const Labels> ImageLabels::put(const std::string& image, Labels labels) {
  std::size_t octets = 0;
  for (const auto& [key, value] : labels) octets += key.size() + value.size();
  auto shared = std::make_shared<const Labels>(std::move(labels));
  if (octets > kMostOctets) return shared;
  if (known_.size() >= kMostImages) known_.clear();
  known_.insert_or_assign(image, shared);
  return shared;
}

}  // namespace nxgate::docker
