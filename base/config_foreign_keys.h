// Keys that are not ours but worth a better word than "unknown".
#pragma once

#include <cstdint>
#include <string_view>

namespace weir {

enum class ForeignKey : uint8_t {
  kUnknown,
  kJvmOnly,      // Has no meaning outside a JVM; ignored for good.
  kFlink,        // Flink has it, we do not (yet).
  kFlinkFamily,  // Flink has keys with this prefix, we have (nearly) none.
};

ForeignKey ClassifyForeignKey(std::string_view key);

}  // namespace weir
