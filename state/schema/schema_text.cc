#include "state/schema/schema_text.h"

#include <charconv>
#include <utility>

#include "base/status_macros.h"

namespace weir {
namespace {

constexpr uint32_t kDepthMax = 64;
constexpr uint64_t kArrayLengthMax = uint64_t{1} << 24;  // Elements may take no bytes: readers loop so often.

struct Word {
  std::string_view text;
  Schema::Kind kind;
  uint32_t bits;
};
constexpr Word kWords[] = {
    {"bool", Schema::Kind::kBool, 8},       {"string", Schema::Kind::kString, 0},   {"i8", Schema::Kind::kSigned, 8},
    {"i16", Schema::Kind::kSigned, 16},     {"i32", Schema::Kind::kSigned, 32},     {"i64", Schema::Kind::kSigned, 64},
    {"u8", Schema::Kind::kUnsigned, 8},     {"u16", Schema::Kind::kUnsigned, 16},   {"u32", Schema::Kind::kUnsigned, 32},
    {"u64", Schema::Kind::kUnsigned, 64},   {"f32", Schema::Kind::kFloat, 32},      {"f64", Schema::Kind::kFloat, 64},
    {"f128", Schema::Kind::kFloat, 128},    {"list", Schema::Kind::kList, 0},       {"array", Schema::Kind::kArray, 0},
    {"map", Schema::Kind::kMap, 0},         {"tuple", Schema::Kind::kTuple, 0},     {"optional", Schema::Kind::kOptional, 0},
    {"serde", Schema::Kind::kUser, 0},
};

const Word* FindWord(std::string_view text) {
  for (const Word& word : kWords) {
    if (word.text == text) return &word;
  }
  return nullptr;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  StatusOr<Schema> ParseAll() {
    ASSIGN_OR_RETURN(Schema schema, Parse(0));
    if (at_ != text_.size()) return Wrong("the end");
    return schema;
  }

 private:
  Status Wrong(const std::string& expected) const {
    return InvalidArgument("no schema: expected " + expected + ", offset=" + std::to_string(at_) + " text=" + std::string(text_.substr(0, 200)));
  }
  bool Take(char c) {
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  std::string_view TakeUntil(std::string_view ends) {
    const size_t begin = at_;
    at_ = std::min(text_.find_first_of(ends, at_), text_.size());
    return text_.substr(begin, at_ - begin);
  }
  template <class Number>
  bool TakeNumber(Number& number) {
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), number);
    if (error != std::errc()) return false;
    at_ = static_cast<size_t>(end - text_.data());
    return true;
  }

  StatusOr<Schema> Parse(uint32_t depth) {
    if (depth > kDepthMax) return Wrong("fewer levels");
    if (Take('{')) return ParseStruct(depth);
    const std::string_view name = TakeUntil("<>,:{}");
    if (name.empty()) return Wrong("a type");
    if (name == "enum") return ParseEnum();
    const Word* const word = FindWord(name);
    // A lone word is the name of a serializer, as older snapshots have it.
    if (word == nullptr) return Schema{.kind = Schema::Kind::kUser, .name = std::string(name)};
    Schema schema{.kind = word->kind, .bits = word->bits};
    switch (word->kind) {
      case Schema::Kind::kList:
      case Schema::Kind::kOptional: return ParseParts(std::move(schema), depth, 1);
      case Schema::Kind::kMap: return ParseParts(std::move(schema), depth, 2);
      case Schema::Kind::kTuple: return ParseTuple(std::move(schema), depth);
      case Schema::Kind::kArray: return ParseArray(std::move(schema), depth);
      case Schema::Kind::kUser: return ParseUser(std::move(schema));
      default: return schema;
    }
  }

  StatusOr<Schema> ParseEnum() {
    Schema schema{.kind = Schema::Kind::kEnum};
    if (!Take(':')) return Wrong("':'");
    const Word* const word = FindWord(TakeUntil("<>,:{}"));
    const bool is_bool = word != nullptr && word->kind == Schema::Kind::kBool;
    const bool is_integer = word != nullptr && (word->kind == Schema::Kind::kSigned || word->kind == Schema::Kind::kUnsigned);
    if (!is_bool && !is_integer) return Wrong("an integer behind enum:");
    schema.bits = is_bool ? 1 : word->bits;
    schema.enum_signed = word->kind == Schema::Kind::kSigned;
    return schema;
  }

