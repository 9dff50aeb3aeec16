// A SourceFunction as the head of a chain.
#pragma once

#include <optional>

#include <weir/operators/function_host.h>
#include <weir/source_function.h>

namespace weir::internal {

template <class T, class F>
class SourceFunctionOperator final : public FunctionHost<F> {
 public:
  using FunctionHost<F>::FunctionHost;
  void Open(OperatorContext& context) override {
    out_.emplace(TypeOf<T>(), context.output, context.output_bounds);
    FunctionHost<F>::Open(context);
  }
  void ProcessBatch(RecordBatch&) override {}
  PollResult Poll(bool) override {
    SourceContext<T> context(*out_);
    const bool more = this->function_.F::Next(context);
    out_->Flush();
    return more ? PollResult::kMore : PollResult::kEnd;
  }

 private:
  std::optional<OutputBuffer> out_;
};

}  // namespace weir::internal
