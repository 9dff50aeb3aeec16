// WEIR_JOB: the entry of a job library, and the note by which the cluster knows what it was built for.
#pragma once

#include <weir/parameters.h>
#include <weir/stream_execution_environment.h>

#define WEIR_ABI_VERSION 6

#define WEIR_STRINGIZE_INNER(x) #x
#define WEIR_STRINGIZE(x) WEIR_STRINGIZE_INNER(x)

#if defined(__SANITIZE_ADDRESS__)
#define WEIR_SANITIZER_NAME "address"
#elif defined(__SANITIZE_THREAD__)
#define WEIR_SANITIZER_NAME "thread"
#else
#define WEIR_SANITIZER_NAME "none"
#endif

// "abi=1;compiler=gcc-12;stdlib=cxx11-abi-1;sanitizer=none"
#define WEIR_ABI_TEXT                                                                                     \
  "abi=" WEIR_STRINGIZE(WEIR_ABI_VERSION) ";compiler=gcc-" WEIR_STRINGIZE(__GNUC__) ";stdlib=cxx11-abi-" \
      WEIR_STRINGIZE(_GLIBCXX_USE_CXX11_ABI) ";sanitizer=" WEIR_SANITIZER_NAME

namespace weir::internal {

// An ELF note: name "Weir", type 1, description = WEIR_ABI_TEXT, zero padded (docs/formats.md, "job library").
struct AbiNote {
  uint32_t name_bytes = 5;
  uint32_t description_bytes = 96;
  uint32_t type = 1;
  char name[8] = "Weir";
  char description[96] = WEIR_ABI_TEXT;
};

}  // namespace weir::internal

// The body of a job: WEIR_JOB(weir::StreamExecutionEnvironment& env, const weir::Parameters& args) { ... }
// It may run several times, and must build the same dataflow from the same arguments each time.
#define WEIR_JOB(environment, parameters)                                                              \
  static void WeirJobBody(environment, parameters);                                                    \
  extern "C" {                                                                                         \
  extern __attribute__((visibility("default"))) const ::weir::internal::AbiNote weir_abi_note; \
  __attribute__((used, section(".note.weir"), aligned(4))) const ::weir::internal::AbiNote weir_abi_note{};                                                     \
  __attribute__((used, visibility("default"))) void weir_job_entry(::weir::StreamExecutionEnvironment& env,          \
                                                                   const ::weir::Parameters& args) {   \
    WeirJobBody(env, args);                                                                            \
  }                                                                                                    \
  }                                                                                                    \
  static void WeirJobBody(environment, parameters)
