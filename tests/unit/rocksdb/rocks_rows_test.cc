// Rows in RocksDB against a plain map, with cuts that are read long after they were made.
#include "state/rocksdb/rocks_rows.h"

#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>

#include "tests/unit/base/temporary_directory.h"

namespace weir {
namespace {

constexpr RocksRows::KeyGroups kGroups{300, 303};

using Place = std::tuple<uint32_t, std::string, uint32_t>;  // Key group, key, column: in the order of a cut.
using Content = std::map<Place, std::string>;

class RocksRowsTest : public ::testing::Test {
 protected:
  std::shared_ptr<RocksDatabase> Open(const std::string& name, RocksOptions options = {}, std::vector<RocksColumn> columns = {{"a"}, {"b"}, {"c"}}) {
    StatusOr<std::shared_ptr<RocksDatabase>> opened =
        RocksDatabase::Open({directory_.Path(name), std::move(columns), std::move(options), [this] { return now_ms_; }}, memory_);
    EXPECT_TRUE(opened.ok()) << opened.status().ToString();
    return *opened;
  }

  static Content Read(ColdCursor& cursor) {
    Content content;
    while (cursor.Next()) content[{cursor.place().key_group, std::string(cursor.place().key), cursor.place().column}] = cursor.value();
    EXPECT_TRUE(cursor.status().ok()) << cursor.status().ToString();
    return content;
  }

  TemporaryDirectory directory_;
  int64_t now_ms_ = 1'000'000;
  std::shared_ptr<RocksMemory> memory_ = std::make_shared<RocksMemory>(RocksMemoryLimits{.bytes = 8 << 20});
};

// What a map says that RocksRows must say.
class Model {
 public:
  void Put(const Place& place, const std::string& value, bool changed) {
    values_[place] = value;
    // Of a value that was put as changed and then as unchanged the change stays: nobody does that without a read.
    if (changed) changes_[place] = value;
  }
  void Erase(const Place& place) { values_.erase(place); }
  bool TakeBack(const Place& place) { return changes_.erase(place) != 0; }
  void Cut() { changes_.clear(); }
  const Content& values() const { return values_; }
  const Content& changes() const { return changes_; }

