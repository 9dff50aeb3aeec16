// Map, Filter and FlatMap over batches: rows, timestamps and ownership, whichever way a batch takes.
#include <weir/operators/stateless.h>

#include <gtest/gtest.h>

#include <map>
#include <stdexcept>

#include <weir/collector.h>

#include "tests/unit/operator/operator_bench.h"

namespace weir::internal {
namespace {

// Keeps rows, timestamps and the size of each batch.
template <class T>
struct Collected final : BatchSink {
  void Push(RecordBatch batch) override {
    sizes.push_back(batch.size());
    size_bytes.push_back(batch.SizeBytes());
    for (uint32_t i = 0; i < batch.size(); ++i) {
      rows.push_back(batch.Rows<T>()[i]);
      if (batch.has_timestamps()) timestamps.push_back(batch.timestamps()[i]);
    }
  }
  std::vector<T> rows;
  std::vector<int64_t> timestamps;
  std::vector<uint32_t> sizes;
  std::vector<size_t> size_bytes;
};

enum class Columns { kNone, kTimestamps, kTimestampsAndHashes };

// Rows with timestamp 100 + index when there are any.
template <class T>
RecordBatch BatchOf(const std::vector<T>& rows, Columns columns) {
  RecordBatch batch(TypeOf<T>(), {.capacity_rows = static_cast<uint32_t>(rows.size()),
                                  .has_hashes = columns == Columns::kTimestampsAndHashes,
                                  .has_timestamps = columns != Columns::kNone});
  for (uint32_t i = 0; i < rows.size(); ++i) {
    std::construct_at(batch.Rows<T>() + i, rows[i]);
    if (batch.has_timestamps()) batch.timestamps()[i] = 100 + i;
    if (batch.has_hashes()) batch.hashes()[i] = 200 + i;
  }
  batch.SetSize(static_cast<uint32_t>(rows.size()));
  return batch;
}

// An operator that writes into `output`.
template <class Op, class O>
class Harness {
 public:
  template <class F>
  explicit Harness(F function, BatchBounds bounds = {.rows_max = 4}) : op_(function), context_(runtime_, output) {
    context_.output_bounds = bounds;
    op_.Open(context_);
  }
  void Process(RecordBatch batch) { op_.ProcessBatch(batch); }

  Collected<O> output;

