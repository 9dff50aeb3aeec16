// What planning says of the keyed state of a function.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <weir/engine/stream_graph.h>
#include <weir/operators/keyed_host.h>
#include <weir/state/state_handle.h>

namespace weir::internal {

inline StateDeclarationText Describe(const StateHandle& handle) {
  const StateColumn& state = handle.declaration();
  return {state.name, state.kind, state.Schema(), state.ttl.on(), state.former_names};
}

// The states that are members of the function, and its timers.
template <class F>
std::vector<StateDeclarationText> StatesOf(const F& function) {
  std::vector<StateDeclarationText> states;
  const StateHandleScope scope;
  const F copy(function);
  for (const StateHandle* handle : scope.In(&copy, sizeof(F))) states.push_back(Describe(*handle));
  if constexpr (HasOnTimer<F>()) states.push_back(Describe(MapState<TimerId, bool>(kTimerState)));
  return states;
}

template <class K>
void DeclareKeyed(StreamNode& node, std::vector<StateDeclarationText> states) {
  node.keyed = true;
  node.key_schema = SchemaOf<K>();
  node.stateful = node.stateful || !states.empty();
  node.states = std::move(states);
}

}  // namespace weir::internal
