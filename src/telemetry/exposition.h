// Metrics as text: Prometheus' and OpenMetrics' forms.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace nxgate::telemetry {

enum class Exposition : std::uint8_t { kPrometheus, kOpenMetrics };

/// Writes families one after the other. Names are given without the suffix `_total`. One thread.
class MetricsWriter {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  explicit MetricsWriter(Exposition form) : form_(form) {}

  /// Begin a family; its samples follow.
  void counter(std::string_view name, std::string_view help) { family(name, "counter", help); }
  void gauge(std::string_view name, std::string_view help) { family(name, "gauge", help); }
  void histogram(std::string_view name, std::string_view help) { family(name, "histogram", help); }

  /// A sample of the family.
  void sample(double value, Labels labels = {}) { sample({}, value, labels); }
  /// One of a histogram: `_bucket`, `_sum`, `_count`.
  void sample(std::string_view suffix, double value, Labels labels = {});

  [[nodiscard]] std::string finish();

 private:
  void family(std::string_view name, std::string_view type, std::string_view help);

  Exposition form_;
  bool counter_ = false;
  std::string name_;
  std::string text_;
};

}  // namespace nxgate::telemetry
