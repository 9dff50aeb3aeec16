// StateTtlConfig: how long state lives after it was last used, given to a state as its second argument.
//
//   weir::ValueState<double> last_{"last", weir::StateTtlConfig(1h).UpdateOnReadAndWrite()};
#pragma once

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

#include <weir/core/type_info.h>
#include <weir/state/ttl_settings.h>

namespace weir {

// In processing time. Applies to a value, to each element of a list, to each entry of a map. It is not part of a snapshot,
// but whether there is one is: state that was saved with one is refused by a state without, and the other way round.
class StateTtlConfig {
 public:
  // std::invalid_argument unless 1 ms or more.
  explicit StateTtlConfig(std::chrono::milliseconds ttl) {
    if (ttl.count() < 1) throw std::invalid_argument("a time-to-live must be 1 ms or more, ms=" + std::to_string(ttl.count()));
    settings_.ttl_ms = ttl.count();
  }
  // ---- What makes it live on: writes (the default), or reads too ----
  StateTtlConfig& UpdateOnCreateAndWrite() { return settings_.update_on_read = false, *this; }
  StateTtlConfig& UpdateOnReadAndWrite() { return settings_.update_on_read = true, *this; }
  // ---- What a read that finds something expired yields: nothing (the default), or, once more, what is still there ----
  StateTtlConfig& NeverReturnExpired() { return settings_.return_expired = false, *this; }
  StateTtlConfig& ReturnExpiredIfNotCleanedUp() { return settings_.return_expired = true, *this; }
  // ---- Besides those that reads remove: how many keys or entries each access to the state looks at (5), and whether each
  // record of the operator does as well ----
  StateTtlConfig& CleanupIncrementally(uint32_t units, bool every_record) {
    settings_.cleanup_units = units;
    settings_.cleanup_every_record = every_record;
    return *this;
  }
  StateTtlConfig& DisableCleanupInBackground() { return CleanupIncrementally(0, false); }

  const TtlSettings& settings() const { return settings_; }

 private:
  TtlSettings settings_;
};

// A value with the time of its last access, in ms. The time comes first, in memory as in bytes.
template <class T>
class Timed {
 public:
  Timed() = default;
  Timed(int64_t now_ms, T wrapped) : last_access_ms(now_ms), value(std::move(wrapped)) {}
  int64_t last_access_ms = 0;
  T value{};
};

template <class T>
struct Serde<Timed<T>> {
  static void Encode(const Timed<T>& timed, ByteWriter& out) {
    out.Put(timed.last_access_ms);
    Serde<T>::Encode(timed.value, out);
  }
  static bool Decode(ByteReader& in, Timed<T>& timed) {
    timed.last_access_ms = in.Get<int64_t>();
    return Serde<T>::Decode(in, timed.value);
  }
  static void Describe(std::string& schema) {
    schema += "timed<";
    Serde<T>::Describe(schema);
    schema += '>';
  }
};

}  // namespace weir
