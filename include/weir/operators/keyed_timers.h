// Timers of a keyed function: a map state per key, and a queue over it that is rebuilt when the job starts.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

#include <weir/engine/operator.h>
#include <weir/operators/timer_queue.h>
#include <weir/state/map_state.h>
#include <weir/timer_service.h>

namespace weir::internal {

inline constexpr const char* kTimerState = "_timers";

// A timer of a key, as it stands in its state.
struct TimerId {
  int64_t timestamp_ms = 0;
  int64_t domain = 0;  // A TimeDomain.
  bool operator==(const TimerId&) const = default;
};

// Of an operator without timers: clocks only. Thread: task.
class Clocks : public TimerService {
 public:
  void OpenClocks(const OperatorContext& context) {
    context_ = &context;
    watermark_ms_ = context.watermark_ms;
  }
  void SetWatermark(int64_t watermark_ms) { watermark_ms_ = watermark_ms; }

  int64_t CurrentProcessingTime() const override { return context_->processing_time_ms(); }
  int64_t CurrentWatermark() const override { return watermark_ms_; }
  // std::logic_error: who has no key, or no OnTimer, has no timers.
  void RegisterEventTimeTimer(int64_t) override;
  void RegisterProcessingTimeTimer(int64_t) override;
  void DeleteEventTimeTimer(int64_t) override;
  void DeleteProcessingTimeTimer(int64_t) override;

 protected:
  const OperatorContext* context_ = nullptr;

 private:
  int64_t watermark_ms_ = INT64_MIN;
};

// Thread: task.
template <class K>
class KeyedTimers final : public Clocks {
 public:
  StateHandle& state() { return timers_; }
  // The store has its layout, and what was restored.
  void Open(KeyedStateStore& store, const OperatorContext& context) {
    OpenClocks(context);
    store_ = &store;
    if (!context.restored()) return;
    store.ForEachKey([this](const void* key) {
      const K& current = *static_cast<const K*>(key);
      for (const TimerId& id : timers_.Keys()) {
        if (id.domain >= 0 && id.domain < kDomains) queues_[id.domain].Add({id.timestamp_ms, HashKey<K>(current), current});
      }
    });
    RequestProcessingTime();
  }
  // Null: none is being processed, and timers are an error.
  void SetCurrentKey(const K* key) { key_ = key; }

  void RegisterEventTimeTimer(int64_t timestamp_ms) override { Register(TimeDomain::kEventTime, timestamp_ms); }
  void RegisterProcessingTimeTimer(int64_t timestamp_ms) override { Register(TimeDomain::kProcessingTime, timestamp_ms); }
  void DeleteEventTimeTimer(int64_t timestamp_ms) override { Delete(TimeDomain::kEventTime, timestamp_ms); }
  void DeleteProcessingTimeTimer(int64_t timestamp_ms) override { Delete(TimeDomain::kProcessingTime, timestamp_ms); }

  // Calls fire(key, timestamp) for each timer up to `until_ms`, earliest first, with its key current; those too that it
  // registers on the way.
  template <class Fire>
  void FireUntil(TimeDomain domain, int64_t until_ms, Fire&& fire) {
    TimerQueue<K>& queue = queues_[static_cast<size_t>(domain)];
    const struct ForgetKeyAtEnd {
      KeyedTimers& timers;
      ~ForgetKeyAtEnd() { timers.EndOfKeys(); }
    } at_end{*this};
    for (const Timer<K>* due = queue.Earliest(); due != nullptr && due->timestamp_ms <= until_ms; due = queue.Earliest()) {
      const Timer<K> timer = queue.Take();
      store_->SetCurrentKey(timer.key, timer.hash);
      key_ = &timer.key;
      timers_.Remove({timer.timestamp_ms, static_cast<int64_t>(domain)});
      fire(timer.key, timer.timestamp_ms);
    }
  }
  // Behind a batch of so many records.
  void EndBatch(uint32_t record_count) {
    key_ = nullptr;
    for (TimerQueue<K>& queue : queues_) queue.Sweep(2 * size_t{record_count} + 16);
    RequestProcessingTime();
  }

 private:
  static constexpr int64_t kDomains = 2;

  void Register(TimeDomain domain, int64_t timestamp_ms) {
    RequireKey();
    const TimerId id{timestamp_ms, static_cast<int64_t>(domain)};
    if (timers_.Contains(id)) return;
    timers_.Put(id, true);
    queues_[static_cast<size_t>(domain)].Add({timestamp_ms, HashKey<K>(*key_), *key_});
  }
  void Delete(TimeDomain domain, int64_t timestamp_ms) {
    RequireKey();
    const TimerId id{timestamp_ms, static_cast<int64_t>(domain)};
    if (!timers_.Contains(id)) return;
    timers_.Remove(id);
    queues_[static_cast<size_t>(domain)].Delete({timestamp_ms, HashKey<K>(*key_), *key_});
  }
  void RequireKey() const {
    if (key_ == nullptr) throw std::logic_error("a timer belongs to a key, and none is being processed");
  }
  void EndOfKeys() {
    store_->ForgetKey();
    key_ = nullptr;
  }
  void RequestProcessingTime() {
    const Timer<K>* const next = queues_[static_cast<size_t>(TimeDomain::kProcessingTime)].Earliest();
    // Due once the clock has passed it.
    if (next != nullptr) context_->request_processing_time(next->timestamp_ms < INT64_MAX ? next->timestamp_ms + 1 : INT64_MAX);
  }

  MapState<TimerId, bool> timers_{kTimerState};
  TimerQueue<K> queues_[kDomains];
  KeyedStateStore* store_ = nullptr;
  const K* key_ = nullptr;
};

}  // namespace weir::internal
