// Status and StatusOr: how the engine and its public interfaces report expected failures.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace weir {

// A code exists only where some caller acts differently on it.
enum class StatusCode : uint8_t {
  kOk = 0,
  kInvalidArgument,     // The caller's input is wrong; retrying does not help.
  kNotFound,            // The named thing does not exist.
  kAlreadyExists,       // An exclusive creation lost: somebody else created it.
  kFailedPrecondition,  // The system is not in a state in which this is possible.
  kUnavailable,         // A passing fault; retrying may help.
  kDeadlineExceeded,    // It took too long; the outcome may be unknown.
  kResourceExhausted,   // A named limit was reached.
  kCorruption,          // Bytes that were read are proved wrong.
  kCancelled,           // Somebody asked for the end.
  kUserError,           // User code threw, crashed or misbehaved.
  kInternal,            // A bug of ours.
};

std::string_view StatusCodeName(StatusCode code);

// The result of an operation that may fail. Cheap when ok. Thread-compatible.
class [[nodiscard]] Status {
 public:
  Status() = default;  // Ok.
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) {}

  static Status Ok() { return {}; }
  bool ok() const { return code_ == StatusCode::kOk; }
  StatusCode code() const { return code_; }
  const std::string& message() const { return message_; }

  // "NOT_FOUND: file missing, path=/x"; "OK" when ok.
  std::string ToString() const;

  // The same failure with `context: ` in front of its message; ok stays ok.
  Status WithContext(std::string_view context) const;

  bool operator==(const Status&) const = default;

 private:
  StatusCode code_ = StatusCode::kOk;
  std::string message_;
};

Status InvalidArgument(std::string message);
Status NotFound(std::string message);
Status AlreadyExists(std::string message);
Status FailedPrecondition(std::string message);
Status Unavailable(std::string message);
Status DeadlineExceeded(std::string message);
Status ResourceExhausted(std::string message);
Status Corruption(std::string message);
Status Cancelled(std::string message);
Status UserError(std::string message);
Status Internal(std::string message);

[[noreturn]] void DieBecauseOfStatus(const Status& status);

// A value or the reason why there is none.
template <class T>
class [[nodiscard]] StatusOr {
 public:
  StatusOr(Status status) : status_(std::move(status)) {  // NOLINT: implicit by intent.
    if (status_.ok()) DieBecauseOfStatus(status_);        // An ok StatusOr needs a value.
  }
  StatusOr(T value) : value_(std::move(value)) {}  // NOLINT: implicit by intent.

  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }

  // Requires: ok().
  T& operator*() & { return Checked(); }
  const T& operator*() const& { return const_cast<StatusOr*>(this)->Checked(); }
  T&& operator*() && { return std::move(Checked()); }
  T* operator->() { return &Checked(); }
  const T* operator->() const { return &const_cast<StatusOr*>(this)->Checked(); }

 private:
  T& Checked() {
    if (!value_.has_value()) DieBecauseOfStatus(status_);
    return *value_;
  }

  Status status_;
  std::optional<T> value_;
};

}  // namespace weir
