#include "base/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <thread>

namespace weir {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(FilterMetricCharactersTest, ReplacesOneByOne) {
  EXPECT_EQ(FilterMetricCharacters("a-> b:_9Z"), "a___b:_9Z");
  EXPECT_EQ(FilterMetricCharacters(""), "");
}

TEST(MetricRegistryTest, SnapshotShowsEveryKindSortedByName) {
  MetricRegistry registry;
  MetricScope scope(registry, "taskmanager_job_task", {{"task_name", "my task"}, {"host", "h"}});
  CounterMetric* const counter = scope.AddCounter("numRecordsIn");
  counter->Add();
  counter->Add(4);
  counter->AddSingleWriter(5);
  scope.AddGauge("buffers.inputQueueLength")->Set(2.5);
  scope.AddCallbackGauge("called", [] { return 7.0; });
  scope.AddHistogram("latency", {{"source-id", "s"}})->Record(3);

  const std::vector<MetricSample> samples = registry.Snapshot();
  ASSERT_EQ(samples.size(), 4u);
  EXPECT_EQ(samples[0].name, "taskmanager_job_task_buffers_inputQueueLength");
  EXPECT_EQ(samples[0].kind, MetricKind::kGauge);
  EXPECT_EQ(samples[0].value, 2.5);
  EXPECT_THAT(samples[0].labels, ElementsAre(std::pair("host", "h"), std::pair("task_name", "my task")));
  EXPECT_EQ(samples[1].value, 7.0);
  EXPECT_EQ(samples[2].kind, MetricKind::kHistogram);
  EXPECT_EQ(samples[2].count, 1u);
  EXPECT_THAT(samples[2].quantiles, ElementsAre(3, 3, 3, 3, 3, 3));
  EXPECT_EQ(samples[2].labels[1].first, "source_id");
  EXPECT_EQ(samples[3].kind, MetricKind::kCounter);
  EXPECT_EQ(samples[3].value, 10);
}

TEST(MetricRegistryTest, SameIdentityIsTheSameMetricUntilItsLastScopeEnds) {
  MetricRegistry registry;
  auto first = std::make_unique<MetricScope>(registry, "a", MetricLabels{{"x", "1"}, {"y", "2"}});
  auto second = std::make_unique<MetricScope>(registry, "a", MetricLabels{{"y", "2"}});
  CounterMetric* const counter = first->AddCounter("n");
  EXPECT_EQ(second->AddCounter("n", {{"x", "1"}}), counter);
  EXPECT_EQ(first->AddCounter("n"), counter);
  EXPECT_NE(second->AddCounter("n"), counter);
  counter->Add(3);
  first.reset();
  ASSERT_EQ(registry.Snapshot().size(), 2u);
  counter->Add(1);
  EXPECT_EQ(registry.Snapshot()[0].value, 4);
  second.reset();
  EXPECT_THAT(registry.Snapshot(), IsEmpty());
  EXPECT_EQ(registry.refused_count(), 0u);
}

TEST(MetricRegistryTest, ClashOfKindsGivesAWorkingMetricThatIsNotShown) {
  MetricRegistry registry;
  MetricScope scope(registry, "a", {});
  CounterMetric* const counter = scope.AddCounter("n");
  GaugeMetric* const gauge = scope.AddGauge("n");
  scope.AddHistogram("n")->Record(1);
  gauge->Set(5);
  counter->Add(2);
  EXPECT_EQ(gauge->value(), 5);
  scope.AddCallbackGauge("c", [] { return 1.0; });
  scope.AddCallbackGauge("c", [] { return 2.0; });  // The first one stays.
  const std::vector<MetricSample> samples = registry.Snapshot();
  ASSERT_EQ(samples.size(), 2u);
  EXPECT_EQ(samples[0].value, 1);
  EXPECT_EQ(samples[1].value, 2);
  EXPECT_EQ(registry.refused_count(), 3u);
}

TEST(MetricRegistryTest, NumberOfMetricsIsBounded) {
  MetricRegistry registry(/*metric_count_max=*/2);
  auto scope = std::make_unique<MetricScope>(registry, "a", MetricLabels{});
  scope->AddCounter("1");
  scope->AddCounter("2");
  scope->AddCounter("3")->Add();
  EXPECT_EQ(registry.Snapshot().size(), 2u);
  EXPECT_EQ(registry.refused_count(), 1u);
  scope.reset();
  MetricScope next(registry, "a", {});
  next.AddCounter("3");
  EXPECT_EQ(registry.Snapshot().size(), 1u);
}

TEST(MetricRegistryTest, CallbackNeverRunsAfterItsScope) {
  MetricRegistry registry;
  std::atomic<bool> done = false;
  std::thread reader([&] {
    while (!done) registry.Snapshot();
  });
  for (int i = 0; i < 500; ++i) {
    auto alive = std::make_unique<double>(i);
    MetricScope scope(registry, "a", {});
    scope.AddCallbackGauge("n", [&alive] { return *alive; });
    MetricScope moved = std::move(scope);
  }  // `alive` outlives the scopes; a call after them is a use after free, which the sanitizers see.
  done = true;
  reader.join();
}

TEST(MetricRegistryDeathTest, ScopeThatOutlivesItsRegistryIsABug) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        auto registry = std::make_unique<MetricRegistry>();
        MetricScope scope(*registry, "a", {});
        scope.AddCounter("n");
        registry.reset();
      },
      "CHECK failed");
}

TEST(HistogramTest, QuantilesOfTheNewestSamples) {
  HistogramMetric histogram;
  EXPECT_TRUE(std::isnan(histogram.Quantiles()[0]));
  for (int i = 1; i <= 100; ++i) histogram.Record(i);
  std::vector<double> quantiles = histogram.Quantiles();
  EXPECT_DOUBLE_EQ(quantiles[0], 50.5);
  EXPECT_DOUBLE_EQ(quantiles[1], 75.75);
  EXPECT_DOUBLE_EQ(quantiles[2], 95.95);
  EXPECT_DOUBLE_EQ(quantiles[5], 100);
  for (uint32_t i = 0; i < HistogramMetric::kWindowCount; ++i) histogram.Record(-1);
  EXPECT_THAT(histogram.Quantiles(), ElementsAre(-1, -1, -1, -1, -1, -1));
  EXPECT_EQ(histogram.count(), 100u + HistogramMetric::kWindowCount);
}

TEST(HistogramTest, ManyThreadsMayRecord) {
  HistogramMetric histogram;
  CounterMetric counter;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10'000; ++i) {
        histogram.Record(1);
        counter.Add();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(histogram.count(), 40'000u);
  EXPECT_EQ(counter.value(), 40'000);
  EXPECT_EQ(histogram.Quantiles()[0], 1);
}

}  // namespace
}  // namespace weir
