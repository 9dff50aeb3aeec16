#include "taskmanager/session_client.h"

#include <grpcpp/grpcpp.h>
#include <pthread.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <thread>

#include "base/check.h"
#include "base/log.h"
#include "proto/message_socket.h"
#include "services.grpc.pb.h"

namespace weir {
namespace {


Status FromGrpc(const grpc::Status& status, const char* what) {
  const std::string message = std::string(what) + ": " + status.error_message();
  switch (status.error_code()) {
    case grpc::StatusCode::OK: return Status::Ok();
    case grpc::StatusCode::NOT_FOUND: return NotFound(message);
    case grpc::StatusCode::CANCELLED: return Cancelled(message);
    case grpc::StatusCode::DEADLINE_EXCEEDED: return DeadlineExceeded(message);
    case grpc::StatusCode::INVALID_ARGUMENT: return InvalidArgument(message);
    default: return Unavailable(message);
  }
}

std::shared_ptr<grpc::Channel> NewChannel(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(static_cast<int>(kMessageBytesMax));
  arguments.SetMaxSendMessageSize(static_cast<int>(kMessageBytesMax));
  // The pauses between sessions are ours (LeaderLink): a channel that has failed would answer from memory for a while, so each
  // session has a channel of its own that shares nothing.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace

// One stream. The reader opens it, reads to its end and reports; the writer takes the queue.
class SessionClient::Stream {
 public:
  Stream(uint64_t number, const std::string& address, const SessionCallbacks& callbacks)
      : number_(number), callbacks_(callbacks), stub_(proto::SessionService::NewStub(NewChannel(address))) {
    reader_ = std::thread([this] { Read(); });
    pthread_setname_np(reader_.native_handle(), "session-reader");
  }

  proto::SessionService::Stub& stub() { return *stub_; }  // Thread-safe, as long as the stream lives.

  bool Send(const proto::TaskManagerEvent& event) {
    const size_t size = event.ByteSizeLong();
    std::lock_guard lock(mutex_);
    if (closed_ || leaving_ || queue_.size() >= kQueuedEventsMax || (!queue_.empty() && queued_bytes_ + size > kQueuedBytesMax)) return false;
    queue_.push_back(event);
    queued_bytes_ += size;
    changed_.notify_all();
    return true;
  }

  void Leave(int64_t timeout_ms) {
    std::unique_lock lock(mutex_);
    leaving_ = true;
    changed_.notify_all();
    changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [this] { return closed_; });
  }

  void Close() {
    {
      std::lock_guard lock(mutex_);
      closed_ = true;
      changed_.notify_all();
    }
    context_.TryCancel();
    reader_.join();
  }

 private:
  using Rpc = grpc::ClientReaderWriter<proto::TaskManagerEvent, proto::JobManagerCommand>;

  void Read() {
    const std::unique_ptr<Rpc> rpc = stub_->Session(&context_);
    std::thread writer([this, &rpc] { Write(*rpc); });
    pthread_setname_np(writer.native_handle(), "session-writer");
    proto::JobManagerCommand command;
    while (rpc->Read(&command)) callbacks_.on_command(number_, command);
    {
      std::lock_guard lock(mutex_);
      closed_ = true;
      changed_.notify_all();
    }
    writer.join();
    Status why = FromGrpc(rpc->Finish(), "session with the JobManager");
    if (why.ok()) why = Unavailable("session with the JobManager: closed by it");
    callbacks_.on_closed(number_, why);
  }

  void Write(Rpc& rpc) {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return closed_ || leaving_ || !queue_.empty(); });
      if (closed_) return;
      if (queue_.empty()) {  // Leaving.
        lock.unlock();
        rpc.WritesDone();
        return;
      }
      const proto::TaskManagerEvent event = std::move(queue_.front());
      queue_.pop_front();
      queued_bytes_ -= std::min(queued_bytes_, event.ByteSizeLong());
      lock.unlock();
      const bool sent = rpc.Write(event);
      lock.lock();
      if (!sent) return;  // The reader learns why.
    }
  }

  const uint64_t number_;
  const SessionCallbacks& callbacks_;
  const std::unique_ptr<proto::SessionService::Stub> stub_;
  grpc::ClientContext context_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::deque<proto::TaskManagerEvent> queue_;
  size_t queued_bytes_ = 0;
  bool leaving_ = false;
  bool closed_ = false;
  std::thread reader_;
};

