#include "base/savepoint_order.h"

namespace weir {

std::string_view SavepointFormatName(SavepointFormat format) {
  switch (format) {
    case SavepointFormat::kCanonical:
      return "CANONICAL";
    case SavepointFormat::kNative:
      return "NATIVE";
  }
  return "UNKNOWN";
}

}  // namespace weir
