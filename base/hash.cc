#define XXH_INLINE_ALL
#include <xxhash.h>

#include <weir/core/key_hash.h>

namespace weir {

uint64_t HashBytes(const void* data, size_t size_bytes) { return XXH3_64bits(data, size_bytes); }

}  // namespace weir
