#include "state/rocksdb/ttl_filter.h"

#include <rocksdb/compaction_filter.h>

#include <cstring>

namespace weir {
namespace {

// The clock is read anew after so many values.
constexpr uint32_t kValuesPerClock = 1'000;

class TtlFilter final : public rocksdb::CompactionFilter {
 public:
  TtlFilter(int64_t ttl_ms, size_t value_offset, std::function<int64_t()> now_ms) : ttl_ms_(ttl_ms), value_offset_(value_offset), now_ms_(std::move(now_ms)) {}

  bool Filter(int, const rocksdb::Slice&, const rocksdb::Slice& value, std::string*, bool*) const override {
    if (left_-- == 0) {
      left_ = kValuesPerClock;
      expired_until_ms_ = now_ms_() - ttl_ms_;
    }
    int64_t last_access_ms;
    if (value.size() < value_offset_ + sizeof(last_access_ms)) return false;
    std::memcpy(&last_access_ms, value.data() + value_offset_, sizeof(last_access_ms));
    return last_access_ms <= expired_until_ms_;
  }
  const char* Name() const override { return "weir.ttl"; }

 private:
  const int64_t ttl_ms_;
  const size_t value_offset_;
  const std::function<int64_t()> now_ms_;
  mutable uint32_t left_ = 0;  // One filter serves one compaction, on one thread.
  mutable int64_t expired_until_ms_ = INT64_MIN;
};

class TtlFilterFactory final : public rocksdb::CompactionFilterFactory {
 public:
  TtlFilterFactory(int64_t ttl_ms, size_t value_offset, std::function<int64_t()> now_ms)
      : ttl_ms_(ttl_ms), value_offset_(value_offset), now_ms_(std::move(now_ms)) {}
  std::unique_ptr<rocksdb::CompactionFilter> CreateCompactionFilter(const rocksdb::CompactionFilter::Context&) override {
    return std::make_unique<TtlFilter>(ttl_ms_, value_offset_, now_ms_);
  }
  const char* Name() const override { return "weir.ttl"; }

 private:
  const int64_t ttl_ms_;
  const size_t value_offset_;
  const std::function<int64_t()> now_ms_;
};

}  // namespace

std::shared_ptr<rocksdb::CompactionFilterFactory> NewTtlFilterFactory(int64_t ttl_ms, size_t value_offset, std::function<int64_t()> now_ms) {
  return std::make_shared<TtlFilterFactory>(ttl_ms, value_offset, std::move(now_ms));
}

}  // namespace weir
