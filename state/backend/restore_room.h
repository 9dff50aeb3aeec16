#pragma once

#include <new>

#include <weir/state/keyed_state_store.h>

namespace weir {

// Aligned room for one key, since its row is found by its hash, and what is the same for all records.
class KeyedStateStore::RestoreRoom {
 public:
  explicit RestoreRoom(const RowLayout& layout)
      : alignment_{layout.key->type->alignment},
        key_(static_cast<std::byte*>(::operator new(layout.key->type->size_bytes, alignment_))),
        key_copied_(CopiedAsIs(*layout.key->type)) {
    for (uint32_t i = 0; i < layout.columns.size(); ++i) columns_copied_ |= uint32_t{CopiedAsIs(*layout.columns[i].type)} << i;
  }
  ~RestoreRoom() { ::operator delete(key_, alignment_); }
  RestoreRoom(const RestoreRoom&) = delete;
  RestoreRoom& operator=(const RestoreRoom&) = delete;

  std::byte* key() { return key_; }
  bool key_copied() const { return key_copied_; }
  bool column_copied(uint32_t column) const { return (columns_copied_ >> column) & 1; }

 private:
  // Whether any bytes of the right number are a value: then they are copied. Not with a bool in it, which is 0 or 1; a field
  // that is called so costs only time.
  static bool CopiedAsIs(const TypeInfo& type) { return type.image && type.schema().find("bool") == std::string::npos; }

  const std::align_val_t alignment_;
  std::byte* const key_;
  const bool key_copied_;
  uint32_t columns_copied_ = 0;  // One bit per column.
};

}  // namespace weir
