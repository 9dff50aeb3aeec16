// Serde<T>: how a value becomes bytes in a batch, a snapshot or a split, and back.
//
// Built in: integers, floats, bool, enums, std::string, std::vector, std::array, std::map, std::unordered_map,
// std::pair, std::tuple, std::optional and plain structs of them. For any other type specialize it:
//
//   template <> struct weir::Serde<Money> {
//     static void Encode(const Money& value, weir::ByteWriter& out) { out.Put(value.cents()); }
//     static bool Decode(weir::ByteReader& in, Money& value) { value = Money(in.Get<int64_t>()); return in.ok(); }
//     static void Describe(std::string& name) { name += "money"; }
//   };
//
// Describe appends the serializer's name, which is stored in every snapshot and compared at restore (docs/evolution.md).
// Decode gets hostile bytes: it never reads past `in` and returns false when they make no sense. When the bytes change, give
// them a version, and read the older ones so that state of older jobs stays readable:
//
//     static constexpr uint32_t kVersion = 2;        // 1 unless said.
//     static constexpr uint32_t kOldestVersion = 1;  // kVersion unless said.
//     static bool DecodeVersion(weir::ByteReader& in, uint32_t version, Money& value);  // kOldestVersion .. kVersion - 1.
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

template <class... T>
struct TypeList {};

template <class T>
concept Serializable = requires(const T& in, T& out, ByteWriter& writer, ByteReader& reader, std::string& schema) {
  Serde<T>::Encode(in, writer);
  { Serde<T>::Decode(reader, out) } -> std::same_as<bool>;
  Serde<T>::Describe(schema);
};

namespace internal {

// A built-in serializer: its text tells the encoding, and names those of its parts in this order.
template <class T>
concept HasParts = requires { typename Serde<T>::Parts; };

template <class T>
constexpr uint32_t UserVersionOf() {
  if constexpr (requires { Serde<T>::kVersion; }) {
    return Serde<T>::kVersion;
  } else {
    return 1;
  }
}

template <class T>
constexpr uint32_t OldestUserVersionOf() {
  if constexpr (requires { Serde<T>::kOldestVersion; }) {
    static_assert(Serde<T>::kOldestVersion >= 1 && Serde<T>::kOldestVersion <= UserVersionOf<T>(), "kOldestVersion is 1 to kVersion");
    static_assert(requires(ByteReader& in, T& value) { { Serde<T>::DecodeVersion(in, uint32_t{1}, value) } -> std::same_as<bool>; },
                  "kOldestVersion needs static bool DecodeVersion(weir::ByteReader& in, uint32_t version, T& value)");
    return Serde<T>::kOldestVersion;
  } else {
    return UserVersionOf<T>();
  }
}

// "serde<money,2,1>": a serializer of a job's own. What is no letter, digit or one of ".:-_" in its name becomes "%hex".
void AppendUserSchema(std::string_view name, uint32_t version, uint32_t oldest, std::string& schema);

}  // namespace internal

// Appends the schema of T, from which its bytes can be read without T where the serializer is built in.
template <class T>
void AppendSchema(std::string& schema) {
  if constexpr (internal::HasParts<T>) {
    Serde<T>::Describe(schema);
  } else {
    std::string name;
    Serde<T>::Describe(name);
    internal::AppendUserSchema(name, internal::UserVersionOf<T>(), internal::OldestUserVersionOf<T>(), schema);
  }
}

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
  using Parts = TypeList<>;
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
  using Parts = TypeList<>;
  static constexpr bool kIsImage = true;
  static void Encode(const T& value, ByteWriter& out) { out.Put(value); }
  static bool Decode(ByteReader& in, T& value) {
    value = in.Get<T>();
    return in.ok();
  }
  static void Describe(std::string& schema) {
    schema += "enum:";
    AppendSchema<std::underlying_type_t<T>>(schema);
  }
};

template <>
struct Serde<std::string> {
  using Parts = TypeList<>;
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
  ((schema += (index++ == 0 ? "" : ","), AppendSchema<std::remove_cv_t<T>>(schema)), ...);
  (void)index;
}

}  // namespace internal

template <class T>
struct Serde<std::vector<T>> {
  using Parts = TypeList<T>;
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
    AppendSchema<T>(schema);
    schema += '>';
  }
};

template <class T, size_t kSize>
struct Serde<std::array<T, kSize>> {
  using Parts = TypeList<T>;
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
    AppendSchema<T>(schema);
    schema += ',' + std::to_string(kSize) + '>';
  }
};

template <class K, class V>
struct Serde<std::map<K, V>> {
  using Parts = TypeList<K, V>;
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
  using Parts = TypeList<K, V>;
  static void Encode(const std::unordered_map<K, V>& map, ByteWriter& out) { internal::EncodeSequence(map, out); }
  static bool Decode(ByteReader& in, std::unordered_map<K, V>& map) { return internal::DecodeMap(in, map); }
  static void Describe(std::string& schema) { AppendSchema<std::map<K, V>>(schema); }
};

template <class A, class B>
struct Serde<std::pair<A, B>> {
  using Parts = TypeList<A, B>;
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
  using Parts = TypeList<T...>;
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
  using Parts = TypeList<T>;
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
    AppendSchema<T>(schema);
    schema += '>';
  }
};

namespace internal {

template <class T, class Indexes>
struct FieldTypes;
template <class T, size_t... kIndex>
struct FieldTypes<T, std::index_sequence<kIndex...>> {
  using List = TypeList<std::remove_cv_t<reflect::FieldType<T, kIndex>>...>;
};

template <class T>
concept IsSerdeOfStruct = requires { Serde<T>::kIsStruct; };

}  // namespace internal

template <reflect::PlainStruct T>
  requires(!reflect::kIsStdArray<T>)
struct Serde<T> {
  using Parts = typename internal::FieldTypes<T, std::make_index_sequence<reflect::kFieldCount<T>>>::List;
  static constexpr bool kIsStruct = true;
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
        AppendSchema<std::remove_cv_t<reflect::FieldType<T, kIndex>>>(schema)),
       ...);
    }(std::make_index_sequence<reflect::kFieldCount<T>>());
    schema += '}';
  }
};

template <class T>
std::string SchemaOf() {
  std::string schema;
  AppendSchema<T>(schema);
  return schema;
}

}  // namespace weir
