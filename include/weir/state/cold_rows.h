// Where rows of keyed state are that do not stand in memory.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <weir/core/status.h>

namespace weir {

// The place of one value. The key is encoded.
struct ColdPlace {
  uint32_t key_group = 0;
  uint32_t column = 0;
  std::string_view key;
};

// Values, one after the other. Thread-compatible; blocks on reads.
class ColdCursor {
 public:
  virtual ~ColdCursor() = default;
  // Moves to the next value. False at the end, or on an error: see status.
  virtual bool Next() = 0;
  // Of the value that Next moved to; both valid until the next call.
  virtual const ColdPlace& place() const = 0;
  virtual std::string_view value() const = 0;
  // kUnavailable or kCorruption when the walk ended early: what it yielded before is not the whole.
  virtual const Status& status() const = 0;
};

// What a ColdRows held at one moment. Its cursors may be used on any thread, also when the ColdRows is gone; they must not
// outlive the cut.
class ColdCut {
 public:
  virtual ~ColdCut() = default;
  // Every value, by key group, key and column.
  virtual std::unique_ptr<ColdCursor> Values() const = 0;
  // The values put as changed since the cut before this one, unless they were read again or erased; by key group.
  virtual std::unique_ptr<ColdCursor> Changes() const = 0;
};

// Thread: the owning store's. Blocks on I/O. After an error every call that can tell fails.
class ColdRows {
 public:
  struct Key {
    uint32_t key_group = 0;
    std::string_view bytes;
  };
  struct Found {
    size_t index = 0;  // In the keys that were asked for.
    uint32_t column = 0;
    bool changed = false;  // Put as changed since the last cut: taken back from its changes, the caller's to report from now on.
    std::string_view value;
  };

  virtual ~ColdRows() = default;
  // False: nothing was ever put into the key group.
  virtual bool MayHold(uint32_t key_group) const = 0;
  // Calls found for each value of the keys, which are ascending by key group and bytes and differ. kUnavailable, kCorruption.
  virtual Status Read(std::span<const Key> keys, const std::function<Status(const Found&)>& found) = 0;
  // Collected until Write, Read or Cut. `changed`: since the last cut.
  virtual void Put(const ColdPlace& place, std::string_view value, bool changed) = 0;
  virtual void Erase(const ColdPlace& place) = 0;
  virtual Status Write() = 0;
  // What is here now; the changes of the next one begin.
  virtual StatusOr<std::shared_ptr<const ColdCut>> Cut() = 0;
  // The same without changes: the next cut does not notice.
  virtual StatusOr<std::shared_ptr<const ColdCut>> View() = 0;
};

}  // namespace weir
