// A histogram of durations in nanoseconds with a relative error below 1 %, exact maximum.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <string>

namespace weir::bench {

// Log-linear: 128 buckets for each power of two. Thread-compatible.
class DurationHistogram {
 public:
  void Add(int64_t nanos) {
    const uint64_t value = static_cast<uint64_t>(std::max<int64_t>(nanos, 0));
    ++counts_[BucketOf(value)];
    ++total_;
    max_ = std::max(max_, value);
  }
  void Merge(const DurationHistogram& other) {
    for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    total_ += other.total_;
    max_ = std::max(max_, other.max_);
  }
  uint64_t total() const { return total_; }
  uint64_t max() const { return max_; }

  // The upper end of the bucket in which the quantile lies; 0 when empty.
  uint64_t Quantile(double quantile) const {
    const double wanted = quantile * static_cast<double>(total_);
    uint64_t seen = 0;
    for (size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen != 0 && static_cast<double>(seen) >= wanted) return std::min(UpperEnd(i), max_);
    }
    return max_;
  }

  // "max bucket:count bucket:count ...", read back by Parse.
  std::string ToText() const {
    std::string text = std::to_string(max_);
    for (size_t i = 0; i < counts_.size(); ++i) {
      if (counts_[i] != 0) text += ' ' + std::to_string(i) + ':' + std::to_string(counts_[i]);
    }
    return text;
  }
  static DurationHistogram Parse(const std::string& text) {
    DurationHistogram histogram;
    char* at = nullptr;
    histogram.max_ = std::strtoull(text.c_str(), &at, 10);
    while (*at == ' ') {
      const uint64_t bucket = std::strtoull(at + 1, &at, 10);
      if (*at != ':' || bucket >= kBuckets) break;
      const uint64_t count = std::strtoull(at + 1, &at, 10);
      histogram.counts_[bucket] += count;
      histogram.total_ += count;
    }
    return histogram;
  }

 private:
  static constexpr uint32_t kLinearBits = 7;
  static constexpr uint64_t kLinear = uint64_t{1} << kLinearBits;
  static constexpr size_t kBuckets = (64 - kLinearBits + 1) * kLinear;

  static size_t BucketOf(uint64_t value) {
    if (value < kLinear) return value;
    const uint32_t shift = static_cast<uint32_t>(std::bit_width(value)) - 1 - kLinearBits;
    return (size_t{shift} + 1) * kLinear + ((value >> shift) - kLinear);
  }
  static uint64_t UpperEnd(size_t bucket) {
    if (bucket < kLinear) return bucket;
    const uint64_t shift = bucket / kLinear - 1;
    return ((bucket % kLinear + kLinear + 1) << shift) - 1;
  }

  std::array<uint64_t, kBuckets> counts_{};
  uint64_t total_ = 0;
  uint64_t max_ = 0;
};

}  // namespace weir::bench