struct SessionClient::State {
  State(std::string job_manager_address, SessionCallbacks session_callbacks)
      : address(std::move(job_manager_address)), callbacks(std::move(session_callbacks)) {}

  const std::string address;
  const SessionCallbacks callbacks;
  uint64_t last_number = 0;
  std::mutex mutex;
  std::shared_ptr<Stream> stream;             // Guarded by mutex; shared with senders that are just using it.
  std::set<grpc::ClientContext*> downloads;   // Guarded by mutex: to be cancelled by Stop.
  bool stopped = false;                       // Guarded by mutex.
  bool joined = false;
};

SessionClient::SessionClient(const std::string& address, int64_t download_timeout_ms, SessionCallbacks callbacks)
    : state_(std::make_unique<State>(address, std::move(callbacks))), download_timeout_ms_(download_timeout_ms) {}

SessionClient::~SessionClient() { CHECK(state_->joined); }

uint64_t SessionClient::Open() {
  Close();
  const uint64_t number = ++state_->last_number;
  auto stream = std::make_shared<Stream>(number, state_->address, state_->callbacks);
  std::lock_guard lock(state_->mutex);
  state_->stream = std::move(stream);
  return number;
}

void SessionClient::Close() {
  std::shared_ptr<Stream> stream;
  {
    std::lock_guard lock(state_->mutex);
    stream.swap(state_->stream);
  }
  if (stream != nullptr) stream->Close();
}

void SessionClient::Leave(int64_t timeout_ms) {
  std::shared_ptr<Stream> stream;
  {
    std::lock_guard lock(state_->mutex);
    stream = state_->stream;
  }
  if (stream != nullptr) stream->Leave(timeout_ms);
  stream.reset();
  Close();
}

bool SessionClient::Send(const proto::TaskManagerEvent& event) {
  std::shared_ptr<Stream> stream;
  {
    std::lock_guard lock(state_->mutex);
    stream = state_->stream;
  }
  return stream != nullptr && stream->Send(event);
}

Status SessionClient::Download(const std::string& hash, const std::function<Status(std::string_view)>& take) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(download_timeout_ms_));
  std::shared_ptr<Stream> stream;  // Its connection; the download does not depend on the session otherwise.
  {
    std::lock_guard lock(state_->mutex);
    if (state_->stopped) return Cancelled("artifact download: the TaskManager stops");
    stream = state_->stream;
    if (stream == nullptr) return Unavailable("artifact download: no session with the JobManager");
    state_->downloads.insert(&context);
  }
  proto::DownloadArtifactRequest request;
  request.set_hash(hash);
  const std::unique_ptr<grpc::ClientReader<proto::ArtifactChunk>> rpc = stream->stub().DownloadArtifact(&context, request);
  proto::ArtifactChunk chunk;
  Status taken;
  while (taken.ok() && rpc->Read(&chunk)) taken = take(chunk.data());
  if (!taken.ok()) context.TryCancel();
  const grpc::Status finished = rpc->Finish();
  {
    std::lock_guard lock(state_->mutex);
    state_->downloads.erase(&context);
  }
  return taken.ok() ? FromGrpc(finished, "artifact download") : taken;
}

void SessionClient::Stop() {
  std::lock_guard lock(state_->mutex);
  state_->stopped = true;
  for (grpc::ClientContext* const context : state_->downloads) context->TryCancel();
}

void SessionClient::Join() {
  CHECK(state_->stopped);
  Close();
  state_->joined = true;
}

}  // namespace weir
