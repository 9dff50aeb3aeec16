#include "base/checksum.h"

#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>
// Redirects XXH3 to the widest vectors that the processor has: half the time of the SSE2 that we are compiled for.
#include <xxh_x86dispatch.h>

namespace weir {

uint64_t Checksum64(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

struct Checksum64Stream::State {
  XXH3_state_t xxh;
};

Checksum64Stream::Checksum64Stream() : state_(std::make_unique<State>()) { XXH3_64bits_reset(&state_->xxh); }

Checksum64Stream::~Checksum64Stream() = default;

void Checksum64Stream::Update(std::string_view bytes) {
  if (!bytes.empty()) XXH3_64bits_update(&state_->xxh, bytes.data(), bytes.size());
}

uint64_t Checksum64Stream::Digest() const { return XXH3_64bits_digest(&state_->xxh); }

}  // namespace weir
