#include <weir/state/operator_state.h>

#include <optional>

#include "base/status_macros.h"
#include "state/schema/schema_change.h"
#include "state/schema/schema_text.h"
#include "state/schema/value_migration.h"

namespace weir {
namespace {

const char* ModeName(OperatorStateSink::Mode mode) {
  switch (mode) {
    case OperatorStateSink::Mode::kEvenSplit: return "a list";
    case OperatorStateSink::Mode::kUnion: return "a union list";
    case OperatorStateSink::Mode::kBroadcast: return "a broadcast state";
  }
  return "of unknown kind";
}

// An item of a broadcast map is one of its entries.
void MakeItem(Schema& schema) {
  if (schema.kind == Schema::Kind::kMap) schema.kind = Schema::Kind::kTuple;
}

// From items of the saved schema; nothing where they have the same bytes.
StatusOr<std::optional<ValueMigration>> MigrationOf(const std::string& saved, const internal::OperatorStateEntry& entry, bool broadcast) {
  const std::string schema = entry.SchemaText();
  if (saved.empty() || saved == schema) return std::optional<ValueMigration>();
  ASSIGN_OR_RETURN(Schema from, ParseSchema(saved));
  ASSIGN_OR_RETURN(Schema to, ParseSchema(schema));
  const SchemaChange change = CompareSchemas(from, to);
  if (change.verdict == SchemaVerdict::kIncompatible) return FailedPrecondition(change.Reason());
  if (change.verdict == SchemaVerdict::kAsIs) return std::optional<ValueMigration>();
  entry.Complete(to);
  if (broadcast) {
    MakeItem(from);
    MakeItem(to);
  }
  ASSIGN_OR_RETURN(ValueMigration migration, ValueMigration::Make(from, to));
  return std::optional<ValueMigration>(std::move(migration));
}

bool RestoreItem(std::string_view item, const std::optional<ValueMigration>& migration, internal::OperatorStateEntry& entry) {
  if (!migration.has_value()) return entry.Restore(item);
  ByteReader in(item);
  ByteWriter migrated;
  return migration->Apply(in, migrated) && in.AtEnd() && entry.Restore(migrated.view());
}

}  // namespace

OperatorStateStore::OperatorStateStore(std::vector<RestoredOperatorState> restored) {
  for (RestoredOperatorState& from : restored) {
    State& state = states_[from.name];
    state.mode = from.mode;
    if (state.schema.empty()) state.schema = std::move(from.schema);
    std::move(from.items.begin(), from.items.end(), std::back_inserter(state.items));
  }
}

OperatorStateStore::~OperatorStateStore() = default;

OperatorStateStore::State& OperatorStateStore::StateFor(const std::string& name, Mode mode) {
  if (name.empty()) throw std::logic_error("operator state needs a name that is not empty");
  const auto [found, is_new] = states_.try_emplace(name);
  State& state = found->second;
  if (is_new) state.mode = mode;
  if (state.mode != mode) {
    throw std::logic_error("operator state \"" + name + "\" is " + ModeName(state.mode) + ", and was asked for as " + ModeName(mode));
  }
  return state;
}

void OperatorStateStore::Bind(const std::string& name, State& state, std::shared_ptr<internal::OperatorStateEntry> entry) {
  const std::string schema = entry->SchemaText();
  const StatusOr<std::optional<ValueMigration>> migration = MigrationOf(state.schema, *entry, state.mode == Mode::kBroadcast);
  if (!migration.ok()) {
    throw std::runtime_error("operator state \"" + name + "\" cannot be restored: the snapshot holds " + state.schema + ", the job asks for " + schema + ": " +
                             migration.status().message());
  }
  for (const std::string& item : state.items) {
    if (!RestoreItem(item, *migration, *entry)) throw std::runtime_error("operator state \"" + name + "\" cannot be restored: an item does not decode as " + schema);
  }
  state.items = {};
  state.schema = schema;
  state.entry = std::move(entry);
}

void OperatorStateStore::ThrowOtherType(const std::string& name, const State& state) {
  throw std::logic_error("operator state \"" + name + "\" holds " + state.schema + ", and was asked for as another type");
}

std::vector<std::string> OperatorStateStore::NamesOf(bool broadcast) const {
  std::vector<std::string> names;
  for (const auto& [name, state] : states_) {
    if ((state.mode == Mode::kBroadcast) == broadcast) names.push_back(name);
  }
  return names;
}

std::vector<std::string> OperatorStateStore::RegisteredStateNames() const { return NamesOf(false); }
std::vector<std::string> OperatorStateStore::RegisteredBroadcastStateNames() const { return NamesOf(true); }

void OperatorStateStore::Save(OperatorStateSink& sink) const {
  for (const auto& [name, state] : states_) {
    sink.Declare(name, state.mode, state.schema);
    if (state.entry != nullptr) {
      state.entry->Save(name, sink);
    } else {
      for (const std::string& item : state.items) sink.Add(name, item);
    }
  }
}

}  // namespace weir
