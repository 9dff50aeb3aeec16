#include <weir/engine/operator.h>

#include <stdexcept>

namespace weir {

std::vector<std::string> OperatorContext::RestoredItems(std::string_view name) const {
  for (RestoredOperatorState& state : restored_operator_state()) {
    if (state.name == name) return std::move(state.items);
  }
  return {};
}

void Operator::ProcessSecondBatch(RecordBatch&) { throw std::logic_error("this operator has one input"); }

}  // namespace weir
