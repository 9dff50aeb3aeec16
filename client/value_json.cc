#include "client/value_json.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/status_macros.h"
#include "state/schema/schema_change.h"
#include "state/schema/schema_text.h"

namespace weir {
namespace {

using Json = nlohmann::ordered_json;
using Kind = Schema::Kind;

constexpr std::string_view kDigits = "0123456789abcdef";
constexpr const char* kNotANumber = "NaN";
constexpr const char* kInfinity = "Infinity";
constexpr const char* kMinusInfinity = "-Infinity";

// Of a lead byte: how many bytes follow, and between what the first of these lies. Unicode 15, table 3-7.
struct Utf8Lead {
  uint8_t first;
  uint8_t last;
  size_t following;
  uint8_t next_min;
  uint8_t next_max;
};
constexpr Utf8Lead kUtf8Leads[] = {{0x00, 0x7f, 0, 0x80, 0xbf}, {0xc2, 0xdf, 1, 0x80, 0xbf}, {0xe0, 0xe0, 2, 0xa0, 0xbf},
                                   {0xe1, 0xec, 2, 0x80, 0xbf}, {0xed, 0xed, 2, 0x80, 0x9f}, {0xee, 0xef, 2, 0x80, 0xbf},
                                   {0xf0, 0xf0, 3, 0x90, 0xbf}, {0xf1, 0xf3, 3, 0x80, 0xbf}, {0xf4, 0xf4, 3, 0x80, 0x8f}};

// The library throws at anything else.
bool IsUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const uint8_t byte = static_cast<uint8_t>(text[i]);
    const auto lead = std::find_if(std::begin(kUtf8Leads), std::end(kUtf8Leads), [byte](const Utf8Lead& one) { return byte >= one.first && byte <= one.last; });
    if (lead == std::end(kUtf8Leads) || lead->following > text.size() - i - 1) return false;
    for (size_t next = 1; next <= lead->following; ++next) {
      const uint8_t follower = static_cast<uint8_t>(text[++i]);
      if (follower < (next == 1 ? lead->next_min : 0x80) || follower > (next == 1 ? lead->next_max : 0xbf)) return false;
    }
  }
  return true;
}

template <class Float>
Json FloatJson(Float value) {
  if (std::isnan(value)) return kNotANumber;
  if (std::isinf(value)) return value > 0 ? kInfinity : kMinusInfinity;
  return value;
}

class Reader {
 public:
  explicit Reader(ByteReader& in) : in_(in) {}

  // What it yields means nothing once `in` has failed.
  Json Read(const Schema& schema) {
    switch (schema.kind) {
      case Kind::kBool: return in_.Get<bool>();
      case Kind::kSigned: return Signed(schema.bits);
      case Kind::kUnsigned: return Unsigned(schema.bits);
      case Kind::kEnum: return schema.enum_signed ? Signed(schema.bits) : Unsigned(schema.bits);
      case Kind::kFloat: return Float(schema.bits);
      case Kind::kString: return String();
      case Kind::kOptional: return in_.Get<bool>() ? Read(schema.parts[0]) : Json();
      case Kind::kList: return Sequence(schema.parts[0], in_.GetCount());
      case Kind::kArray: return Sequence(schema.parts[0], schema.length);
      case Kind::kMap: return Map(schema);
      case Kind::kTuple: return Members(schema);
      case Kind::kStruct: return Struct(schema);
      case Kind::kUser: break;
    }
    return HexJson(in_.GetRaw(in_.remaining()));
  }

