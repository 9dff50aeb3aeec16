// How a worker comes by the places for rows beyond memory.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <weir/state/cold_rows.h>

namespace weir {

// A state backend other than memory alone. Thread-safe.
class ColdRowsFactory {
 public:
  struct Column {
    std::string name;    // Of the state.
    int64_t ttl_ms = 0;  // 0 = values live for ever; else they begin with their time of last access.
  };
  struct Request {
    std::string name;  // Of operator and subtask, for people.
    uint32_t key_group_start = 0;
    uint32_t key_group_end = 0;  // Inclusive.
    std::vector<Column> columns;
    std::function<int64_t()> now_ms;  // Thread-safe; the time by which values expire.
  };
  virtual ~ColdRowsFactory() = default;
  // Of a slot's memory for state: what rows in memory may take before those that are made here; the rest is for these.
  virtual uint64_t CacheBytesPerSlot() const = 0;
  // How many slots' memory may be used from now on.
  virtual void UseSlots(uint32_t slots) = 0;
  // Empty ones. kUnavailable.
  virtual StatusOr<std::unique_ptr<ColdRows>> Make(const Request& request) = 0;
};

}  // namespace weir
