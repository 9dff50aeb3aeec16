// The timers of one time domain in order of their time: an index over what keyed state holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_set>
#include <utility>
#include <vector>

namespace weir::internal {

template <class K>
struct Timer {
  int64_t timestamp_ms = 0;
  uint64_t hash = 0;  // Of the key.
  K key;
  bool operator==(const Timer& other) const { return timestamp_ms == other.timestamp_ms && hash == other.hash && key == other.key; }
};

// A binary heap. A timer that is deleted stays in it, and in a set of deleted ones, until it comes up or a sweep finds it, so
// deleting costs O(1) and there are never more deleted than live ones for long. Each timer is in it once. Thread: task.
template <class K>
class TimerQueue {
 public:
  // Requires: it is not in the queue, or was deleted.
  void Add(Timer<K> timer) {
    if (!deleted_.empty() && deleted_.erase(timer) > 0) return;
    heap_.push_back(std::move(timer));
    SiftUp(heap_.size() - 1);
  }
  // Requires: it is in the queue.
  void Delete(Timer<K> timer) { deleted_.insert(std::move(timer)); }
  // The earliest timer that is live; null when there is none.
  const Timer<K>* Earliest() {
    while (!heap_.empty() && !deleted_.empty() && deleted_.erase(heap_.front()) > 0) RemoveAt(0);
    return heap_.empty() ? nullptr : &heap_.front();
  }
  // Requires: Earliest() was just asked and is not null.
  Timer<K> Take() {
    Timer<K> timer = std::move(heap_.front());
    RemoveAt(0);
    return timer;
  }
  // Looks at up to `steps` timers when most are deleted, and drops those.
  void Sweep(size_t steps) {
    for (; steps > 0 && deleted_.size() > heap_.size() / 2; --steps) {
      if (sweep_ >= heap_.size()) sweep_ = 0;
      deleted_.erase(heap_[sweep_]) > 0 ? RemoveAt(sweep_) : static_cast<void>(++sweep_);
    }
  }
  size_t size() const { return heap_.size(); }  // With those that are deleted and still there.

 private:
  struct Hash {
    size_t operator()(const Timer<K>& timer) const { return timer.hash ^ (static_cast<uint64_t>(timer.timestamp_ms) * 0x9e3779b97f4a7c15ULL); }
  };

  void RemoveAt(size_t index) {
    if (index + 1 != heap_.size()) std::swap(heap_[index], heap_.back());
    heap_.pop_back();
    if (index == heap_.size()) return;
    SiftUp(index);
    SiftDown(index);
  }
  void SiftUp(size_t index) {
    while (index > 0 && heap_[index].timestamp_ms < heap_[(index - 1) / 2].timestamp_ms) {
      std::swap(heap_[index], heap_[(index - 1) / 2]);
      index = (index - 1) / 2;
    }
  }
  void SiftDown(size_t index) {
    while (true) {
      size_t least = index;
      for (const size_t child : {2 * index + 1, 2 * index + 2}) {
        if (child < heap_.size() && heap_[child].timestamp_ms < heap_[least].timestamp_ms) least = child;
      }
      if (least == index) return;
      std::swap(heap_[index], heap_[least]);
      index = least;
    }
  }

  std::vector<Timer<K>> heap_;
  std::unordered_set<Timer<K>, Hash> deleted_;  // Each is in heap_.
  size_t sweep_ = 0;
};

}  // namespace weir::internal
