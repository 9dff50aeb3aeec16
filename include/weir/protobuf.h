// Protobuf messages as records and state. Not part of weir.h: a job that includes it links protobuf itself.
//
// A message keeps the bytes of its own wire format, so protobuf's rules say which of its changes are compatible; fields that a
// program does not know stay in the message. Its name is what a snapshot holds of its schema: another message is another type.
#pragma once

#include <google/protobuf/message_lite.h>

#include <climits>
#include <concepts>
#include <string>

#include <weir/core/serde.h>

namespace weir {

// Not for keys: the same message may have several encodings.
template <std::derived_from<google::protobuf::MessageLite> T>
struct Serde<T> {
  static void Encode(const T& message, ByteWriter& out) { out.PutString(message.SerializeAsString()); }
  static bool Decode(ByteReader& in, T& message) {
    const std::string_view bytes = in.GetString();
    return in.ok() && bytes.size() <= INT_MAX && message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  }
  static void Describe(std::string& name) { name += "protobuf:" + T::default_instance().GetTypeName(); }
  static size_t OwnedBytes(const T& message) { return message.ByteSizeLong(); }
};

}  // namespace weir