  StatusOr<Schema> ParseParts(Schema schema, uint32_t depth, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      if (!Take(i == 0 ? '<' : ',')) return Wrong(i == 0 ? "'<'" : "','");
      ASSIGN_OR_RETURN(Schema part, Parse(depth + 1));
      schema.parts.push_back(std::move(part));
    }
    if (!Take('>')) return Wrong("'>'");
    return schema;
  }

  StatusOr<Schema> ParseTuple(Schema schema, uint32_t depth) {
    if (!Take('<')) return Wrong("'<'");
    if (Take('>')) return schema;
    do {
      ASSIGN_OR_RETURN(Schema part, Parse(depth + 1));
      schema.parts.push_back(std::move(part));
    } while (Take(','));
    if (!Take('>')) return Wrong("'>'");
    return schema;
  }

  StatusOr<Schema> ParseArray(Schema schema, uint32_t depth) {
    if (!Take('<')) return Wrong("'<'");
    ASSIGN_OR_RETURN(Schema part, Parse(depth + 1));
    schema.parts.push_back(std::move(part));
    if (!Take(',') || !TakeNumber(schema.length) || schema.length > kArrayLengthMax || !Take('>')) return Wrong("a length and '>'");
    return schema;
  }

  StatusOr<Schema> ParseUser(Schema schema) {
    if (!Take('<')) return Wrong("'<'");
    const std::string_view name = TakeUntil("<>,{}");
    for (size_t i = 0; i < name.size(); ++i) {
      uint8_t byte = static_cast<uint8_t>(name[i]);
      if (byte == '%') {
        const auto [end, error] = std::from_chars(name.data() + i + 1, name.data() + std::min(i + 3, name.size()), byte, 16);
        if (error != std::errc() || end != name.data() + i + 3) return Wrong("two hex digits behind %");
        i += 2;
      }
      schema.name += static_cast<char>(byte);
    }
    if (!Take(',') || !TakeNumber(schema.version) || !Take(',') || !TakeNumber(schema.oldest) || !Take('>')) return Wrong("two versions and '>'");
    if (schema.oldest < 1 || schema.oldest > schema.version) return Wrong("an oldest version of 1 to the version");
    return schema;
  }

  StatusOr<Schema> ParseStruct(uint32_t depth) {
    Schema schema{.kind = Schema::Kind::kStruct};
    if (Take('}')) return schema;
    do {
      const std::string_view field = TakeUntil("<>,:{}");
      if (field.empty() || !Take(':')) return Wrong("a field and ':'");
      schema.field_names.emplace_back(field);
      ASSIGN_OR_RETURN(Schema part, Parse(depth + 1));
      schema.parts.push_back(std::move(part));
    } while (Take(','));
    if (!Take('}')) return Wrong("'}'");
    return schema;
  }

  const std::string_view text_;
  size_t at_ = 0;
};

const char* WordOf(const Schema& schema) {
  for (const Word& word : kWords) {
    if (word.kind == schema.kind && word.bits == schema.bits) return word.text.data();
  }
  return "?";
}

void Append(const Schema& schema, std::string& text);

void AppendParts(const Schema& schema, std::string& text) {
  for (size_t i = 0; i < schema.parts.size(); ++i) {
    if (i != 0) text += ',';
    if (schema.kind == Schema::Kind::kStruct) text += schema.field_names[i] + ':';
    Append(schema.parts[i], text);
  }
}

void Append(const Schema& schema, std::string& text) {
  switch (schema.kind) {
    case Schema::Kind::kStruct:
      text += '{';
      AppendParts(schema, text);
      text += '}';
      return;
    case Schema::Kind::kEnum:
      text += "enum:";
      text += schema.bits == 1 ? "bool" : (schema.enum_signed ? 'i' : 'u') + std::to_string(schema.bits);
      return;
    case Schema::Kind::kUser: return internal::AppendUserSchema(schema.name, schema.version, schema.oldest, text);
    case Schema::Kind::kList:
    case Schema::Kind::kArray:
    case Schema::Kind::kMap:
    case Schema::Kind::kTuple:
    case Schema::Kind::kOptional:
      text += WordOf(schema);
      text += '<';
      AppendParts(schema, text);
      if (schema.kind == Schema::Kind::kArray) text += ',' + std::to_string(schema.length);
      text += '>';
      return;
    default: text += WordOf(schema);
  }
}

}  // namespace

StatusOr<Schema> ParseSchema(std::string_view text) { return Parser(text).ParseAll(); }

std::string SchemaText(const Schema& schema) {
  std::string text;
  Append(schema, text);
  return text;
}

}  // namespace weir
