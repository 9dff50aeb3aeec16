#include <map>
#include <set>
#include <tuple>

#include "tests/unit/backend/new_cold_rows.h"

namespace weir::testing {
namespace {

using Place = std::tuple<uint32_t, std::string, uint32_t>;  // Key group, key, column.
using Content = std::map<Place, std::string>;

class MapCursor final : public ColdCursor {
 public:
  explicit MapCursor(const Content& values) : values_(values), next_(values.begin()) {}
  bool Next() override {
    if (next_ == values_.end()) return false;
    place_ = {std::get<0>(next_->first), std::get<2>(next_->first), std::get<1>(next_->first)};
    value_ = next_->second;
    ++next_;
    return true;
  }
  const ColdPlace& place() const override { return place_; }
  std::string_view value() const override { return value_; }
  const Status& status() const override { return status_; }

 private:
  const Content& values_;
  Content::const_iterator next_;
  ColdPlace place_;
  std::string_view value_;
  Status status_;
};

class MapCut final : public ColdCut {
 public:
  MapCut(Content values, Content changes) : values_(std::move(values)), changes_(std::move(changes)) {}
  std::unique_ptr<ColdCursor> Values() const override { return std::make_unique<MapCursor>(values_); }
  std::unique_ptr<ColdCursor> Changes() const override { return std::make_unique<MapCursor>(changes_); }

 private:
  const Content values_;
  const Content changes_;
};

class MapColdRows final : public ColdRows {
 public:
  MapColdRows(uint32_t columns, bool changes_stay) : columns_(columns), changes_stay_(changes_stay) {}
  bool MayHold(uint32_t key_group) const override { return held_.contains(key_group); }
  Status Read(std::span<const Key> keys, const std::function<Status(const Found&)>& found) override {
    for (uint32_t column = 0; column < columns_; ++column) {
      for (size_t i = 0; i < keys.size(); ++i) {
        const Place place{keys[i].key_group, std::string(keys[i].bytes), column};
        const auto at = values_.find(place);
        if (at == values_.end()) continue;
        const bool changed = changes_.contains(place);
        if (!changes_stay_) changes_.erase(place);
        if (Status status = found({i, column, changed, at->second}); !status.ok()) return status;
      }
    }
    return Status::Ok();
  }
  void Put(const ColdPlace& place, std::string_view value, bool changed) override {
    held_.insert(place.key_group);
    values_[{place.key_group, std::string(place.key), place.column}] = value;
    if (changed) changes_[{place.key_group, std::string(place.key), place.column}] = value;
  }
  void Erase(const ColdPlace& place) override { values_.erase({place.key_group, std::string(place.key), place.column}); }
  Status Write() override { return Status::Ok(); }
  StatusOr<std::shared_ptr<const ColdCut>> Cut() override {
    return std::shared_ptr<const ColdCut>(std::make_shared<MapCut>(values_, std::exchange(changes_, {})));
  }
  StatusOr<std::shared_ptr<const ColdCut>> View() override { return std::shared_ptr<const ColdCut>(std::make_shared<MapCut>(values_, Content{})); }

 private:
  const uint32_t columns_;
  const bool changes_stay_;
  std::set<uint32_t> held_;
  Content values_;
  Content changes_;
};

}  // namespace

std::unique_ptr<ColdRows> NewColdRows(uint32_t, uint32_t, uint32_t columns, bool changes_stay) { return std::make_unique<MapColdRows>(columns, changes_stay); }

// Each cut copies all values.
uint32_t ColdRuns(uint32_t runs) { return runs / 20; }

}  // namespace weir::testing
