// One session with the JobManager: a bidirectional gRPC stream and the threads that read and write it. gRPC stays behind this wall.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <weir/core/status.h>

#include "taskmanager/artifact_cache.h"

namespace weir::proto {
class JobManagerCommand;
class TaskManagerEvent;
}  // namespace weir::proto

namespace weir {

// What a session tells; called on its threads. `session` is the number that Open returned.
struct SessionCallbacks {
  std::function<void(uint64_t session, const proto::JobManagerCommand& command)> on_command;
  std::function<void(uint64_t session, const Status& why)> on_closed;  // Once for each session, last.
};

// Dials one JobManager, one session at a time. Open, Close, Stop and Join from one thread; Send and Download thread-safe.
class SessionClient final : public ArtifactSource {
 public:
  static constexpr size_t kQueuedEventsMax = 65'536;
  static constexpr size_t kQueuedBytesMax = 256u << 20;

  // `address`: host:port. `download_timeout_ms`: of one artifact.
  SessionClient(const std::string& address, int64_t download_timeout_ms, SessionCallbacks callbacks);
  ~SessionClient() override;  // CHECKs Stop and Join.
  SessionClient(const SessionClient&) = delete;
  SessionClient& operator=(const SessionClient&) = delete;

  // Begins a new session in place of the last one. Never waits for the network.
  uint64_t Open();
  // Queued events that are not on the wire yet are lost.
  void Close();
  // Sends what is queued, tells the JobManager that no more comes, then closes; at most `timeout_ms`.
  void Leave(int64_t timeout_ms);
  // False when no session is open or its queue is full: the session is of no use any more.
  bool Send(const proto::TaskManagerEvent& event);

  // Blocks. Fails with kCancelled after Stop.
  Status Download(const std::string& hash, const std::function<Status(std::string_view)>& take) override;

  void Stop();
  void Join();

 private:
  struct State;
  class Stream;
  std::unique_ptr<State> state_;
  const int64_t download_timeout_ms_;
};

}  // namespace weir
