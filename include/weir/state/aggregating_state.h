// AggregatingState<F>: all values that were added under a key, folded into an accumulator of another type.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include <weir/state/state_handle.h>

namespace weir {

// How an AggregatingState folds. `Accumulator` is what snapshots hold.
template <class I, class Accumulator, class O>
class AggregateFunction {
 public:
  using InputType = I;
  using AccumulatorType = Accumulator;
  using OutputType = O;

  virtual ~AggregateFunction() = default;
  virtual Accumulator CreateAccumulator() = 0;
  virtual void Add(const I& value, Accumulator& accumulator) = 0;
  virtual O GetResult(const Accumulator& accumulator) = 0;
};

// F: an AggregateFunction.
//
//   weir::AggregatingState<Average> average_{"average"};
template <class F>
class AggregatingState final : public StateHandle {
 public:
  using InputType = typename F::InputType;
  using AccumulatorType = typename F::AccumulatorType;
  using OutputType = typename F::OutputType;

  explicit AggregatingState(StateName name, F aggregate = F())
      : StateHandle(std::move(name),
                    {.name = {}, .type = &TypeOf<AccumulatorType>(), .kind = "aggregating", .complete_schema = &CompleteSchema<AccumulatorType>}),
        aggregate_(std::move(aggregate)) {}
  AggregatingState(StateName name, F aggregate, const StateTtlConfig& ttl)
      : StateHandle(std::move(name),
                    {.name = {},
                     .type = &TypeOf<Timed<AccumulatorType>>(),
                     .kind = "aggregating",
                     .schema_of = &SchemaOf<AccumulatorType>,
                     .ttl = ttl.settings(),
                     .complete_schema = &CompleteSchema<AccumulatorType>}),
        aggregate_(std::move(aggregate)) {}
  AggregatingState(const AggregatingState&) = default;

  // The result of what was added since the last Clear; nothing when that is nothing.
  std::optional<OutputType> Get() const {
    const AccumulatorType* const accumulator = ReadLive<AccumulatorType>(expired_);
    return accumulator != nullptr ? std::optional<OutputType>(aggregate_.F::GetResult(*accumulator)) : std::nullopt;
  }
  void Add(const InputType& value) {
    const AccumulatorType* const there = ReadLive<AccumulatorType>(expired_);
    if (there == nullptr || has_ttl()) {
      AccumulatorType accumulator = there != nullptr ? *there : aggregate_.F::CreateAccumulator();
      aggregate_.F::Add(value, accumulator);
      WriteLive<AccumulatorType>(std::move(accumulator));
    } else {
      bool constructed = false;
      aggregate_.F::Add(value, *static_cast<AccumulatorType*>(store_->BeginWrite(column_, constructed)));
    }
  }
  void Clear() {
    RequireKey();
    store_->ClearValue(column_);
  }

 private:
  mutable F aggregate_;  // Its functions need not be const.
  mutable std::optional<AccumulatorType> expired_;  // Seen once more.
};

}  // namespace weir
