// The hand-written loops against the reference tables of the workloads, which two independent programs agreed on.
#include "benchmarks/loops/loop.h"

#include <gtest/gtest.h>

#include "benchmarks/workload/nexmark.h"
#include "benchmarks/workload/words.h"

namespace weir::bench {
namespace {

struct Reference {
  std::string workload;
  uint64_t events;
  uint64_t keys;
  bool skewed;
  Digest digest;
};

const std::vector<Reference>& References() {
  static const std::vector<Reference> kReferences = {
      {"gen", 100'000, 0, false, {100'000, 0x025a8b53e409ff2d}},
      {"gen", 1'000'000, 0, false, {1'000'000, 0x1789714ba7462dd1}},
      {"gen", 10'000'000, 0, false, {10'000'000, 0xeb5e742fdebe1af9}},
      {"q0", 100'000, 0, false, {92'000, 0x8074c3dc9b8178b3}},
      {"q0", 1'000'000, 0, false, {920'000, 0xf4eb9c14e54e33c1}},
      {"q0", 10'000'000, 0, false, {9'200'000, 0x42dc99dd31a7e53c}},
      {"q1", 100'000, 0, false, {92'000, 0xda6b817785cde7c9}},
      {"q1", 1'000'000, 0, false, {920'000, 0x1b0b1c421836bf2e}},
      {"q1", 10'000'000, 0, false, {9'200'000, 0xabe312ea00194af8}},
      {"q2", 100'000, 0, false, {346, 0xba724997fde90da7}},
      {"q2", 1'000'000, 0, false, {6'847, 0xdb1e32399918b46a}},
      {"q2", 10'000'000, 0, false, {74'531, 0x83a17e69ed2bbdc3}},
      {"wc", 1'000'000, 1'000, false, {1'000, 0xd23ce14dbfd54ec8}},
      {"wc", 1'000'000, 1'000'000, false, {631'894, 0xbb71233fee7e1e43}},
      {"wc", 1'000'000, 1'000'000, true, {262'433, 0xa31fd13934f38af5}},
      {"wc", 10'000'000, 1'000, false, {1'000, 0x7d264afecccd0739}},
      {"wc", 10'000'000, 1'000'000, false, {999'954, 0xe81a1e8167155326}},
      {"wc", 10'000'000, 10'000'000, false, {6'322'073, 0x50967959e86873ad}},
      {"wc", 10'000'000, 1'000'000, true, {877'841, 0xaccd37e69f55aef9}},
  };
  return kReferences;
}

LoopOptions OptionsOf(const Reference& reference) {
  LoopOptions options;
  options.workload = reference.workload;
  options.events = reference.events;
  options.keyed.keys = reference.keys;
  options.keyed.skewed = reference.skewed;
  return options;
}

std::string Name(const Reference& reference) {
  return reference.workload + " events=" + std::to_string(reference.events) + " keys=" + std::to_string(reference.keys);
}

// Rows and checksum of any loop that is fast enough to be run with several numbers of workers.
Digest DigestOf(LoopOptions options, uint32_t workers, LinkKind link) {
  options.workers = workers;
  options.link = link;
  return RunLoop(options).digest;
}

TEST(LoopTest, OneWorkerYieldsTheReferenceResults) {
  for (const Reference& reference : References()) EXPECT_EQ(RunLoop(OptionsOf(reference)).digest, reference.digest) << Name(reference);
}

TEST(LoopTest, SeveralWorkersYieldTheSameOverTcpAndInMemory) {
  for (const Reference& reference : References()) {
    if (reference.events > 1'000'000) continue;
    for (const uint32_t workers : {2u, 3u}) {
      EXPECT_EQ(DigestOf(OptionsOf(reference), workers, LinkKind::kTcp), reference.digest) << Name(reference) << " workers=" << workers;
      EXPECT_EQ(DigestOf(OptionsOf(reference), workers, LinkKind::kMemory), reference.digest) << Name(reference) << " workers=" << workers;
    }
  }
}

TEST(LoopTest, LoopsWithoutAReferenceYieldTheSameWithAnyNumberOfWorkers) {
  for (const std::string workload : {"two-stage", "text", "chain"}) {
    LoopOptions options;
    options.workload = workload;
    options.events = 300'000;
    options.keyed.keys = 10'000;
    options.keyed.seed = 5;
    const Digest one = RunLoop(options).digest;
    EXPECT_GT(one.rows, 0u) << workload;
    for (const uint32_t workers : {2u, 3u}) EXPECT_EQ(DigestOf(options, workers, LinkKind::kTcp), one) << workload << " workers=" << workers;
  }
}

TEST(LoopTest, OnlyEventsBehindTheWarmUpAreMeasured) {
  LoopOptions options;
  options.events = 100'001;
  options.warm_up = 40'000;
  options.workers = 2;
  EXPECT_EQ(RunLoop(options).measured_events, 60'001u);
}

TEST(KeyedGeneratorTest, ASeedMovesTheNumbersByTwoToTheForty) {
  const KeyedGenerator first(KeyedOptions{.keys = 1'000'000, .seed = 1});
  const KeyedGenerator third(KeyedOptions{.keys = 1'000'000, .seed = 3});
  for (uint64_t n = 0; n < 1'000; ++n) EXPECT_EQ(third.Make(n).key, first.Make(n + (uint64_t{2} << 40)).key);
}

TEST(KeyedGeneratorTest, TheFillHasEachKeyOnce) {
  const KeyedGenerator generator(KeyedOptions{.keys = 100, .fill_until = 100, .dirty_keys = 7});
  for (uint64_t n = 0; n < 100; ++n) EXPECT_EQ(generator.Make(n).key, n);
  for (uint64_t n = 100; n < 1'000; ++n) EXPECT_LT(generator.Make(n).key, 7u);
}

// The text of the specification, word by word, for a bid.
TEST(NexmarkGeneratorTest, BidsOfAnySeedAreWhatTheSpecificationSays) {
  for (const uint64_t seed : {1ULL, 7ULL, 123'456'789ULL}) {
    const NexmarkGenerator generator(seed);
    for (uint64_t n = 4; n < 20'000; n = n % 50 == 49 ? n + 5 : n + 1) {
      const auto draw = [&](uint64_t k) { return static_cast<int64_t>(Mix64(seed * 0x2545F4914F6CDD1DULL + n * 32 + k) >> 1); };
      const int64_t last_person = static_cast<int64_t>(n) / 50;
      const int64_t last_auction = 3 * last_person + 2;
      const int64_t oldest = last_auction > 100 ? last_auction - 100 : 0;
      const int64_t active = last_person + 1 < 1'000 ? last_person + 1 : 1'000;
      int64_t power = 1;
      for (int64_t i = draw(4) % 6; i > 0; --i) power *= 10;
      const Event bid = generator.Make(n);
      EXPECT_EQ(bid.kind, EventKind::kBid);
      EXPECT_EQ(bid.id, 1'000 + (draw(0) % 2 > 0 ? last_auction / 100 * 100 : oldest + draw(1) % (last_auction - oldest + 11)));
      EXPECT_EQ(bid.party, 1'000 + (draw(2) % 4 > 0 ? last_person / 100 * 100 + 1 : last_person + 1 - active + draw(3) % (active + 10)));
      EXPECT_EQ(bid.price, power * (100 + draw(5) % 900));
      EXPECT_EQ(bid.category, draw(6) % 2 == 1 ? (draw(6) >> 1) % 4 : 4 + (draw(6) >> 1) % 10'000);
      EXPECT_EQ(bid.timestamp_ms, 1'600'000'000'000 + static_cast<int64_t>(n) / 10);
    }
  }
}

TEST(WordsTest, FrequentWordsAreShortAndCoverMuchOfTheText) {
  const Words words = Words::Generated(1);
  std::unordered_map<std::string_view, uint64_t> counts;
  for (uint64_t n = 0; n < words.size(); ++n) ++counts[words.Word(n)];
  uint64_t frequent = 0;
  for (const auto& [word, count] : counts) {
    EXPECT_FALSE(word.empty());
    if (count > words.size() / 1'000) frequent += count;
  }
  EXPECT_GT(counts.size(), 20'000u);
  EXPECT_GT(frequent, words.size() / 4);
}

TEST(HistogramTest, QuantilesAreWithinOnePercent) {
  DurationHistogram histogram;
  for (int64_t i = 1; i <= 1'000'000; ++i) histogram.Add(i * 10);
  EXPECT_NEAR(static_cast<double>(histogram.Quantile(0.5)), 5e6, 5e4);
  EXPECT_NEAR(static_cast<double>(histogram.Quantile(0.999)), 9.99e6, 1e5);
  EXPECT_EQ(histogram.Quantile(1), 10'000'000u);
  EXPECT_EQ(histogram.max(), 10'000'000u);
  const DurationHistogram read = DurationHistogram::Parse(histogram.ToText());
  EXPECT_EQ(read.ToText(), histogram.ToText());
  EXPECT_EQ(read.total(), 1'000'000u);
}

}  // namespace
}  // namespace weir::bench
