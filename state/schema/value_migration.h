// Turns the bytes of saved values into the bytes that a program's own serializers write today.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <weir/core/bytes.h>
#include <weir/core/schema.h>
#include <weir/core/status.h>

namespace weir {

// Made once per state, applied once per value. Immutable, so threads may share it, as far as the job's own serializers may be
// called from several.
class ValueMigration {
 public:
  // `now` is completed (CompleteSchema). kFailedPrecondition, with the reasons, when the two are incompatible; or when a default or
  // an older version is needed that `now` does not have.
  static StatusOr<ValueMigration> Make(const Schema& saved, const Schema& now);

  // One value, read from `in` and written to `out`. False when the bytes do not decode: then `out` holds nothing of use. What a
  // job's own serializer throws passes through.
  bool Apply(ByteReader& in, ByteWriter& out) const { return root_.Apply(in, out); }

 private:
  struct Step {
    enum class Kind : uint8_t { kFixed, kBool, kString, kWiden, kList, kArray, kMembers, kMap, kOptional, kWrap, kStruct, kUser };
    Kind kind = Kind::kFixed;
    uint64_t count = 0;          // Bytes of kFixed, elements of kArray.
    Schema::Kind from_kind = Schema::Kind::kSigned;  // Of kWiden.
    uint32_t from_bits = 0;
    Schema::Kind to_kind = Schema::Kind::kSigned;
    uint32_t to_bits = 0;
    uint32_t version = 0;        // Of kUser.
    bool (*read_version)(ByteReader& in, uint32_t version, ByteWriter& out) = nullptr;
    std::vector<Step> parts;     // Of kStruct: a step for each saved field.
    std::vector<size_t> target;  // Of kStruct, parallel to parts: which field it becomes; kDropped.
    std::vector<std::string> defaults;  // Of kStruct: of each field of today; used where no part becomes it.

    bool Apply(ByteReader& in, ByteWriter& out) const;
    bool ApplySequence(uint64_t elements, ByteReader& in, ByteWriter& out) const;
    bool ApplyStruct(ByteReader& in, ByteWriter& out) const;
    bool Widen(ByteReader& in, ByteWriter& out) const;
  };
  static constexpr size_t kDropped = SIZE_MAX;

  static StatusOr<Step> StepOf(const Schema& saved, const Schema& now);
  static StatusOr<Step> StepOfStruct(const Schema& saved, const Schema& now);

  explicit ValueMigration(Step root) : root_(std::move(root)) {}

  Step root_;
};

// The same for the unit of a state, by its kind as a snapshot names it (docs/formats.md, "Keyed snapshot").
class UnitMigration {
 public:
  struct Saved {
    std::string_view kind;
    bool timed = false;  // Values, or elements, have their time of last access before them.
    const Schema& schema;  // Of the whole state: list<T> of a list.
  };
  // Errors as of ValueMigration; also for a kind that has no migration, or a schema that is not one of the kind.
  static StatusOr<UnitMigration> Make(const Saved& saved, const Schema& now);

  // All of a unit's value. False when the bytes do not decode.
  bool Apply(std::string_view value, ByteWriter& out) const;

 private:
  UnitMigration(ValueMigration value, bool is_list, bool timed) : value_(std::move(value)), is_list_(is_list), timed_(timed) {}
  bool ApplyOne(ByteReader& in, ByteWriter& out) const;

  ValueMigration value_;
  bool is_list_;
  bool timed_;
};

}  // namespace weir
