// What a process function may ask while a record or a timer is being processed.
#pragma once

#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include <weir/operators/side_outputs.h>
#include <weir/timer_service.h>

namespace weir {

// Valid during the call that it was given to.
class ProcessContext {
 public:
  // Of the record, or of the timer, in milliseconds; nothing when the record has none.
  std::optional<int64_t> Timestamp() const { return timestamp_; }
  TimerService& Timers() { return *timers_; }
  // Emits to a side output, with the timestamp of the record or timer. std::logic_error when two types share an id.
  template <class T>
  void Output(const OutputTag<T>& tag, std::type_identity_t<T> value) {
    side_outputs_->Emit(tag, std::move(value), timestamp_);
  }

  // ---- For the engine ----
  void Bind(TimerService& timers, internal::SideOutputs& side_outputs) {
    timers_ = &timers;
    side_outputs_ = &side_outputs;
  }
  void SetTimestamp(std::optional<int64_t> timestamp) { timestamp_ = timestamp; }

 private:
  TimerService* timers_ = nullptr;
  internal::SideOutputs* side_outputs_ = nullptr;
  std::optional<int64_t> timestamp_;
};

template <class K>
class KeyedContext : public ProcessContext {
 public:
  const K& CurrentKey() const { return *key_; }

  // ---- For the engine ----
  void Set(const K& key, std::optional<int64_t> timestamp) {
    key_ = &key;
    SetTimestamp(timestamp);
  }

 private:
  const K* key_ = nullptr;
};

// What OnTimer gets, on top of what records see.
template <class Base>
class TimerContext : public Base {
 public:
  TimeDomain Domain() const { return domain_; }

  // ---- For the engine ----
  void SetDomain(TimeDomain domain) { domain_ = domain; }

 private:
  TimeDomain domain_ = TimeDomain::kEventTime;
};

}  // namespace weir
