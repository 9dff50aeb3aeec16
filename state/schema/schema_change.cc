#include "state/schema/schema_change.h"

#include <algorithm>

#include "state/schema/schema_text.h"

namespace weir {
namespace {

constexpr size_t kReasonBytesMax = 1'000;

using Kind = Schema::Kind;

bool IsNumber(const Schema& schema) { return schema.kind == Kind::kSigned || schema.kind == Kind::kUnsigned || schema.kind == Kind::kFloat; }

// Every value of `from` is a value of `to`.
bool Widens(const Schema& from, const Schema& to) {
  if (from.kind == to.kind) return IsNumber(from) && to.bits > from.bits && to.bits <= 64;
  return from.kind == Kind::kUnsigned && to.kind == Kind::kSigned && to.bits > from.bits;
}

class Comparison {
 public:
  void Compare(const Schema& saved, const Schema& now, const std::string& path) {
    if (now.kind == Kind::kOptional && saved.kind != Kind::kOptional) {
      Migrates(Name(path) + " becomes optional");
      return Compare(saved, now.parts[0], path);
    }
    if (IsNumber(saved) && IsNumber(now)) return CompareNumbers(saved, now, path);
    if (saved.kind != now.kind) return Refuse(saved, now, path, saved.kind == Kind::kOptional ? "an empty one would have no value" : "");
    switch (now.kind) {
      case Kind::kEnum:
        if (saved.bits != now.bits || saved.enum_signed != now.enum_signed) Refuse(saved, now, path, "the integer of an enum stays");
        return;
      case Kind::kList:
      case Kind::kOptional: return Compare(saved.parts[0], now.parts[0], now.kind == Kind::kList ? path + "[]" : path);
      case Kind::kArray:
        if (saved.length != now.length) return Refuse(saved, now, path, "the length of an array stays");
        return Compare(saved.parts[0], now.parts[0], path + "[]");
      case Kind::kMap:
        if (!HaveSameBytes(saved.parts[0], now.parts[0])) Refuse(saved.parts[0], now.parts[0], path + ".key", "keys of a map stay as they are");
        return Compare(saved.parts[1], now.parts[1], path + ".value");
      case Kind::kTuple: return CompareTuples(saved, now, path);
      case Kind::kStruct: return CompareStructs(saved, now, path);
      case Kind::kUser: return CompareUsers(saved, now, path);
      default: return;
    }
  }
  SchemaChange Take() {
    SchemaChange change;
    if (!refused_.empty()) {
      change = {SchemaVerdict::kIncompatible, std::move(refused_)};
    } else if (!migrated_.empty()) {
      change = {SchemaVerdict::kAfterMigration, std::move(migrated_)};
    }
    return change;
  }

 private:
  static std::string Name(const std::string& path) {
    if (path.empty()) return "the value";
    if (path == "[]") return "each element";
    return "field \"" + (path.front() == '.' ? path.substr(1) : path) + "\"";
  }
  static std::string Child(const std::string& path, const std::string& field) { return path + '.' + field; }

  void Migrates(std::string change) { migrated_.push_back(std::move(change)); }
  void Refuse(const Schema& saved, const Schema& now, const std::string& path, const std::string& why) {
    refused_.push_back(Name(path) + " was " + SchemaText(saved) + ", now it is " + SchemaText(now) + (why.empty() ? "" : ": " + why));
  }

  void CompareNumbers(const Schema& saved, const Schema& now, const std::string& path) {
    if (saved.kind == now.kind && saved.bits == now.bits) return;
    if (!Widens(saved, now)) return Refuse(saved, now, path, "a number may only grow to a wider one that has all its values");
    Migrates(Name(path) + " grows from " + SchemaText(saved) + " to " + SchemaText(now));
  }

  void CompareTuples(const Schema& saved, const Schema& now, const std::string& path) {
    if (saved.parts.size() != now.parts.size()) return Refuse(saved, now, path, "the number of members of a tuple stays");
    for (size_t i = 0; i < now.parts.size(); ++i) Compare(saved.parts[i], now.parts[i], Child(path, std::to_string(i)));
  }