 private:
  weir::testing::NoRuntime runtime_;
  Op op_;
  OperatorContext context_;
};

TEST(Map, ToAnotherFlatTypeFillsBatchesAcrossTheirBorder) {
  const auto half = [](const int64_t& n) { return static_cast<int32_t>(n / 2); };
  Harness<MapOperator<decltype(half), int64_t, int32_t>, int32_t> map(half);
  map.Process(BatchOf<int64_t>({2, 4, 6, 8, 10, 12, 14, 16, 18, 20}, Columns::kTimestamps));
  EXPECT_EQ(map.output.rows, (std::vector<int32_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
  EXPECT_EQ(map.output.timestamps, (std::vector<int64_t>{100, 101, 102, 103, 104, 105, 106, 107, 108, 109}));
  EXPECT_EQ(map.output.sizes, (std::vector<uint32_t>{4, 4, 2}));
}

TEST(Map, WithAndWithoutTimestampsNeverShareABatch) {
  const auto half = [](const int64_t& n) { return static_cast<int32_t>(n / 2); };
  Harness<MapOperator<decltype(half), int64_t, int32_t>, int32_t> map(half);
  map.Process(BatchOf<int64_t>({2}, Columns::kNone));
  map.Process(BatchOf<int64_t>({4}, Columns::kTimestamps));
  map.Process(BatchOf<int64_t>({6}, Columns::kNone));
  EXPECT_EQ(map.output.rows, (std::vector<int32_t>{1, 2, 3}));
  EXPECT_EQ(map.output.timestamps, (std::vector<int64_t>{100}));
}

TEST(Map, ToTheSameTypeKeepsTheBatch) {
  const auto twice = [](const std::string& text) { return text + text; };
  Harness<MapOperator<decltype(twice), std::string, std::string>, std::string> map(twice);
  map.Process(BatchOf<std::string>({"a", std::string(40, 'b'), "", "c", "d", "e"}, Columns::kTimestamps));
  EXPECT_EQ(map.output.rows, (std::vector<std::string>{"aa", std::string(80, 'b'), "", "cc", "dd", "ee"}));
  EXPECT_EQ(map.output.timestamps, (std::vector<int64_t>{100, 101, 102, 103, 104, 105}));
  EXPECT_EQ(map.output.sizes, (std::vector<uint32_t>{6}));
}

TEST(Map, MayReturnItsArgument) {
  const auto same = [](const std::string& text) -> const std::string& { return text; };
  Harness<MapOperator<decltype(same), std::string, std::string>, std::string> map(same);
  map.Process(BatchOf<std::string>({std::string(40, 'x')}, Columns::kNone));
  EXPECT_EQ(map.output.rows, (std::vector<std::string>{std::string(40, 'x')}));
}

TEST(Map, ThatThrowsLeavesNothingBehind) {  // What is leaked or freed twice, the sanitizers see.
  const auto third = [](const int64_t& n) {
    if (n == 3) throw std::runtime_error("three");
    return std::string(40, static_cast<char>('a' + n));
  };
  Harness<MapOperator<decltype(third), int64_t, std::string>, std::string> map(third);
  EXPECT_THROW(map.Process(BatchOf<int64_t>({1, 2, 3, 4}, Columns::kNone)), std::runtime_error);
  EXPECT_TRUE(map.output.rows.empty());
}

TEST(Filter, KeepsOrderAndColumns) {
  const auto odd = [](const std::string& text) { return text.size() % 2 == 1; };
  const std::vector<std::string> rows = {"xx", std::string(41, 'a'), "xx", "b", "c", std::string(40, 'x'), "d"};
  for (const Columns columns : {Columns::kTimestamps, Columns::kTimestampsAndHashes}) {
    Harness<FilterOperator<decltype(odd), std::string>, std::string> filter(odd);
    filter.Process(BatchOf(rows, columns));
    EXPECT_EQ(filter.output.rows, (std::vector<std::string>{std::string(41, 'a'), "b", "c", "d"}));
    EXPECT_EQ(filter.output.timestamps, (std::vector<int64_t>{101, 103, 104, 106}));
    EXPECT_EQ(filter.output.sizes, (std::vector<uint32_t>{4}));
  }
  Harness<FilterOperator<decltype(odd), std::string>, std::string> filter(odd);
  filter.Process(BatchOf(rows, Columns::kNone));
  EXPECT_EQ(filter.output.rows, (std::vector<std::string>{std::string(41, 'a'), "b", "c", "d"}));
  EXPECT_TRUE(filter.output.timestamps.empty());
}

TEST(Filter, ThatPassesNothingSendsNothing) {
  const auto none = [](const int64_t&) { return false; };
  Harness<FilterOperator<decltype(none), int64_t>, int64_t> filter(none);
  filter.Process(BatchOf<int64_t>({1, 2}, Columns::kNone));
  EXPECT_TRUE(filter.output.sizes.empty());
}

TEST(FlatMap, GivesEachResultTheTimestampOfItsRecord) {
  const auto repeat = [](const int64_t& n, Collector<int64_t>& out) {
    for (int64_t i = 0; i < n; ++i) out.Collect(n);
  };
  Harness<FlatMapOperator<decltype(repeat), int64_t, int64_t>, int64_t> flat_map(repeat);
  flat_map.Process(BatchOf<int64_t>({3, 0, 2}, Columns::kTimestamps));
  EXPECT_EQ(flat_map.output.rows, (std::vector<int64_t>{3, 3, 3, 2, 2}));
  EXPECT_EQ(flat_map.output.timestamps, (std::vector<int64_t>{100, 100, 100, 102, 102}));
  EXPECT_EQ(flat_map.output.sizes, (std::vector<uint32_t>{4, 1}));
}

TEST(FlatMap, EndsABatchOfLongStrings) {
  const auto repeat = [](const int64_t& n, Collector<std::string>& out) {
    for (int64_t i = 0; i < n; ++i) out.Collect(std::string(1'000, 'x'));
  };
  Harness<FlatMapOperator<decltype(repeat), int64_t, std::string>, std::string> flat_map(repeat, {.rows_max = 100, .owned_bytes_max = 3'000});
  flat_map.Process(BatchOf<int64_t>({7}, Columns::kNone));
  EXPECT_EQ(flat_map.output.sizes, (std::vector<uint32_t>{3, 3, 1}));
  EXPECT_GE(flat_map.output.size_bytes[0], 3 * (1'000 + sizeof(std::string)));
}

TEST(Map, ToTheSameTypeCountsWhatTheResultsOwn) {
  const auto grow = [](const std::string& text) { return text + std::string(1'000, 'x'); };
  Harness<MapOperator<decltype(grow), std::string, std::string>, std::string> map(grow);
  map.Process(BatchOf<std::string>({"a", "b"}, Columns::kNone));
  EXPECT_GE(map.output.size_bytes[0], 2 * (1'000 + sizeof(std::string)));
}

TEST(Filter, CountsWhatItKeeps) {
  const auto is_long = [](const std::string& text) { return text.size() > 100; };
  Harness<FilterOperator<decltype(is_long), std::string>, std::string> filter(is_long);
  filter.Process(BatchOf<std::string>({"a", std::string(1'000, 'x')}, Columns::kNone));
  filter.Process(BatchOf<std::string>({std::string(2'000, 'x')}, Columns::kNone));
  EXPECT_LT(filter.output.size_bytes[0], 2'000u);
  EXPECT_GE(filter.output.size_bytes[1], 2'000u);
}

struct Nested {
  int64_t number;
  std::vector<std::string> texts;
  std::optional<std::string> maybe;
};

TEST(OwnedBytes, CountsWhatIsBelow) {
  EXPECT_EQ(OwnedBytes(int64_t{1}), 0u);
  EXPECT_EQ(OwnedBytes(std::string("short")), 0u);
  EXPECT_GE(OwnedBytes(std::string(100, 'x')), 100u);
  const Nested nested{1, {std::string(100, 'x'), std::string(200, 'y')}, std::string(50, 'z')};
  EXPECT_GE(OwnedBytes(nested), 350u + 2 * sizeof(std::string));
  EXPECT_LT(OwnedBytes(nested), 700u);
  EXPECT_GE(OwnedBytes(std::map<std::string, std::string>{{"k", std::string(100, 'x')}}), 100u);
  EXPECT_GE(OwnedBytes(std::pair<int, std::string>{1, std::string(100, 'x')}), 100u);
}

}  // namespace
}  // namespace weir::internal
