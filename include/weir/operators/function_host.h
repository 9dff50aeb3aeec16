// What every operator does with its user's function beside calling it for records.
#pragma once

#include <optional>
#include <type_traits>
#include <utility>

#include <weir/checkpointed_function.h>
#include <weir/engine/operator.h>
#include <weir/operators/invoke.h>

namespace weir::internal {

template <class F>
concept ListCheckpointing = requires { typename F::CheckpointedItem; } && std::derived_from<F, ListCheckpointed<typename F::CheckpointedItem>>;
template <class F>
concept HasOperatorState = std::derived_from<F, CheckpointedFunction> || ListCheckpointing<F>;

inline constexpr const char* kListCheckpointedState = "_list_checkpointed";

template <class F>
concept HasBroadcastState = requires { typename F::BroadcastType; };

// Operator state of a function that has some; nothing at all of others.
template <class F>
class FunctionState {
 public:
  static constexpr bool kHasStore = HasOperatorState<F> || HasBroadcastState<F>;
  static_assert(!(std::derived_from<F, CheckpointedFunction> && ListCheckpointing<F>), "a function is CheckpointedFunction or ListCheckpointed, not both");

  // Takes what was restored; broadcast states are declared between this and Initialize.
  void Open(const OperatorContext& context) {
    if constexpr (kHasStore) store_.emplace(context.restored_operator_state());
  }
  OperatorStateStore& store() { return *store_; }
  void Initialize(F& function, const OperatorContext& context) {
    if constexpr (ListCheckpointing<F>) {
      auto items = store_->template GetListState<typename F::CheckpointedItem>(kListCheckpointedState);
      if (context.restored()) function.RestoreState(items.Get());
      items.Clear();
    } else if constexpr (HasOperatorState<F>) {
      FunctionInitializationContext initialization(*store_, context.restored_checkpoint_id);
      function.InitializeState(initialization);
    }
  }
  void Snapshot(F& function, SnapshotContext& context) {
    if constexpr (ListCheckpointing<F>) {
      auto items = store_->template GetListState<typename F::CheckpointedItem>(kListCheckpointedState);
      items.Update(function.SnapshotState(context.checkpoint_id, context.timestamp_ms));
      store_->Save(context.state);
      items.Clear();
    } else if constexpr (kHasStore) {
      if constexpr (HasOperatorState<F>) function.SnapshotState(FunctionSnapshotContext{context.checkpoint_id, context.timestamp_ms});
      store_->Save(context.state);
    }
  }

 private:
  struct Nothing {};
  [[no_unique_address]] std::conditional_t<kHasStore, std::optional<OperatorStateStore>, Nothing> store_;
};

// Base of the operators: life cycle, operator state and notifications of the function.
template <class F>
class FunctionHost : public Operator {
 public:
  explicit FunctionHost(const F& function) : function_(function) {}

  void Open(OperatorContext& context) override {
    state_.Open(context);
    if constexpr (HasBroadcastState<F>) DeclareBroadcastStates(state_.store());
    state_.Initialize(function_, context);
    OpenFunction(function_, context.runtime);
  }
  void Snapshot(SnapshotContext& context) override { state_.Snapshot(function_, context); }
  void NotifyCheckpointComplete(const CommitPermit& permit) override {
    if constexpr (std::derived_from<F, CheckpointListener>) function_.NotifyCheckpointComplete(permit.checkpoint_id());
  }
  void NotifyCheckpointAborted(uint64_t checkpoint_id) override {
    if constexpr (std::derived_from<F, CheckpointListener>) function_.NotifyCheckpointAborted(checkpoint_id);
  }
  void Close() override { CloseFunction(function_); }

 protected:
  // Of functions with broadcast state.
  virtual void DeclareBroadcastStates(OperatorStateStore&) {}

  F function_;

 private:
  [[no_unique_address]] FunctionState<F> state_;
};

}  // namespace weir::internal
