#include "cli/metrics_json.h"

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

#include "telemetry/exposition.h"

namespace nxgate::cli {
namespace {

TEST(MetricsJson, HasEachSampleWithItsLabels) {
  telemetry::MetricsWriter out(telemetry::Exposition::kPrometheus);
  out.counter("a_counter", "Counts.");
  out.sample(12);
  out.histogram("a_histogram", "Times.");
  out.sample("_bucket", 0.5, {{"le", "+Inf"}, {"policy", "a\"}b\\c\nd,e"}});
  EXPECT_EQ(boost::json::serialize(samples_of(out.finish())),
            R"([{"name":"a_counter_total","labels":{},"value":1.2E1},)"
            R"({"name":"a_histogram_bucket","labels":{"le":"+Inf","policy":"a\"}b\\c\nd,e"},)"
            R"("value":5E-1}])");
}

TEST(MetricsJson, LeavesOutWhatIsNoSample) {
  EXPECT_TRUE(samples_of("\n# EOF\nname\nname{\nname{a=\"} 1\nname x\nname{a=\"b\"}\n").empty());
}

}  // namespace
}  // namespace nxgate::cli
