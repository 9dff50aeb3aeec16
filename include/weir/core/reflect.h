// Field reflection of plain structs: count and access by Boost.PFR, names by the compiler's function signature.
// A plain struct is an aggregate without base classes; arrays in it are std::array, not C arrays.
#pragma once

#include <array>
#include <boost/pfr/core.hpp>
#include <boost/pfr/tuple_size.hpp>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

namespace weir::reflect {

template <class T>
concept PlainStruct = std::is_aggregate_v<T> && std::is_class_v<T> && !std::is_polymorphic_v<T>;

template <class T>
struct Holder {
  T value;
};
template <class T>
extern const Holder<T> kPhantom;  // Never defined: only addresses inside it are named.

template <auto kPointer>
constexpr std::string_view SignatureOf() {
  return __PRETTY_FUNCTION__;
}

// GCC prints "... [with auto P = (& ...::value.Struct::field); ...]".
constexpr std::string_view NameInSignature(std::string_view signature) {
  const size_t close = signature.find(");");
  const std::string_view head = signature.substr(0, close);
  return head.substr(head.rfind("::") + 2);
}

template <PlainStruct T>
inline constexpr size_t kFieldCount = boost::pfr::tuple_size_v<T>;

template <PlainStruct T, size_t kIndex>
constexpr std::string_view FieldName() {
  return NameInSignature(SignatureOf<&boost::pfr::get<kIndex>(kPhantom<T>.value)>());
}

template <PlainStruct T, size_t kIndex>
using FieldType = boost::pfr::tuple_element_t<kIndex, T>;

// Calls visit(field) for each field in order.
template <PlainStruct T, class Visitor>
constexpr void ForEachField(T& object, Visitor&& visit) {
  [&]<size_t... kIndex>(std::index_sequence<kIndex...>) {
    (visit(boost::pfr::get<kIndex>(object)), ...);
  }(std::make_index_sequence<kFieldCount<T>>());
}
template <PlainStruct T, class Visitor>
constexpr void ForEachField(const T& object, Visitor&& visit) {
  [&]<size_t... kIndex>(std::index_sequence<kIndex...>) {
    (visit(boost::pfr::get<kIndex>(object)), ...);
  }(std::make_index_sequence<kFieldCount<T>>());
}

template <class T>
inline constexpr bool kIsStdArray = false;
template <class T, size_t kSize>
inline constexpr bool kIsStdArray<std::array<T, kSize>> = true;

// Flat: integers, floats, enums, bools, arrays and plain structs of them. Being trivially copyable is not enough: a
// pointer means nothing in another process.
template <class T>
constexpr bool IsFlat() {
  if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) {
    return !std::is_same_v<T, long double>;
  } else if constexpr (kIsStdArray<T>) {
    return IsFlat<typename T::value_type>();
  } else if constexpr (PlainStruct<T>) {
    return std::is_trivially_copyable_v<T> && []<size_t... kIndex>(std::index_sequence<kIndex...>) {
      return (IsFlat<std::remove_cv_t<FieldType<T, kIndex>>>() && ...);
    }(std::make_index_sequence<kFieldCount<T>>());
  } else {
    return false;
  }
}

// Bytes that fields of a flat type occupy; less than sizeof when there is padding.
template <class T>
constexpr size_t FlatPayloadSize() {
  if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) {
    return sizeof(T);
  } else if constexpr (kIsStdArray<T>) {
    return std::tuple_size_v<T> * FlatPayloadSize<typename T::value_type>();
  } else {
    return []<size_t... kIndex>(std::index_sequence<kIndex...>) {
      return (size_t{0} + ... + FlatPayloadSize<std::remove_cv_t<FieldType<T, kIndex>>>());
    }(std::make_index_sequence<kFieldCount<T>>());
  }
}

}  // namespace weir::reflect
