// The gRPC side of the sessions: one bidirectional stream per TaskManager. All decisions are the receiver's.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "jobmanager/artifact_store.h"
#include "proto/services.grpc.pb.h"

namespace weir {

using SessionId = uint64_t;

// What happens on sessions. Called on gRPC threads: implementations post to their loop.
class SessionReceiver {
 public:
  virtual ~SessionReceiver() = default;
  virtual void OnSessionEvent(SessionId session, proto::TaskManagerEvent event) = 0;
  virtual void OnSessionClosed(SessionId session) = 0;
};

// Thread-safe.
class SessionService final : public proto::SessionService::CallbackService {
 public:
  SessionService(SessionReceiver& receiver, ArtifactStore& artifacts);
  ~SessionService() override;

  // Queues a command; dropped when the session is closed. A session whose peer does not read is closed when
  // kQueuedCommandsMax wait for it.
  void Send(SessionId session, proto::JobManagerCommand command);
  void Close(SessionId session);
  void CloseAll();

  grpc::ServerBidiReactor<proto::TaskManagerEvent, proto::JobManagerCommand>* Session(grpc::CallbackServerContext* context) override;
  grpc::ServerWriteReactor<proto::ArtifactChunk>* DownloadArtifact(grpc::CallbackServerContext* context,
                                                                   const proto::DownloadArtifactRequest* request) override;

 private:
  static constexpr size_t kQueuedCommandsMax = 10'000;
  class Stream;
  class Download;

  SessionReceiver& receiver_;
  ArtifactStore& artifacts_;
  std::mutex mutex_;
  std::map<SessionId, Stream*> streams_;  // Guarded by mutex_. Streams own themselves, until OnDone.
  SessionId next_session_ = 1;            // Guarded by mutex_.
};

}  // namespace weir
