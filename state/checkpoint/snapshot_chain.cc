#include "state/checkpoint/snapshot_chain.h"

#include <algorithm>

#include "base/check.h"

namespace weir {

SnapshotChain::SnapshotChain(Limits limits) : limits_(limits) { CHECK(limits.merge_deltas_min >= 2); }

bool SnapshotChain::NeedsBase() const {
  if (!limits_.incremental || parts_.empty()) return true;
  uint64_t base_bytes = 0;
  uint64_t delta_bytes = 0;
  bool failed = false;
  for (const Part& part : parts_) {
    if (part.is_base) {
      base_bytes = delta_bytes = 0;
      failed = false;
    }
    failed = failed || part.failed;
    if (part.handle.has_value()) (part.is_base ? base_bytes : delta_bytes) += part.handle->bytes.size_bytes;
  }
  return failed || (delta_bytes > limits_.delta_bytes_max && delta_bytes > base_bytes / 2);
}

SnapshotChain::Begun SnapshotChain::Begin() {
  std::lock_guard lock(mutex_);
  const Begun begun{next_number_++, NeedsBase()};
  parts_.push_back({begun.number, begun.number, 0, begun.is_base, false, std::nullopt});
  return begun;
}

void SnapshotChain::OnDurable(uint64_t number, KeyedStateHandle handle) {
  std::lock_guard lock(mutex_);
  const auto found = std::find_if(parts_.begin(), parts_.end(), [number](const Part& part) { return part.first == number; });
  CHECK(found != parts_.end());
  CHECK(!found->handle.has_value() && !found->failed);
  found->handle = std::move(handle);
  // What stood on the base before has been reported by now.
  if (found->is_base) parts_.erase(parts_.begin(), found);
}

void SnapshotChain::OnFailed(uint64_t number) {
  std::lock_guard lock(mutex_);
  const auto found = std::find_if(parts_.begin(), parts_.end(), [number](const Part& part) { return part.first == number; });
  CHECK(found != parts_.end());
  found->failed = true;
}

StatusOr<std::vector<KeyedStateHandle>> SnapshotChain::HandlesOf(uint64_t number) const {
  std::lock_guard lock(mutex_);
  std::vector<KeyedStateHandle> handles;
  Status failure;
  for (const Part& part : parts_) {
    if (part.last > number) break;
    if (part.is_base) {
      handles.clear();
      failure = Status::Ok();
    }
    if (part.handle.has_value()) {
      handles.push_back(*part.handle);
    } else {
      failure = Unavailable("a snapshot that this one stands on could not be written, number=" + std::to_string(part.first));
    }
  }
  if (!failure.ok()) return failure;
  CHECK(!handles.empty());
  return handles;
}

std::optional<SnapshotChain::Merge> SnapshotChain::PlanMerge() {
  std::lock_guard lock(mutex_);
  if (merging_) return std::nullopt;
  std::optional<Merge> best;
  uint32_t best_generation = UINT32_MAX;
  for (size_t begin = 0; begin < parts_.size();) {
    size_t end = begin;
    while (end < parts_.size() && !parts_[end].is_base && parts_[end].handle.has_value() && parts_[end].generation == parts_[begin].generation) ++end;
    if (end - begin >= limits_.merge_deltas_min && parts_[begin].generation < best_generation) {
      best_generation = parts_[begin].generation;
      best = Merge{parts_[begin].first, parts_[end - 1].last, {}};
      for (size_t i = begin; i < end; ++i) best->parts.push_back(*parts_[i].handle);
    }
    begin = std::max(end, begin + 1);
  }
  merging_ = best.has_value();
  return best;
}

void SnapshotChain::EndMerge(const Merge& merge, std::optional<KeyedStateHandle> merged) {
  std::lock_guard lock(mutex_);
  CHECK(merging_);
  merging_ = false;
  if (!merged.has_value()) return;
  const auto first = std::find_if(parts_.begin(), parts_.end(), [&](const Part& part) { return part.first == merge.first; });
  // A new base may have made it useless.
  if (first == parts_.end()) return;
  const auto last = std::find_if(first, parts_.end(), [&](const Part& part) { return part.last == merge.last; });
  CHECK(last != parts_.end());
  const Part whole{merge.first, merge.last, first->generation + 1, false, false, std::move(merged)};
  *first = whole;
  parts_.erase(first + 1, last + 1);
}

}  // namespace weir
