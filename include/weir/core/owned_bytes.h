// OwnedBytes(value): memory that a value owns beyond its own size. Batches and channels are bounded by it.
#pragma once

#include <optional>
#include <string>
#include <type_traits>

#include <weir/core/reflect.h>
#include <weir/core/serde.h>

namespace weir::internal {

template <class T>
constexpr bool kOwnsMemory = !std::is_trivially_copyable_v<T>;

template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;

// What a node of a map or set costs beside its value, roughly: links and the allocator's header.
inline constexpr size_t kNodeBytes = 48;

// An estimate, in bytes: capacities, not the allocator's rounding. A type with a serializer of its own counts with nothing,
// unless its Serde has `static size_t OwnedBytes(const T&)`.
template <class T>
size_t OwnedBytes(const T& value) {
  if constexpr (!kOwnsMemory<T>) {
    return 0;
  } else if constexpr (requires { Serde<T>::OwnedBytes(value); }) {
    return Serde<T>::OwnedBytes(value);
  } else if constexpr (std::is_same_v<T, std::string>) {
    constexpr size_t kInside = 15;  // Short ones live in the object.
    return value.capacity() > kInside ? value.capacity() + 1 : 0;
  } else if constexpr (kIsOptional<T>) {
    return value.has_value() ? OwnedBytes(*value) : 0;
  } else if constexpr (requires { typename T::mapped_type; }) {
    size_t bytes = value.size() * (kNodeBytes + sizeof(typename T::value_type));
    for (const auto& [key, mapped] : value) bytes += OwnedBytes(key) + OwnedBytes(mapped);
    return bytes;
  } else if constexpr (requires { value.capacity(); value.data(); }) {
    size_t bytes = value.capacity() * sizeof(typename T::value_type);
    if constexpr (kOwnsMemory<typename T::value_type>) {
      for (const auto& element : value) bytes += OwnedBytes(element);
    }
    return bytes;
  } else if constexpr (reflect::kIsStdArray<T>) {
    size_t bytes = 0;
    for (const auto& element : value) bytes += OwnedBytes(element);
    return bytes;
  } else if constexpr (requires { std::tuple_size<T>::value; }) {
    return std::apply([](const auto&... element) { return (size_t{0} + ... + OwnedBytes(element)); }, value);
  } else if constexpr (reflect::PlainStruct<T>) {
    size_t bytes = 0;
    reflect::ForEachField(value, [&](const auto& field) { bytes += OwnedBytes(field); });
    return bytes;
  } else {
    return 0;
  }
}

}  // namespace weir::internal
