// No operation and no slice of a snapshot does more work the more units a key has.
#include <gtest/gtest.h>

#include <algorithm>

#include <weir/functions.h>
#include <weir/operators/keyed.h>

namespace weir {
namespace {

// Counts whatever is done with it.
class Counted {
 public:
  static inline uint64_t work = 0;

  Counted() { ++work; }
  explicit Counted(uint64_t number) : value(number) { ++work; }
  Counted(const Counted& other) : value(other.value) { ++work; }
  Counted(Counted&& other) noexcept : value(other.value) { ++work; }
  Counted& operator=(const Counted& other) = default;
  ~Counted() { ++work; }
  uint64_t value = 0;
};

}  // namespace

template <>
struct Serde<Counted> {
  static void Encode(const Counted& counted, ByteWriter& out) {
    ++Counted::work;
    out.Put(counted.value);
  }
  static bool Decode(ByteReader& in, Counted& counted) {
    counted.value = in.Get<uint64_t>();
    return in.ok();
  }
  static void Describe(std::string& schema) { schema += "counted"; }
};

namespace {

class BytesSink final : public SnapshotRecordSink {
 public:
  void Cleared(StateTombstones) override {}
  void Value(uint32_t, uint32_t, std::string_view key, std::string_view name_space, std::string_view value) override {
    size_bytes += key.size() + name_space.size() + value.size();
    ++units;
  }
  uint64_t size_bytes = 0;
  uint64_t units = 0;
};

constexpr size_t kSliceBytes = 16 * 1024;

// A segment of a table that moves, or a slice of a walk with a segment that dies. Far below the number of units.
constexpr uint64_t kWorkMax = 60'000;
constexpr uint64_t kBytesMax = 400 * 1024;
constexpr uint64_t kEntries = 400'000;

class CellWorkTest : public ::testing::Test {
 protected:
  CellWorkTest() {
    internal::DeclareColumns<uint64_t>(store_, {&map_, &list_});
    store_.TrackChanges();
  }
  // Runs one step and bounds what it does.
  template <class Step>
  void Bounded(Step&& step) {
    const uint64_t work = Counted::work;
    const uint64_t bytes = sink_.size_bytes;
    step();
    work_max_ = std::max(work_max_, Counted::work - work);
    bytes_max_ = std::max(bytes_max_, sink_.size_bytes - bytes);
  }
  void At(uint64_t key) {
    key_ = key;
    store_.SetCurrentKey(key_, HashKey(key_));
  }
  void Fill(uint64_t from, uint64_t to) {
    for (uint64_t i = from; i < to; ++i) {
      Bounded([&] { map_.Put(i, Counted(i)); });
    }
  }
  void Begin(KeyedStateStore::SnapshotKind kind) {
    Bounded([&] { store_.BeginSnapshot(kind, sink_); });
  }
  bool Slice() {
    bool complete = false;
    Bounded([&] { complete = store_.WriteSlice(kSliceBytes); });
    return complete;
  }
  void CheckBounds() const {
    EXPECT_LT(work_max_, kWorkMax);
    EXPECT_LT(bytes_max_, kBytesMax);
  }

  KeyedStateStore store_{0, 0, 1};
  MapState<uint64_t, Counted> map_{"map"};
  ListState<std::string> list_{"list"};
  BytesSink sink_;
  uint64_t key_ = 0;
  uint64_t work_max_ = 0;
  uint64_t bytes_max_ = 0;
};

TEST_F(CellWorkTest, AMapMayGrowAndShrinkWhileAFullSnapshotStandsInIt) {
  At(1);
  Fill(0, kEntries);
  Begin(KeyedStateStore::SnapshotKind::kFull);
  uint64_t next = kEntries;
  while (!Slice()) {
    Fill(next, next + 3'000);
    next += 3'000;
    for (uint64_t i = 0; i < 300; ++i) {
      Bounded([&] { map_.Remove((next * 7 + i) % kEntries); });
    }
  }
  EXPECT_EQ(sink_.units, kEntries) << "what was there at the barrier, once each";
  CheckBounds();
}

TEST_F(CellWorkTest, AMapMayBeClearedAtAnyTime) {
  At(1);
  Fill(0, kEntries);
  Begin(KeyedStateStore::SnapshotKind::kFull);
  for (int i = 0; i < 10; ++i) ASSERT_FALSE(Slice());
  Bounded([&] { map_.Clear(); });
  Fill(0, kEntries);
  Bounded([&] { map_.Clear(); });
  while (!Slice()) {
  }
  EXPECT_EQ(sink_.units, kEntries);
  Fill(0, kEntries);
  Begin(KeyedStateStore::SnapshotKind::kDelta);
  ASSERT_FALSE(Slice());
  Bounded([&] { map_.Clear(); });
  while (!Slice()) {
  }
  EXPECT_EQ(sink_.units, 2 * kEntries);
  for (int i = 0; i < 1'000; ++i) Bounded([&] { store_.ForgetKey(); });
  CheckBounds();
}

TEST_F(CellWorkTest, AListMayGrowAndBeClearedWhileSnapshotsStandInIt) {
  At(1);
  const std::string element(1'000, 'x');
  const auto fill = [&] {
    for (int i = 0; i < 20'000; ++i) Bounded([&] { list_.Add(element); });
  };
  fill();
  Begin(KeyedStateStore::SnapshotKind::kFull);
  for (int i = 0; i < 10; ++i) {
    ASSERT_FALSE(Slice());
    Bounded([&] { list_.Add(element); });
  }
  Bounded([&] { list_.Clear(); });
  fill();
  while (!Slice()) {
  }
  Begin(KeyedStateStore::SnapshotKind::kDelta);
  ASSERT_FALSE(Slice());
  Bounded([&] { list_.Clear(); });
  while (!Slice()) {
  }
  EXPECT_GT(sink_.size_bytes, 40'000'000u);
  CheckBounds();
}

// The rest of the segment under the cursor is passed at once: many large cells in it are not.
TEST_F(CellWorkTest, NewKeysMayComeWhileTheSnapshotStandsAmongLargeMaps) {
  for (uint64_t key = 0; key < 1'000; ++key) {
    At(key);
    Fill(0, 400);
  }
  Begin(KeyedStateStore::SnapshotKind::kFull);
  ASSERT_FALSE(Slice());
  for (uint64_t key = 1'000; key < 5'000; ++key) {
    At(key);
    Fill(0, 1);
  }
  while (!Slice()) {
  }
  EXPECT_EQ(sink_.units, 400'000u);
  CheckBounds();
}

}  // namespace
}  // namespace weir