 private:
  Content values_;
  Content changes_;
};

struct TakenCut {
  std::shared_ptr<const ColdCut> cut;
  Content values;
  Content changes;
};

TEST_F(RocksRowsTest, HoldsWhatAMapHoldsAtEveryCut) {
  const uint32_t seed = std::random_device()();
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  for (int run = 0; run < 4; ++run) {
    // Small buffers: flushes and compactions in the middle.
    const std::shared_ptr<RocksDatabase> database = Open("run" + std::to_string(run), {.write_buffer_bytes = 64 << 10,
                                                                                       .bloom_bits_per_key = run % 2 == 0 ? 10.0 : 0.0,
                                                                                       .partitioned_index_filters = run % 3 == 0,
                                                                                       .write_batch_bytes = run % 3 == 1 ? 1ull : 4096ull});
    RocksRows rows(database, kGroups);
    Model model;
    std::vector<TakenCut> cuts;
    const uint32_t key_count = 1 + random() % 500;
    const auto random_key = [&] { return "key" + std::string(random() % 3, '\0') + std::to_string(random() % key_count); };
    for (int step = 0; step < 250; ++step) {
      const uint32_t group = kGroups.start + random() % 4;
      switch (random() % 10) {
        case 0: {
          StatusOr<std::shared_ptr<const ColdCut>> cut = rows.Cut();
          ASSERT_TRUE(cut.ok()) << cut.status().ToString();
          cuts.push_back({*cut, model.values(), model.changes()});
          model.Cut();
          break;
        }
        case 1:
          if (cuts.empty()) break;
          std::swap(cuts[random() % cuts.size()], cuts.back());
          EXPECT_EQ(Read(*cuts.back().cut->Values()), cuts.back().values) << "run " << run << " step " << step;
          EXPECT_EQ(Read(*cuts.back().cut->Changes()), cuts.back().changes) << "run " << run << " step " << step;
          if (random() % 2 == 0) cuts.pop_back();
          break;
        case 2:
        case 3: {  // As the store does: a row is read before it is erased, and what was read is put again in time.
          std::set<std::pair<uint32_t, std::string>> wanted;
          for (uint32_t i = random() % 40; i > 0; --i) wanted.emplace(kGroups.start + random() % 4, random_key());
          std::vector<ColdRows::Key> keys;
          for (const auto& [key_group, key] : wanted) keys.push_back({key_group, key});
          Content found;
          Content expected;
          std::set<Place> changed;
          ASSERT_TRUE(rows.Read(keys,
                                [&](const ColdRows::Found& value) {
                                  const Place place{keys[value.index].key_group, std::string(keys[value.index].bytes), value.column};
                                  found[place] = value.value;
                                  EXPECT_EQ(value.changed, model.TakeBack(place)) << "run " << run << " step " << step;
                                  if (value.changed) changed.insert(place);
                                  return Status::Ok();
                                })
                          .ok());
          for (const auto& [place, value] : model.values()) {
            if (wanted.contains({std::get<0>(place), std::get<1>(place)})) expected[place] = value;
          }
          EXPECT_EQ(found, expected) << "run " << run << " step " << step;
          for (const auto& [place, value] : found) {
            const auto& [key_group, key, column] = place;
            if (random() % 2 == 0) {
              rows.Put({key_group, column, key}, value, changed.contains(place));
              model.Put(place, value, changed.contains(place));
            } else {
              rows.Erase({key_group, column, key});
              model.Erase(place);
            }
          }
          break;
        }
        default:
          for (uint32_t i = random() % 100; i > 0; --i) {
            const Place place{group, random_key(), random() % 3};
            const bool changed = model.changes().contains(place) || random() % 2 == 0;
            const std::string value(random() % 300, static_cast<char>('a' + random() % 26));
            rows.Put({group, std::get<2>(place), std::get<1>(place)}, value, changed);
            model.Put(place, value, changed);
          }
      }
      if (HasFailure()) return;
    }
  }
}

TEST_F(RocksRowsTest, AKeyGroupIsEmptyUntilAValueIsPutThere) {
  RocksRows rows(Open("db"), kGroups);
  EXPECT_FALSE(rows.MayHold(301));
  rows.Put({301, 0, "key"}, "value", false);
  EXPECT_TRUE(rows.MayHold(301));
  EXPECT_FALSE(rows.MayHold(302));
}

TEST_F(RocksRowsTest, ACutOutlivesTheRows) {
  std::shared_ptr<const ColdCut> cut;
  {
    RocksRows rows(Open("db"), kGroups);
    rows.Put({300, 0, "key"}, "value", true);
    cut = *rows.Cut();
    rows.Erase({300, 0, "key"});
  }
  const Content expected{{{300, "key", 0}, "value"}};
  EXPECT_EQ(Read(*cut->Values()), expected);
  EXPECT_EQ(Read(*cut->Changes()), expected);
  EXPECT_TRUE(std::filesystem::exists(directory_.Path("db")));
  cut.reset();
  EXPECT_FALSE(std::filesystem::exists(directory_.Path("db"))) << "nothing must be left behind";
}

TEST_F(RocksRowsTest, ADirectoryThatIsThereIsRefused) {
  std::filesystem::create_directory(directory_.Path("db"));
  EXPECT_EQ(RocksDatabase::Open({directory_.Path("db"), {}, {}, nullptr}, memory_).status().code(), StatusCode::kUnavailable);
  EXPECT_TRUE(std::filesystem::exists(directory_.Path("db"))) << "it is somebody else's";
}

TEST_F(RocksRowsTest, CompactionsDropWhatHasExpired) {
  const std::shared_ptr<RocksDatabase> database = Open("db", {}, {{"lasting"}, {"fleeting", 100}});
  RocksRows rows(database, kGroups);
  const auto timed = [](int64_t last_access_ms) { return std::string(reinterpret_cast<const char*>(&last_access_ms), sizeof(last_access_ms)) + "value"; };
  for (const uint32_t column : {0u, 1u}) {
    rows.Put({300, column, "old"}, timed(now_ms_ - 100), false);
    rows.Put({300, column, "young"}, timed(now_ms_ - 99), false);
  }
  ASSERT_TRUE(rows.Write().ok());
  for (const uint32_t column : {0u, 1u}) ASSERT_TRUE(database->db().CompactRange({}, database->column(column), nullptr, nullptr).ok());
  const Content left = Read(*(*rows.Cut())->Values());
  EXPECT_EQ(left.size(), 3u);
  EXPECT_FALSE(left.contains({300, "old", 1}));
}

TEST_F(RocksRowsTest, DamagedBlocksAreFound) {
  const std::shared_ptr<RocksDatabase> database = Open("db");
  RocksRows rows(database, kGroups);
  for (int i = 0; i < 1'000; ++i) rows.Put({300, 0, std::to_string(i)}, std::string(100, 'x'), false);
  ASSERT_TRUE(rows.Write().ok());
  ASSERT_TRUE(database->db().Flush({}, database->column(0)).ok());
  for (const auto& file : std::filesystem::directory_iterator(directory_.Path("db"))) {
    if (file.path().extension() != ".sst") continue;
    std::fstream content(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    content.seekp(100);
    content.write("damage", 6);
  }
  EXPECT_EQ(rows.Read(std::vector<ColdRows::Key>{{300, "0"}}, [](const ColdRows::Found&) { return Status::Ok(); }).code(), StatusCode::kCorruption);
  EXPECT_FALSE(rows.Write().ok()) << "it stays broken";
  EXPECT_FALSE(rows.Cut().ok());
}

TEST_F(RocksRowsTest, MemoryStaysWithinTheBudgetOfAllDatabasesOnceTheyHaveFlushed) {
  std::vector<std::shared_ptr<RocksDatabase>> databases;
  std::vector<std::unique_ptr<RocksRows>> all;
  for (int i = 0; i < 3; ++i) all.push_back(std::make_unique<RocksRows>(databases.emplace_back(Open("db" + std::to_string(i))), kGroups));
  const std::string value(10'000, 'v');
  for (int i = 0; i < 6'000; ++i) {
    all[i % 3]->Put({300, static_cast<uint32_t>(i % 2), std::to_string(i)}, value, false);
    if (i % 1'000 != 999) continue;
    std::vector<std::string> texts;
    for (int key = 0; key < i; key += 7) texts.push_back(std::to_string(key));
    std::sort(texts.begin(), texts.end());
    std::vector<ColdRows::Key> keys;
    for (const std::string& text : texts) keys.push_back({300, text});
    for (const std::unique_ptr<RocksRows>& rows : all) ASSERT_TRUE(rows->Read(keys, [](const ColdRows::Found&) { return Status::Ok(); }).ok());
    for (const std::shared_ptr<RocksDatabase>& database : databases) {
      ASSERT_TRUE(database->db().Flush({}, {database->column(0), database->column(1)}).ok());
    }
    EXPECT_LE(memory_->used_bytes(), 8u << 20) << "after " << i << " values";
  }
}

TEST_F(RocksRowsTest, TellsItsProperties) {
  const std::shared_ptr<RocksDatabase> database = Open("db");
  RocksRows rows(database, kGroups);
  rows.Put({300, 1, "key"}, "value", false);
  ASSERT_TRUE(rows.Write().ok());
  EXPECT_EQ(database->Property(1, "estimate-num-keys"), 1u);
  EXPECT_EQ(database->Property(0, "estimate-num-keys"), 0u);
  EXPECT_EQ(database->Property(0, "no-such-property"), std::nullopt);
}

}  // namespace
}  // namespace weir
