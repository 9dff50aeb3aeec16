// TypeInfo: what the engine's erased core knows of a record type. One table per type, made by TypeOf<T>().
#pragma once

#include <concepts>
#include <memory>
#include <string>

#include <weir/core/key_hash.h>
#include <weir/core/serde.h>

namespace weir {

struct TypeInfo {
  uint32_t size_bytes;
  uint32_t alignment;
  bool flat;     // Its rows are their own wire image.
  bool trivial;  // Moving is memcpy, destroying is nothing.
  bool image;    // Encoding is memcpy.
  std::string (*schema)();
  void (*move_construct)(void* to, void* from, size_t count);  // Leaves `from` constructed, moved-from.
  void (*copy_construct)(void* to, const void* from, size_t count);
  void (*destroy)(void* rows, size_t count);
  void (*encode)(const void* rows, size_t count, ByteWriter& out);
  // Constructs `count` rows in raw memory. On false nothing is left constructed.
  bool (*decode)(void* rows, size_t count, ByteReader& in);
  void (*zero_padding)(void* rows, size_t count);  // Null when a flat type has no padding.
};

// What the erased state core needs of a key.
struct KeyOps {
  const TypeInfo* type;
  uint64_t (*hash)(const void* key);
  bool (*equal)(const void* a, const void* b);
};

namespace internal {

template <class T>
constexpr bool IsPointerOrView() {
  return std::is_pointer_v<T> || std::is_reference_v<T> || std::is_same_v<T, std::string_view> || std::is_member_pointer_v<T>;
}

// True unless T is, or holds as a field, a pointer or a view.
template <class T>
constexpr bool IsRecordOf() {
  if constexpr (IsPointerOrView<T>()) {
    return false;
  } else if constexpr (reflect::kIsStdArray<T>) {
    return IsRecordOf<typename T::value_type>();
  } else if constexpr (reflect::PlainStruct<T>) {
    return []<size_t... kIndex>(std::index_sequence<kIndex...>) {
      return (IsRecordOf<std::remove_cv_t<reflect::FieldType<T, kIndex>>>() && ...);
    }(std::make_index_sequence<reflect::kFieldCount<T>>());
  } else {
    return true;
  }
}

template <class T>
void ZeroPadding(void* rows, size_t count) {
  T* typed = static_cast<T*>(rows);
  for (size_t i = 0; i < count; ++i) __builtin_clear_padding(&typed[i]);
}

template <class T>
bool DecodeRows(void* rows, size_t count, ByteReader& in) {
  T* typed = static_cast<T*>(rows);
  for (size_t i = 0; i < count; ++i) {
    std::construct_at(&typed[i]);
    if (!Serde<T>::Decode(in, typed[i])) {
      std::destroy_n(typed, i + 1);
      return false;
    }
  }
  return true;
}

template <class T>
constexpr void (*ZeroPaddingOf())(void*, size_t) {
  if constexpr (reflect::IsFlat<T>()) {
    if constexpr (reflect::FlatPayloadSize<T>() != sizeof(T)) return &ZeroPadding<T>;
  }
  return nullptr;
}

}  // namespace internal

template <class T>
concept Record = std::movable<T> && std::default_initializable<T>;

template <class T>
const TypeInfo& TypeOf() {
  static_assert(std::is_same_v<T, std::remove_cvref_t<T>>, "a record type is a plain value type, not a reference");
  static_assert(Record<T>, "a record must be movable and default constructible");
  static_assert(internal::IsRecordOf<T>(),
                "a record must own its data: a pointer, reference or std::string_view in it means nothing to another process; use std::string");
  static_assert(Serializable<T>, "no serializer for this type: make it a plain struct of known types or specialize weir::Serde<T>");
  static constexpr TypeInfo kInfo{
      .size_bytes = sizeof(T),
      .alignment = alignof(T),
      .flat = reflect::IsFlat<T>(),
      .trivial = std::is_trivially_copyable_v<T>,
      .image = EncodesAsItsImage<T>() && std::is_trivially_copyable_v<T>,
      .schema = &SchemaOf<T>,
      .move_construct = [](void* to, void* from, size_t count) {
        if constexpr (std::is_trivially_copyable_v<T>) {
          std::memcpy(to, from, count * sizeof(T));
        } else {
          std::uninitialized_move_n(static_cast<T*>(from), count, static_cast<T*>(to));
        }
      },
      .copy_construct = [](void* to, const void* from, size_t count) {
        std::uninitialized_copy_n(static_cast<const T*>(from), count, static_cast<T*>(to));
      },
      .destroy = [](void* rows, size_t count) { std::destroy_n(static_cast<T*>(rows), count); },
      .encode = [](const void* rows, size_t count, ByteWriter& out) {
        const T* typed = static_cast<const T*>(rows);
        for (size_t i = 0; i < count; ++i) Serde<T>::Encode(typed[i], out);
      },
      .decode = &internal::DecodeRows<T>,
      .zero_padding = internal::ZeroPaddingOf<T>(),
  };
  return kInfo;
}

template <class K>
concept Key = Serializable<K> && std::equality_comparable<K>;

template <class K>
const KeyOps& KeyOpsOf() {
  static_assert(std::equality_comparable<K>, "a key must be comparable with ==: add `bool operator==(const K&) const = default;`");
  static const KeyOps kOps{
      .type = &TypeOf<K>(),
      .hash = [](const void* key) { return HashKey(*static_cast<const K*>(key)); },
      .equal = [](const void* a, const void* b) { return *static_cast<const K*>(a) == *static_cast<const K*>(b); },
  };
  return kOps;
}

}  // namespace weir