 private:
  Json Signed(uint32_t bits) {
    switch (bits) {
      case 8: return in_.Get<int8_t>();
      case 16: return in_.Get<int16_t>();
      case 32: return in_.Get<int32_t>();
      default: return in_.Get<int64_t>();
    }
  }
  Json Unsigned(uint32_t bits) {
    switch (bits) {
      case 1: return in_.Get<bool>();
      case 8: return in_.Get<uint8_t>();
      case 16: return in_.Get<uint16_t>();
      case 32: return in_.Get<uint32_t>();
      default: return in_.Get<uint64_t>();
    }
  }
  Json Float(uint32_t bits) {
    if (bits == 32) return FloatJson(in_.Get<float>());
    if (bits == 64) return FloatJson(in_.Get<double>());
    return HexJson(in_.GetRaw(bits / 8));
  }
  Json String() {
    const std::string_view text = in_.GetString();
    return IsUtf8(text) ? Json(std::string(text)) : HexJson(text);
  }
  Json Sequence(const Schema& element, uint64_t count) {
    Json list = Json::array();
    for (uint64_t i = 0; i < count && in_.ok(); ++i) list.push_back(Read(element));
    return list;
  }
  Json Map(const Schema& schema) {
    const uint64_t count = in_.GetCount();
    Json object = Json::object();
    Json pairs = Json::array();
    for (uint64_t i = 0; i < count && in_.ok(); ++i) {
      Json key = Read(schema.parts[0]);
      Json value = Read(schema.parts[1]);
      if (pairs.empty() && key.is_string()) {
        object[key.get<std::string>()] = std::move(value);
        continue;
      }
      // A key that cannot name a member: then all are pairs.
      for (auto& [name, member] : object.items()) pairs.push_back({{"key", name}, {"value", std::move(member)}});
      object.clear();
      pairs.push_back({{"key", std::move(key)}, {"value", std::move(value)}});
    }
    return pairs.empty() && schema.parts[0].kind == Kind::kString ? object : pairs;
  }
  Json Members(const Schema& schema) {
    Json list = Json::array();
    for (const Schema& part : schema.parts) list.push_back(Read(part));
    return list;
  }
  Json Struct(const Schema& schema) {
    Json object = Json::object();
    for (size_t i = 0; i < schema.parts.size(); ++i) object[schema.field_names[i]] = Read(schema.parts[i]);
    return object;
  }

  ByteReader& in_;
};

// The inverse. False where `value` is none of the schema.
class Writer {
 public:
  explicit Writer(ByteWriter& out) : out_(out) {}

  bool Write(const Schema& schema, const Json& value) {
    switch (schema.kind) {
      case Kind::kBool: return value.is_boolean() && (out_.Put(value.get<bool>()), true);
      case Kind::kSigned: return Signed(schema.bits, value);
      case Kind::kUnsigned: return Unsigned(schema.bits, value);
      case Kind::kEnum: return schema.enum_signed ? Signed(schema.bits, value) : Unsigned(schema.bits, value);
      case Kind::kFloat: return Float(schema.bits, value);
      case Kind::kString: return value.is_string() && (out_.PutString(value.get_ref<const std::string&>()), true);
      case Kind::kOptional: return out_.Put(!value.is_null()), value.is_null() || Write(schema.parts[0], value);
      case Kind::kList: return value.is_array() && (out_.PutVarint(value.size()), Elements(schema.parts[0], value));
      case Kind::kArray: return value.is_array() && value.size() == schema.length && Elements(schema.parts[0], value);
      case Kind::kTuple: return Members(schema, value);
      case Kind::kStruct: return Struct(schema, value);
      case Kind::kMap:  // Which order its entries had is not known.
      case Kind::kUser: break;
    }
    return false;
  }

