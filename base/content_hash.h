// SHA-256 as the name of a content: job libraries are uploaded, cached and checked by it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <weir/core/status.h>

namespace weir {

// Takes the content piece by piece. Thread-compatible.
class ContentHasher {
 public:
  ContentHasher();
  ~ContentHasher();
  ContentHasher(const ContentHasher&) = delete;
  ContentHasher& operator=(const ContentHasher&) = delete;

  void Update(std::string_view bytes);
  std::string FinishHex();  // 64 lower-case hex digits; starts over with an empty content.

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string ContentHashHex(std::string_view bytes);

// Reads the file in pieces, whatever its size. kNotFound; kUnavailable for what cannot be read.
StatusOr<std::string> ContentHashOfFile(const std::string& path);

// True for 64 lower-case hex digits: the check before a hash from outside becomes part of a path.
bool IsContentHash(std::string_view text);

}  // namespace weir
