#include "state/schema/value_migration.h"

#include <algorithm>

#include "base/status_macros.h"
#include "state/schema/schema_change.h"
#include "state/schema/schema_text.h"

namespace weir {
namespace {

using Kind = Schema::Kind;

int64_t GetSigned(ByteReader& in, uint32_t bits) {
  switch (bits) {
    case 8: return in.Get<int8_t>();
    case 16: return in.Get<int16_t>();
    case 32: return in.Get<int32_t>();
    default: return in.Get<int64_t>();
  }
}

uint64_t GetUnsigned(ByteReader& in, uint32_t bits) {
  switch (bits) {
    case 8: return in.Get<uint8_t>();
    case 16: return in.Get<uint16_t>();
    case 32: return in.Get<uint32_t>();
    default: return in.Get<uint64_t>();
  }
}

// Two's complement: the lower bytes are the narrower number.
void PutInteger(uint64_t value, uint32_t bits, ByteWriter& out) { out.PutRaw(&value, bits / 8); }

}  // namespace

StatusOr<ValueMigration> ValueMigration::Make(const Schema& saved, const Schema& now) {
  const SchemaChange change = CompareSchemas(saved, now);
  if (change.verdict == SchemaVerdict::kIncompatible) return FailedPrecondition(change.Reason());
  ASSIGN_OR_RETURN(Step root, StepOf(saved, now));
  return ValueMigration(std::move(root));
}

StatusOr<ValueMigration::Step> ValueMigration::StepOf(const Schema& saved, const Schema& now) {
  Step step;
  if (now.kind == Kind::kOptional && saved.kind != Kind::kOptional) {
    step.kind = Step::Kind::kWrap;
    ASSIGN_OR_RETURN(Step part, StepOf(saved, now.parts[0]));
    step.parts.push_back(std::move(part));
    return step;
  }
  switch (now.kind) {
    case Kind::kSigned:
    case Kind::kUnsigned:
    case Kind::kFloat:
      step.count = saved.bits / 8;
      if (saved.kind == now.kind && saved.bits == now.bits) return step;
      step.kind = Step::Kind::kWiden;
      step.from_kind = saved.kind;
      step.from_bits = saved.bits;
      step.to_kind = now.kind;
      step.to_bits = now.bits;
      return step;
    case Kind::kBool: step.kind = Step::Kind::kBool; return step;
    case Kind::kEnum: step.count = std::max(1u, now.bits / 8); return step;
    case Kind::kString: step.kind = Step::Kind::kString; return step;
    case Kind::kStruct: return StepOfStruct(saved, now);
    case Kind::kUser:
      if (now.read_version == nullptr) return FailedPrecondition("serializer \"" + now.name + "\" is not known here");
      step.kind = Step::Kind::kUser;
      step.version = saved.version;
      step.read_version = now.read_version;
      return step;
    case Kind::kList: step.kind = Step::Kind::kList; break;
    case Kind::kMap: step.kind = Step::Kind::kMap; break;
    case Kind::kTuple: step.kind = Step::Kind::kMembers; break;
    case Kind::kOptional: step.kind = Step::Kind::kOptional; break;
    case Kind::kArray:
      step.kind = Step::Kind::kArray;
      step.count = now.length;
      break;
  }
  for (size_t i = 0; i < now.parts.size(); ++i) {
    ASSIGN_OR_RETURN(Step part, StepOf(saved.parts[i], now.parts[i]));
    step.parts.push_back(std::move(part));
  }
  return step;
}

StatusOr<ValueMigration::Step> ValueMigration::StepOfStruct(const Schema& saved, const Schema& now) {
  Step step;
  step.kind = Step::Kind::kStruct;
  step.defaults.resize(now.parts.size());
  std::vector<bool> given(now.parts.size());
  for (size_t i = 0; i < saved.parts.size(); ++i) {
    const auto found = std::find(now.field_names.begin(), now.field_names.end(), saved.field_names[i]);
    const bool stays = found != now.field_names.end();
    const size_t target = stays ? static_cast<size_t>(found - now.field_names.begin()) : kDropped;
    ASSIGN_OR_RETURN(Step part, StepOf(saved.parts[i], stays ? now.parts[target] : saved.parts[i]));
    step.parts.push_back(std::move(part));
    step.target.push_back(target);
    if (stays) given[target] = true;
  }
  for (size_t i = 0; i < now.parts.size(); ++i) {
    if (given[i]) continue;
    if (i >= now.defaults.size()) return FailedPrecondition("field \"" + now.field_names[i] + "\" is new and its default is not known here");
    step.defaults[i] = now.defaults[i];
  }
  return step;
}

bool ValueMigration::Step::Apply(ByteReader& in, ByteWriter& out) const {
  switch (kind) {
    case Kind::kFixed: {
      const std::string_view raw = in.GetRaw(count);
      out.PutRaw(raw.data(), raw.size());
      return in.ok();
    }
    case Kind::kBool: out.Put(in.Get<bool>()); return in.ok();
    case Kind::kString: out.PutString(in.GetString()); return in.ok();
    case Kind::kWiden: return Widen(in, out);
    case Kind::kArray: return ApplySequence(count, in, out);
    case Kind::kList:
    case Kind::kMap: {
      const uint64_t elements = in.GetCount();
      out.PutVarint(elements);
      return in.ok() && ApplySequence(elements, in, out);
    }
    case Kind::kMembers: return ApplySequence(1, in, out);
    case Kind::kOptional: {
      const bool has_value = in.Get<bool>();
      out.Put(has_value);
      return in.ok() && (!has_value || parts[0].Apply(in, out));
    }
    case Kind::kWrap: out.Put(true); return parts[0].Apply(in, out);
    case Kind::kStruct: return ApplyStruct(in, out);
    case Kind::kUser: return read_version(in, version, out);
  }
  return false;
}

// So many times all parts.
bool ValueMigration::Step::ApplySequence(uint64_t elements, ByteReader& in, ByteWriter& out) const {
  for (uint64_t i = 0; i < elements; ++i) {
    for (const Step& part : parts) {
      if (!part.Apply(in, out)) return false;
    }
  }
  return in.ok();
}

bool ValueMigration::Step::ApplyStruct(ByteReader& in, ByteWriter& out) const {
  ByteWriter fields;  // In the saved order.
  std::vector<std::string_view> order(defaults.begin(), defaults.end());
  std::vector<size_t> ends;
  for (const Step& part : parts) {
    if (!part.Apply(in, fields)) return false;
    ends.push_back(fields.size());
  }
  for (size_t i = 0; i < parts.size(); ++i) {
    const size_t begin = i == 0 ? 0 : ends[i - 1];
    if (target[i] != kDropped) order[target[i]] = fields.view().substr(begin, ends[i] - begin);
  }
  for (const std::string_view field : order) out.PutRaw(field.data(), field.size());
  return true;
}

bool ValueMigration::Step::Widen(ByteReader& in, ByteWriter& out) const {
  if (from_kind == Schema::Kind::kFloat) {
    out.Put(static_cast<double>(in.Get<float>()));
  } else if (from_kind == Schema::Kind::kSigned) {
    PutInteger(static_cast<uint64_t>(GetSigned(in, from_bits)), to_bits, out);
  } else {
    PutInteger(GetUnsigned(in, from_bits), to_bits, out);
  }
  return in.ok();
}

StatusOr<UnitMigration> UnitMigration::Make(const Saved& saved, const Schema& now) {
  const bool is_list = saved.kind == "list";
  const bool is_map = saved.kind == "map";
  const bool is_value = saved.kind == "value" || saved.kind == "reducing" || saved.kind == "aggregating";
  if (!is_list && !is_map && !is_value) return FailedPrecondition("state of kind \"" + std::string(saved.kind) + "\" cannot be migrated");
  const SchemaChange change = CompareSchemas(saved.schema, now);
  if (change.verdict == SchemaVerdict::kIncompatible) return FailedPrecondition(change.Reason());
  const Kind container = is_list ? Kind::kList : Kind::kMap;
  if (!is_value && (saved.schema.kind != container || now.kind != container)) {
    return FailedPrecondition("the schema of the state is not one of its kind, schema=" + SchemaText(saved.schema));
  }
  const Schema& from = is_list ? saved.schema.parts[0] : is_map ? saved.schema.parts[1] : saved.schema;
  ASSIGN_OR_RETURN(ValueMigration value, ValueMigration::Make(from, is_list ? now.parts[0] : is_map ? now.parts[1] : now));
  return UnitMigration(std::move(value), is_list, saved.timed);
}

bool UnitMigration::ApplyOne(ByteReader& in, ByteWriter& out) const {
  if (timed_) out.Put(in.Get<int64_t>());
  return in.ok() && value_.Apply(in, out);
}

bool UnitMigration::Apply(std::string_view value, ByteWriter& out) const {
  ByteReader in(value);
  if (!is_list_) return ApplyOne(in, out) && in.AtEnd();
  const uint64_t count = in.GetVarint();
  out.PutVarint(count);
  // Elements may take no bytes: what a chunk holds at most ends the loop.
  constexpr uint64_t kElementsMax = 64 * 1024;
  if (!in.ok() || count > kElementsMax) return false;
  for (uint64_t i = 0; i < count; ++i) {
    if (!ApplyOne(in, out)) return false;
  }
  return in.ok() && in.AtEnd();
}

}  // namespace weir