 private:
  bool Signed(uint32_t bits, const Json& value) {
    const bool fits_signed = value.is_number_integer() && (!value.is_number_unsigned() || value.get<uint64_t>() <= INT64_MAX);
    if (!fits_signed) return false;
    const int64_t number = value.get<int64_t>();
    const int64_t limit = bits >= 64 ? INT64_MAX : (int64_t{1} << (bits - 1)) - 1;
    if (number > limit || number < -limit - 1) return false;
    out_.PutRaw(&number, bits / 8);
    return true;
  }
  bool Unsigned(uint32_t bits, const Json& value) {
    if (bits == 1) return value.is_boolean() && (out_.Put(value.get<bool>()), true);
    if (!value.is_number_unsigned()) return false;
    const uint64_t number = value.get<uint64_t>();
    if (bits < 64 && number >> bits != 0) return false;
    out_.PutRaw(&number, bits / 8);
    return true;
  }
  bool Float(uint32_t bits, const Json& value) {
    double number = 0;
    if (value.is_number()) {
      number = value.get<double>();
    } else if (value == kNotANumber) {
      number = std::numeric_limits<double>::quiet_NaN();
    } else if (value == kInfinity || value == kMinusInfinity) {
      number = value == kInfinity ? INFINITY : -INFINITY;
    } else {
      return false;
    }
    if (bits == 32) out_.Put(static_cast<float>(number));
    if (bits == 64) out_.Put(number);
    return bits <= 64;
  }
  bool Elements(const Schema& element, const Json& value) {
    return std::all_of(value.begin(), value.end(), [&](const Json& one) { return Write(element, one); });
  }
  bool Members(const Schema& schema, const Json& value) {
    if (!value.is_array() || value.size() != schema.parts.size()) return false;
    for (size_t i = 0; i < value.size(); ++i) {
      if (!Write(schema.parts[i], value[i])) return false;
    }
    return true;
  }
  bool Struct(const Schema& schema, const Json& value) {
    if (!value.is_object() || value.size() != schema.parts.size()) return false;
    for (size_t i = 0; i < schema.parts.size(); ++i) {
      const auto field = value.find(schema.field_names[i]);
      if (field == value.end() || !Write(schema.parts[i], *field)) return false;
    }
    return true;
  }

  ByteWriter& out_;
};

int DigitOf(char c) {
  const size_t digit = kDigits.find(c);
  return digit == std::string_view::npos ? -1 : static_cast<int>(digit);
}

StatusOr<std::string> BytesOfHex(std::string_view text) {
  std::string bytes;
  bool ok = text.size() % 2 == 0;
  for (size_t i = 0; ok && i < text.size(); i += 2) {
    ok = DigitOf(text[i]) >= 0 && DigitOf(text[i + 1]) >= 0;
    bytes += static_cast<char>(DigitOf(text[i]) * 16 + DigitOf(text[i + 1]));
  }
  if (!ok) return InvalidArgument("the key is of a type that only its job knows: give its bytes as hex digits, got \"" + std::string(text) + "\"");
  return bytes;
}

}  // namespace

Json HexJson(std::string_view bytes) {
  std::string hex;
  for (const char c : bytes) {
    hex += kDigits[static_cast<uint8_t>(c) >> 4];
    hex += kDigits[static_cast<uint8_t>(c) & 15];
  }
  return {{"hex", hex}};
}

StatusOr<Json> ValueJson(const Schema& schema, ByteReader& in) {
  // Where such a part ends nobody knows here, so neither what stands behind it.
  if (!IsSelfContained(schema)) return HexJson(in.GetRaw(in.remaining()));
  Json value = Reader(in).Read(schema);
  if (!in.ok()) return Corruption("a value does not decode as " + SchemaText(schema));
  return value;
}

StatusOr<Json> WholeValueJson(const Schema& schema, std::string_view bytes) {
  ByteReader in(bytes);
  ASSIGN_OR_RETURN(Json value, ValueJson(schema, in));
  if (!in.AtEnd()) return Corruption("a value is longer than " + SchemaText(schema));
  return value;
}

StatusOr<std::string> KeyBytes(const Schema& schema, std::string_view text) {
  if (!IsSelfContained(schema)) return BytesOfHex(text);
  ByteWriter out;
  if (schema.kind == Kind::kString) return out.PutString(text), out.Take();
  const Json value = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded() || !Writer(out).Write(schema, value)) {
    return InvalidArgument("the key is no " + SchemaText(schema) + " in JSON, got \"" + std::string(text) + "\"");
  }
  return out.Take();
}

}  // namespace weir
