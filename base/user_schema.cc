#include <weir/core/serde.h>

namespace weir::internal {

void AppendUserSchema(std::string_view name, uint32_t version, uint32_t oldest, std::string& schema) {
  constexpr char kDigits[] = "0123456789abcdef";
  constexpr std::string_view kPlain = ".:-_";
  schema += "serde<";
  for (const char c : name) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || kPlain.find(c) != std::string_view::npos;
    if (plain) {
      schema += c;
    } else {
      const uint8_t byte = static_cast<uint8_t>(c);
      schema += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  schema += ',' + std::to_string(version) + ',' + std::to_string(oldest) + '>';
}

}  // namespace weir::internal
