#include <weir/broadcast_functions.h>

namespace weir::internal {

void BroadcastStates::ThrowUnknown(const std::string& name) {
  throw std::logic_error("broadcast state \"" + name + "\" was not given to Broadcast(...), or there with other types");
}

}  // namespace weir::internal