  void CompareStructs(const Schema& saved, const Schema& now, const std::string& path) {
    std::vector<std::string> dropped;
    std::vector<size_t> order;  // Of the fields that stay: their place before.
    for (size_t i = 0; i < saved.parts.size(); ++i) {
      if (std::find(now.field_names.begin(), now.field_names.end(), saved.field_names[i]) != now.field_names.end()) continue;
      const std::string name = Name(Child(path, saved.field_names[i]));
      if (!IsSelfContained(saved.parts[i])) {
        refused_.push_back(name + " was " + SchemaText(saved.parts[i]) + ", now it is gone: only its serializer knows where it ends");
      }
      dropped.push_back(name);
    }
    for (const std::string& name : dropped) Migrates(name + " is dropped");
    for (size_t i = 0; i < now.parts.size(); ++i) {
      const auto found = std::find(saved.field_names.begin(), saved.field_names.end(), now.field_names[i]);
      const std::string child = Child(path, now.field_names[i]);
      if (found == saved.field_names.end()) {
        Migrates(Name(child) + " is new and starts with its default" + (dropped.empty() ? "" : " (a renamed field is a new one)"));
        continue;
      }
      order.push_back(static_cast<size_t>(found - saved.field_names.begin()));
      Compare(saved.parts[order.back()], now.parts[i], child);
    }
    if (!std::is_sorted(order.begin(), order.end())) Migrates("the fields of " + (path.empty() ? "the value" : Name(path)) + " have another order");
  }

  void CompareUsers(const Schema& saved, const Schema& now, const std::string& path) {
    if (saved.name != now.name) return Refuse(saved, now, path, "another serializer");
    if (saved.version == now.version) return;
    const std::string versions = " version " + std::to_string(saved.version) + " of serializer \"" + now.name + "\", now it is version " + std::to_string(now.version);
    if (saved.version > now.version) {
      refused_.push_back(Name(path) + " was" + versions + ": an older program cannot read it");
    } else if (saved.version < now.oldest) {
      refused_.push_back(Name(path) + " was" + versions + ", which reads version " + std::to_string(now.oldest) + " and later");
    } else {
      Migrates(Name(path) + " was" + versions + ", which reads it");
    }
  }

  std::vector<std::string> migrated_;
  std::vector<std::string> refused_;
};

}  // namespace

std::string_view SchemaVerdictName(SchemaVerdict verdict) {
  switch (verdict) {
    case SchemaVerdict::kAsIs: return "as is";
    case SchemaVerdict::kAfterMigration: return "after migration";
    case SchemaVerdict::kIncompatible: return "incompatible";
  }
  return "unknown";
}

std::string SchemaChange::Reason() const {
  std::string reason;
  for (size_t i = 0; i < reasons.size(); ++i) {
    if (reason.size() > kReasonBytesMax) return reason + "; and " + std::to_string(reasons.size() - i) + " more";
    reason += (reason.empty() ? "" : "; ") + reasons[i];
  }
  return reason;
}

SchemaChange CompareSchemas(const Schema& saved, const Schema& now) {
  Comparison comparison;
  comparison.Compare(saved, now, "");
  return comparison.Take();
}

bool HaveSameBytes(const Schema& a, const Schema& b) {
  const bool same = a.kind == b.kind && a.bits == b.bits && a.enum_signed == b.enum_signed && a.length == b.length && a.name == b.name &&
                    a.version == b.version && a.field_names == b.field_names && a.parts.size() == b.parts.size();
  return same && std::equal(a.parts.begin(), a.parts.end(), b.parts.begin(), &HaveSameBytes);
}

bool IsSelfContained(const Schema& schema) {
  return schema.kind != Kind::kUser && std::all_of(schema.parts.begin(), schema.parts.end(), &IsSelfContained);
}

}  // namespace weir
