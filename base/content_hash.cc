#include "base/content_hash.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/check.h"

namespace weir {
namespace {

constexpr size_t kHashSizeBytes = 32;
constexpr size_t kPieceSizeBytes = 1 << 18;

}  // namespace

struct ContentHasher::State {
  EVP_MD_CTX* context = nullptr;
};

// The calls below fail only when memory runs out or the library is built without SHA-256.
ContentHasher::ContentHasher() : state_(std::make_unique<State>()) {
  state_->context = EVP_MD_CTX_new();
  CHECK(state_->context != nullptr);
  CHECK(EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) == 1);
}

ContentHasher::~ContentHasher() { EVP_MD_CTX_free(state_->context); }

void ContentHasher::Update(std::string_view bytes) {
  CHECK(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
}

std::string ContentHasher::FinishHex() {
  uint8_t hash[kHashSizeBytes];
  CHECK(EVP_DigestFinal_ex(state_->context, hash, nullptr) == 1);
  CHECK(EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) == 1);
  std::string hex;
  for (const uint8_t byte : hash) {
    hex.push_back("0123456789abcdef"[byte >> 4]);
    hex.push_back("0123456789abcdef"[byte & 0xf]);
  }
  return hex;
}

std::string ContentHashHex(std::string_view bytes) {
  ContentHasher hasher;
  hasher.Update(bytes);
  return hasher.FinishHex();
}

StatusOr<std::string> ContentHashOfFile(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    const int error = errno;
    const std::string message = "open failed, path=" + path + " error=" + std::strerror(error);
    return error == ENOENT ? NotFound(message) : Unavailable(message);
  }
  ContentHasher hasher;
  std::vector<char> piece(kPieceSizeBytes);
  while (true) {
    const ssize_t count = ::read(fd, piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const int error = errno;
      ::close(fd);
      return Unavailable("read failed, path=" + path + " error=" + std::strerror(error));
    }
    if (count == 0) break;
    hasher.Update({piece.data(), static_cast<size_t>(count)});
  }
  ::close(fd);
  return hasher.FinishHex();
}

bool IsContentHash(std::string_view text) {
  return text.size() == 2 * kHashSizeBytes && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace weir
