#include "jobmanager/session_service.h"

#include <deque>
#include <fstream>

namespace weir {
namespace {

constexpr size_t kChunkBytes = 1024 * 1024;

}  // namespace

// Lives from the start of the call to OnDone.
class SessionService::Stream final : public grpc::ServerBidiReactor<proto::TaskManagerEvent, proto::JobManagerCommand> {
 public:
  Stream(SessionService& service, SessionId id) : service_(service), id_(id) { StartRead(&event_); }

  void Send(proto::JobManagerCommand command) {
    std::lock_guard lock(mutex_);
    if (finishing_) return;
    if (queue_.size() >= kQueuedCommandsMax) return FinishLocked(grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "the TaskManager does not read its commands"));
    queue_.push_back(std::move(command));
    if (queue_.size() == 1) StartWrite(&queue_.front());
  }

  void Close() {
    std::lock_guard lock(mutex_);
    FinishLocked(grpc::Status::OK);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return Close();
    service_.receiver_.OnSessionEvent(id_, std::move(event_));
    event_.Clear();
    StartRead(&event_);
  }

  void OnWriteDone(bool ok) override {
    std::lock_guard lock(mutex_);
    queue_.pop_front();
    if (!ok) return FinishLocked(grpc::Status::OK);
    if (!queue_.empty() && !finishing_) StartWrite(&queue_.front());
  }

  void OnCancel() override { Close(); }

  void OnDone() override {
    {
      std::lock_guard lock(service_.mutex_);
      service_.streams_.erase(id_);
    }
    service_.receiver_.OnSessionClosed(id_);
    delete this;
  }

 private:
  void FinishLocked(const grpc::Status& status) {
    if (finishing_) return;
    finishing_ = true;
    Finish(status);
  }

  SessionService& service_;
  const SessionId id_;
  proto::TaskManagerEvent event_;
  std::mutex mutex_;
  std::deque<proto::JobManagerCommand> queue_;  // Guarded by mutex_; the front one is being written.
  bool finishing_ = false;                      // Guarded by mutex_.
};

// Streams one artifact, and looks at its content once more: a disk forgets. Lives until OnDone.
class SessionService::Download final : public grpc::ServerWriteReactor<proto::ArtifactChunk> {
 public:
  Download(ArtifactStore& artifacts, const std::string& hash) : artifacts_(artifacts), hash_(hash), file_(artifacts.PathOf(hash), std::ios::binary) { NextChunk(); }
  void OnWriteDone(bool ok) override {
    if (ok) {
      NextChunk();
    } else {
      Finish(grpc::Status::OK);
    }
  }
  void OnDone() override { delete this; }

 private:
  void NextChunk() {
    std::string& data = *chunk_.mutable_data();
    data.resize(kChunkBytes);
    file_.read(data.data(), static_cast<std::streamsize>(data.size()));
    data.resize(static_cast<size_t>(file_.gcount()));
    if (data.empty()) return Finish(End());
    hasher_.Update(data);
    StartWrite(&chunk_);
  }
  grpc::Status End() {
    if (!file_.eof()) return {grpc::StatusCode::UNAVAILABLE, "artifact cannot be read"};
    if (hasher_.FinishHex() == hash_) return grpc::Status::OK;
    artifacts_.RemoveIfDamaged(hash_);
    return {grpc::StatusCode::DATA_LOSS, "artifact was damaged on the JobManager's disk, submit its job again, hash=" + hash_};
  }

  ArtifactStore& artifacts_;
  const std::string hash_;
  std::ifstream file_;
  ContentHasher hasher_;
  proto::ArtifactChunk chunk_;
};

SessionService::SessionService(SessionReceiver& receiver, ArtifactStore& artifacts) : receiver_(receiver), artifacts_(artifacts) {}

SessionService::~SessionService() = default;

grpc::ServerBidiReactor<proto::TaskManagerEvent, proto::JobManagerCommand>* SessionService::Session(grpc::CallbackServerContext*) {
  std::lock_guard lock(mutex_);
  const SessionId id = next_session_++;
  return streams_[id] = new Stream(*this, id);
}

void SessionService::Send(SessionId session, proto::JobManagerCommand command) {
  std::lock_guard lock(mutex_);
  const auto found = streams_.find(session);
  if (found != streams_.end()) found->second->Send(std::move(command));
}

void SessionService::Close(SessionId session) {
  std::lock_guard lock(mutex_);
  const auto found = streams_.find(session);
  if (found != streams_.end()) found->second->Close();
}

void SessionService::CloseAll() {
  std::lock_guard lock(mutex_);
  for (const auto& [id, stream] : streams_) stream->Close();
}

grpc::ServerWriteReactor<proto::ArtifactChunk>* SessionService::DownloadArtifact(grpc::CallbackServerContext*, const proto::DownloadArtifactRequest* request) {
  class Refusal final : public grpc::ServerWriteReactor<proto::ArtifactChunk> {
   public:
    Refusal() { Finish(grpc::Status(grpc::StatusCode::NOT_FOUND, "no such artifact")); }
    void OnDone() override { delete this; }
  };
  if (!artifacts_.Has(request->hash())) return new Refusal();
  return new Download(artifacts_, request->hash());
}

}  // namespace weir
