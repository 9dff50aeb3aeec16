#pragma once

#include <string_view>

#include <weir/core/type_info.h>

namespace weir {

// The encoding of one value: its memory when that is the same, else made in `buffer`.
inline std::string_view Encoded(const TypeInfo& type, const void* value, ByteWriter& buffer) {
  if (type.image) return {static_cast<const char*>(value), type.size_bytes};
  buffer.Clear();
  type.encode(value, 1, buffer);
  return buffer.view();
}

}  // namespace weir
