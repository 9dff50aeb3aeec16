// Serde<T>: how a value becomes bytes in a batch, a snapshot or a split, and back.
//
// Built in: integers, floats, bool, enums, std::string, std::vector, std::array, std::map, std::unordered_map,
// std::pair, std::tuple, std::optional and plain structs of them. For any other type specialize it:
//
//   template <> struct weir::Serde<Money> {
//     static void Encode(const Money& value, weir::ByteWriter& out) { out.Put(value.cents()); }
//     static bool Decode(weir::ByteReader& in, Money& value) { value = Money(in.Get<int64_t>()); return in.ok(); }
//     static void Describe(std::string& schema) { schema += "money"; }
//   };
//
// Describe appends the schema: the text that is stored in every snapshot and compared at restore.
// Decode gets hostile bytes: it never reads past `in` and returns false when they make no sense.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include <weir/core/bytes.h>
#include <weir/core/reflect.h>

namespace weir {

template <class T>
struct Serde;

template <class T>
concept Serializable = requires(const T& in, T& out, ByteWriter& writer, ByteReader& reader, std::string& schema) {
  Serde<T>::Encode(in, writer);
  { Serde<T>::Decode(reader, out) } -> std::same_as<bool>;
  Serde<T>::Describe(schema);
};

// True when Serde<T> writes just the bytes that the value has in memory: built-in fields of fixed width without padding.
template <class T>
constexpr bool EncodesAsItsImage() {
  if constexpr (requires { Serde<T>::kIsImage; }) {
    return Serde<T>::kIsImage;
  } else {
    return false;
  }
}

template <class T>
  requires std::is_arithmetic_v<T>
struct Serde<T> {
  static constexpr bool kIsImage = true;
  static void Encode(const T& value, ByteWriter& out) { out.Put(value); }
  static bool Decode(ByteReader& in, T& value) {
    value = in.Get<T>();
    return in.ok();
  }
  static void Describe(std::string& schema) {
    if constexpr (std::is_same_v<T, bool>) {
      schema += "bool";
    } else {
      schema += std::is_floating_point_v<T> ? 'f' : std::is_signed_v<T> ? 'i' : 'u';
      schema += std::to_string(sizeof(T) * 8);
    }
  }
};

template <class T>
  requires std::is_enum_v<T>
struct Serde<T> {
  static constexpr bool kIsImage = true;
  static void Encode(const T& value, ByteWriter& out) { out.Put(value); }
  static bool Decode(ByteReader& in, T& value) {
    value = in.Get<T>();
    return in.ok();
  }
  static void Describe(std::string& schema) {
    schema += "enum:";
    Serde<std::underlying_type_t<T>>::Describe(schema);
  }
};

template <>
struct Serde<std::string> {
  static void Encode(const std::string& value, ByteWriter& out) { out.PutString(value); }
  static bool Decode(ByteReader& in, std::string& value) {
    value = in.GetString();
    return in.ok();
  }
  static void Describe(std::string& schema) { schema += "string"; }
};

namespace internal {

template <class Sequence>
void EncodeSequence(const Sequence& values, ByteWriter& out) {
  out.PutVarint(values.size());
  for (const auto& value : values) Serde<std::remove_cvref_t<decltype(value)>>::Encode(value, out);
}

template <class Map>
bool DecodeMap(ByteReader& in, Map& map) {
  map.clear();
  const uint64_t count = in.GetCount();
  for (uint64_t i = 0; i < count; ++i) {
    typename Map::key_type key{};
    typename Map::mapped_type value{};
    if (!Serde<typename Map::key_type>::Decode(in, key) || !Serde<typename Map::mapped_type>::Decode(in, value)) return false;
    map.emplace(std::move(key), std::move(value));
  }
  return in.ok();
}

template <class... T>
void DescribeList(std::string& schema) {
  size_t index = 0;
  ((schema += (index++ == 0 ? "" : ","), Serde<T>::Describe(schema)), ...);
}

}  // namespace internal

template <class T>
struct Serde<std::vector<T>> {
  static void Encode(const std::vector<T>& values, ByteWriter& out) {
    out.PutVarint(values.size());
    for (const T& value : values) Serde<T>::Encode(value, out);
  }
  static bool Decode(ByteReader& in, std::vector<T>& values) {
    values.clear();
    const uint64_t count = in.GetCount();
    values.reserve(count);
    for (uint64_t i = 0; i < count; ++i) {
      T value{};
      if (!Serde<T>::Decode(in, value)) return false;
      values.push_back(std::move(value));
    }
    return in.ok();
  }
  static void Describe(std::string& schema) {
    schema += "list<";
    Serde<T>::Describe(schema);
    schema += '>';
  }
};

template <class T, size_t kSize>
struct Serde<std::array<T, kSize>> {
  static constexpr bool kIsImage = EncodesAsItsImage<T>();
  static void Encode(const std::array<T, kSize>& values, ByteWriter& out) {
    for (const T& value : values) Serde<T>::Encode(value, out);
  }
  static bool Decode(ByteReader& in, std::array<T, kSize>& values) {
    for (T& value : values) {
      if (!Serde<T>::Decode(in, value)) return false;
    }
    return in.ok();
  }
  static void Describe(std::string& schema) {
    schema += "array<";
    Serde<T>::Describe(schema);
    schema += ',' + std::to_string(kSize) + '>';
  }
};

template <class K, class V>
struct Serde<std::map<K, V>> {
  static void Encode(const std::map<K, V>& map, ByteWriter& out) { internal::EncodeSequence(map, out); }
  static bool Decode(ByteReader& in, std::map<K, V>& map) { return internal::DecodeMap(in, map); }
  static void Describe(std::string& schema) {
    schema += "map<";
    internal::DescribeList<K, V>(schema);
    schema += '>';
  }
};

template <class K, class V>
struct Serde<std::unordered_map<K, V>> {
  static void Encode(const std::unordered_map<K, V>& map, ByteWriter& out) { internal::EncodeSequence(map, out); }
  static bool Decode(ByteReader& in, std::unordered_map<K, V>& map) { return internal::DecodeMap(in, map); }
  static void Describe(std::string& schema) { Serde<std::map<K, V>>::Describe(schema); }
};

template <class A, class B>
struct Serde<std::pair<A, B>> {
  static void Encode(const std::pair<A, B>& pair, ByteWriter& out) {
    Serde<std::remove_cv_t<A>>::Encode(pair.first, out);
    Serde<B>::Encode(pair.second, out);
  }
  static bool Decode(ByteReader& in, std::pair<A, B>& pair) {
    return Serde<A>::Decode(in, pair.first) && Serde<B>::Decode(in, pair.second);
  }
  static void Describe(std::string& schema) {
    schema += "tuple<";
    internal::DescribeList<A, B>(schema);
    schema += '>';
  }
};

template <class... T>
struct Serde<std::tuple<T...>> {
  static void Encode(const std::tuple<T...>& values, ByteWriter& out) {
    std::apply([&](const T&... value) { (Serde<T>::Encode(value, out), ...); }, values);
  }
  static bool Decode(ByteReader& in, std::tuple<T...>& values) {
    return std::apply([&](T&... value) { return (Serde<T>::Decode(in, value) && ...); }, values) && in.ok();
  }
  static void Describe(std::string& schema) {
    schema += "tuple<";
    internal::DescribeList<T...>(schema);
    schema += '>';
  }
};

template <class T>
struct Serde<std::optional<T>> {
  static void Encode(const std::optional<T>& value, ByteWriter& out) {
    out.Put(value.has_value());
    if (value.has_value()) Serde<T>::Encode(*value, out);
  }
  static bool Decode(ByteReader& in, std::optional<T>& value) {
    value.reset();
    if (in.Get<bool>()) return Serde<T>::Decode(in, value.emplace());
    return in.ok();
  }
  static void Describe(std::string& schema) {
    schema += "optional<";
    Serde<T>::Describe(schema);
    schema += '>';
  }
};

template <reflect::PlainStruct T>
  requires(!reflect::kIsStdArray<T>)
struct Serde<T> {
  static constexpr bool kIsImage = []<size_t... kIndex>(std::index_sequence<kIndex...>) {
    if constexpr ((EncodesAsItsImage<std::remove_cv_t<reflect::FieldType<T, kIndex>>>() && ...)) {
      return reflect::FlatPayloadSize<T>() == sizeof(T);
    } else {
      return false;
    }
  }(std::make_index_sequence<reflect::kFieldCount<T>>());
  static void Encode(const T& object, ByteWriter& out) {
    reflect::ForEachField(object, [&](const auto& field) { Serde<std::remove_cvref_t<decltype(field)>>::Encode(field, out); });
  }
  static bool Decode(ByteReader& in, T& object) {
    bool ok = true;
    reflect::ForEachField(object, [&](auto& field) {
      ok = ok && Serde<std::remove_cvref_t<decltype(field)>>::Decode(in, field);
    });
    return ok;
  }
  static void Describe(std::string& schema) {
    schema += '{';
    [&]<size_t... kIndex>(std::index_sequence<kIndex...>) {
      ((schema += (kIndex == 0 ? "" : ","), schema += reflect::FieldName<T, kIndex>(), schema += ':',
        Serde<reflect::FieldType<T, kIndex>>::Describe(schema)),
       ...);
    }(std::make_index_sequence<reflect::kFieldCount<T>>());
    schema += '}';
  }
};

template <class T>
std::string SchemaOf() {
  std::string schema;
  Serde<T>::Describe(schema);
  return schema;
}

}  // namespace weir
