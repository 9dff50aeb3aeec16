// A JobManager that does what the test says: one session at a time, events in order of arrival.
#pragma once

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "proto/convert.h"
#include "services.grpc.pb.h"

namespace weir::testing {

class FakeJobManager final : public proto::SessionService::Service {
 public:
  using Stream = grpc::ServerReaderWriter<proto::JobManagerCommand, proto::TaskManagerEvent>;

  explicit FakeJobManager(int port = 0) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:" + std::to_string(port), grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~FakeJobManager() override {
    StallDownloads(false);
    server_->Shutdown(std::chrono::system_clock::now());
  }

  int port() const { return port_; }
  // Downloads begin, and nothing comes.
  void StallDownloads(bool stall) {
    std::lock_guard lock(mutex_);
    stalls_downloads_ = stall;
    changed_.notify_all();
  }
  void AddArtifact(const std::string& hash, std::string content) { artifacts_[hash] = std::move(content); }

  grpc::Status Session(grpc::ServerContext*, Stream* stream) override {
    {
      std::lock_guard lock(mutex_);
      stream_ = stream;
    }
    proto::TaskManagerEvent event;
    while (stream->Read(&event)) {
      std::lock_guard lock(mutex_);
      if (event.has_heartbeat()) {
        heartbeats_.push_back(event.heartbeat());
        proto::JobManagerCommand echo;
        echo.set_leader_epoch(event.leader_epoch());
        echo.mutable_heartbeat();
        if (answers_heartbeats_) stream->Write(echo);
      } else {
        events_.push_back(event);
      }
      changed_.notify_all();
    }
    std::lock_guard lock(mutex_);
    if (stream_ == stream) stream_ = nullptr;
    return grpc::Status::OK;
  }

  grpc::Status DownloadArtifact(grpc::ServerContext*, const proto::DownloadArtifactRequest* request,
                                grpc::ServerWriter<proto::ArtifactChunk>* writer) override {
    const auto artifact = artifacts_.find(request->hash());
    if (artifact == artifacts_.end()) return {grpc::StatusCode::NOT_FOUND, "no such artifact"};
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return !stalls_downloads_; });
    }
    proto::ArtifactChunk chunk;
    for (size_t at = 0; at < artifact->second.size(); at += 64 * 1024) {
      chunk.set_data(artifact->second.substr(at, 64 * 1024));
      writer->Write(chunk);
    }
    return grpc::Status::OK;
  }

  bool Send(const proto::JobManagerCommand& command) {
    std::lock_guard lock(mutex_);
    return stream_ != nullptr && stream_->Write(command);
  }

  void StopAnsweringHeartbeats() {
    std::lock_guard lock(mutex_);
    answers_heartbeats_ = false;
  }

  // The first event that `matches`; those before it are dropped. Fails the test after a deadline.
  proto::TaskManagerEvent WaitFor(const std::function<bool(const proto::TaskManagerEvent&)>& matches) {
    std::unique_lock lock(mutex_);
    proto::TaskManagerEvent found;
    const bool in_time = changed_.wait_for(lock, std::chrono::seconds(40), [&] {
      while (!events_.empty()) {
        found = events_.front();
        events_.pop_front();
        if (matches(found)) return true;
      }
      return false;
    });
    EXPECT_TRUE(in_time) << "the event does not come";
    return found;
  }
  proto::TaskManagerEvent WaitFor(proto::TaskManagerEvent::EventCase wanted) {
    return WaitFor([wanted](const proto::TaskManagerEvent& event) { return event.event_case() == wanted; });
  }
  proto::TaskManagerHeartbeat WaitForHeartbeat(const std::function<bool(const proto::TaskManagerHeartbeat&)>& matches) {
    std::unique_lock lock(mutex_);
    proto::TaskManagerHeartbeat found;
    const bool in_time = changed_.wait_for(lock, std::chrono::seconds(40), [&] {
      while (!heartbeats_.empty()) {
        found = heartbeats_.front();
        heartbeats_.pop_front();
        if (matches(found)) return true;
      }
      return false;
    });
    EXPECT_TRUE(in_time) << "the heartbeat does not come";
    return found;
  }

  // Waits for a registration and accepts it.
  proto::Registration Accept(uint64_t epoch, int64_t heartbeat_interval_ms = 20, int64_t heartbeat_timeout_ms = 60'000) {
    const proto::Registration registration = WaitFor(proto::TaskManagerEvent::kRegistration).registration();
    proto::JobManagerCommand command;
    command.set_leader_epoch(epoch);
    proto::RegistrationReply& reply = *command.mutable_registration();
    reply.set_accepted(true);
    reply.set_leader_epoch(epoch);
    reply.set_heartbeat_interval_ms(heartbeat_interval_ms);
    reply.set_heartbeat_timeout_ms(heartbeat_timeout_ms);
    EXPECT_TRUE(Send(command));
    return registration;
  }

 private:
  int port_ = 0;
  std::map<std::string, std::string> artifacts_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Stream* stream_ = nullptr;                            // Guarded by mutex_, as are the next ones.
  bool answers_heartbeats_ = true;
  bool stalls_downloads_ = false;
  std::deque<proto::TaskManagerEvent> events_;          // Without heartbeats.
  std::deque<proto::TaskManagerHeartbeat> heartbeats_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace weir::testing
