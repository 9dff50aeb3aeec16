// Schema: the text that Serde describes a type with, as a tree, and what a program adds to it that the text does not tell.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <weir/core/bytes.h>
#include <weir/core/serde.h>

namespace weir {

// Plain data. Of a snapshot it is what the text says; of the program's own types it is completed with CompleteSchema.
struct Schema {
  enum class Kind : uint8_t { kBool, kSigned, kUnsigned, kFloat, kEnum, kString, kList, kArray, kMap, kTuple, kOptional, kStruct, kUser };

  Kind kind = Kind::kUser;
  uint32_t bits = 0;         // Of numbers; of an enum those of its integer.
  bool enum_signed = false;  // Of an enum: that its integer is.
  uint64_t length = 0;       // Of an array.
  std::string name = {};     // Of kUser: its serializer's.
  uint32_t version = 1;      // Of kUser: that its bytes have,
  uint32_t oldest = 1;       // and the oldest that its serializer still reads.
  std::vector<Schema> parts = {};             // Element; key and value; members; fields.
  std::vector<std::string> field_names = {};  // Of kStruct, parallel to parts.

  // ---- Known of the program's own types only ----
  std::vector<std::string> defaults = {};  // Of kStruct, parallel to parts: the encoded field of a value-initialized struct.
  // Of kUser: reads one value that was written as `version` and writes it as of today. False when it does not decode.
  bool (*read_version)(ByteReader& in, uint32_t version, ByteWriter& out) = nullptr;
};

namespace internal {

template <class T>
bool ReadUserVersion(ByteReader& in, uint32_t version, ByteWriter& out) {
  T value{};
  if (version == UserVersionOf<T>()) {
    if (!Serde<T>::Decode(in, value)) return false;
  } else if constexpr (requires { Serde<T>::DecodeVersion(in, version, value); }) {
    if (!Serde<T>::DecodeVersion(in, version, value)) return false;
  } else {
    return false;
  }
  Serde<T>::Encode(value, out);
  return in.ok();
}

template <class Field>
std::string EncodedDefault(const Field& field) {
  ByteWriter out;
  Serde<Field>::Encode(field, out);
  return out.Take();
}

}  // namespace internal

// Adds defaults and older versions to `schema`, which must have been read from SchemaOf<T>().
template <class T>
void CompleteSchema(Schema& schema) {
  if constexpr (internal::HasParts<T>) {
    [&schema]<class... Part>(TypeList<Part...>) {
      size_t index = 0;
      (CompleteSchema<std::remove_cv_t<Part>>(schema.parts.at(index++)), ...);
      (void)index;
    }(typename Serde<T>::Parts());
    if constexpr (internal::IsSerdeOfStruct<T>) {
      const T value{};
      reflect::ForEachField(value, [&schema](const auto& field) { schema.defaults.push_back(internal::EncodedDefault(field)); });
    }
  } else {
    schema.read_version = &internal::ReadUserVersion<T>;
  }
}

}  // namespace weir
