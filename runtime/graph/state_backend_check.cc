#include "runtime/graph/state_backend_check.h"

#include "base/status_macros.h"

namespace weir {

Status CheckForRocksDb(const std::string& operator_name, const std::string& state_name, const std::string& kind) {
  if (kind == "value" || kind == "reducing" || kind == "aggregating") return Status::Ok();
  return InvalidArgument("state.backend.type rocksdb does not hold " + kind + " states yet, operator=" + operator_name + ", state=" + state_name +
                         ": use hashmap");
}

Status CheckForRocksDb(const JobGraph& graph) {
  for (const JobVertex& vertex : graph.vertices) {
    for (const ChainedOperator& chained : vertex.chain) {
      for (const auto& state : chained.states) RETURN_IF_ERROR(CheckForRocksDb(chained.name, state.name, state.kind));
    }
  }
  return Status::Ok();
}

}  // namespace weir
