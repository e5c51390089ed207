#include "docker/image.h"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <boost/json/value.hpp>

#include "base/error.h"
#include "base/json_fields.h"
#include "containers/container.h"
#include "docker/container_reader.h"
#include "docker/excerpt.h"

namespace nxgate::docker {
namespace {

constexpr const char* kComposePrefix = "com.docker.compose.";

/// Moves the labels for which `is_images` holds.
template <class IsImages>
void move_labels(Container& container, const IsImages& is_images) {
  const bool composed = !container.image.empty() &&
                        container.label(containers::kComposeImageLabel) == container.image;
  for (auto label = container.labels.begin(); label != container.labels.end();) {
    const bool own = (composed && label->first.starts_with(kComposePrefix)) ||
                     !is_images(label->first, label->second);
    const auto next = std::next(label);
    if (!own) container.image_labels.insert(container.labels.extract(label));
    label = next;
  }
}

}  // namespace

struct ImageReader::State {
  explicit State(const LabelKeys& labels) {
    for (const std::string& label : containers::with_compose(labels))
      wanted.add({"Config", "Labels", label});
  }

  WantedFields wanted;
  boost::json::value value;
  ExcerptReader reader{ExcerptReader::Document::kOne, wanted,
                       [this](Excerpt excerpt) { value = std::move(excerpt.value); }};
};

ImageReader::ImageReader(const LabelKeys& labels) : state_(std::make_unique<State>(labels)) {}
ImageReader::~ImageReader() = default;

Result<void> ImageReader::write(std::string_view piece) { return state_->reader.write(piece); }

Result<Labels> ImageReader::finish() {
  if (const auto read = state_->reader.finish(); !read) return std::unexpected(read.error());
  std::string fault;
  Labels labels = JsonFields(state_->value, fault).inner("Config").text_map("Labels");
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
