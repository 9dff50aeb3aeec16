#include "base/process_metrics.h"

#include <gtest/gtest.h>

#include <iostream>
#include <map>
#include <random>

#include "base/clock.h"

namespace weir {
namespace {

constexpr char kStat[] =
    "4242 (a) b (c)) S 1 4242 4242 0 -1 4194560 1000 0 0 0 150 50 0 0 20 0 7 0 123456 1000000 300 18446744073709551615 1 1 0 0";

TEST(ParseProcStatTest, FindsItsFieldsBehindAnyProgramName) {
  const auto usage = ParseProcStat(kStat, /*ticks_per_second=*/100, /*page_size_bytes=*/4096);
  ASSERT_TRUE(usage.has_value());
  EXPECT_EQ(usage->cpu_time_nanos, 2'000'000'000);
  EXPECT_EQ(usage->thread_count, 7);
  EXPECT_EQ(usage->resident_bytes, 300 * 4096);
}

TEST(ParseProcStatTest, RefusesWhatIsNone) {
  for (const char* text : {"", "4242 (x", "1 (x) S", "1 (x) S 1 2 3 x 5", "1 (x) SS 1 2 3"}) {
    EXPECT_FALSE(ParseProcStat(text, 100, 4096).has_value()) << text;
  }
  EXPECT_FALSE(ParseProcStat(kStat, 0, 4096).has_value());
}

TEST(ParseProcStatFuzzTest, NoInputCrashes) {
  const uint64_t seed = std::random_device()();
  std::cout << "seed " << seed << std::endl;
  std::mt19937_64 random(seed);
  for (int i = 0; i < 10'000; ++i) {
    std::string text = kStat;
    for (int flips = 0; flips < 3; ++flips) text[random() % text.size()] = static_cast<char>(random());
    static_cast<void>(ParseProcStat(text.substr(0, random() % (text.size() + 1)), 100, 4096));
  }
}

TEST(ProcessMetricsTest, ShowsThisProcessUnderFlinksNames) {
  MetricRegistry registry;
  ManualClock clock;
  clock.AdvanceMillis(1000);
  const MetricScope scope = RegisterProcessMetrics(registry, clock, "taskmanager", {{"host", "h"}}, 12345);
  std::map<std::string, double> values;
  for (const MetricSample& sample : registry.Snapshot()) values[sample.name] = sample.value;
  EXPECT_EQ(values.at("taskmanager_Status_JVM_CPU_Load"), 0);  // Nothing to compare with yet.
  EXPECT_GE(values.at("taskmanager_Status_JVM_CPU_Time"), 0);
  EXPECT_GE(values.at("taskmanager_Status_JVM_Threads_Count"), 1);
  EXPECT_GT(values.at("taskmanager_Status_JVM_Memory_Heap_Used"), 100'000);
  EXPECT_EQ(values.at("taskmanager_Status_JVM_Memory_Heap_Max"), 12345);
  EXPECT_EQ(values.at("taskmanager_Status_JVM_Memory_Metaspace_Used"), 0);
  EXPECT_EQ(values.at("taskmanager_Status_JVM_Memory_Direct_Count"), 0);

  clock.AdvanceMillis(2000);
  for (const MetricSample& sample : registry.Snapshot()) {
    if (sample.name == "taskmanager_Status_JVM_CPU_Load") {
      EXPECT_GE(sample.value, 0);
      EXPECT_LE(sample.value, 1);
    }
  }
}

}  // namespace
}  // namespace weir
