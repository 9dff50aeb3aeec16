#include "jobmanager/client_service.h"

#include <atomic>
#include <future>

#include "proto/convert.h"

namespace weir {
namespace {

constexpr std::chrono::seconds kRestoreWaitMax{30};  // Of clients that wait for ever.

grpc::Status ToGrpc(const Status& status) {
  switch (status.code()) {
    case StatusCode::kOk: return grpc::Status::OK;
    case StatusCode::kInvalidArgument: return {grpc::StatusCode::INVALID_ARGUMENT, status.message()};
    case StatusCode::kNotFound: return {grpc::StatusCode::NOT_FOUND, status.message()};
    case StatusCode::kAlreadyExists: return {grpc::StatusCode::ALREADY_EXISTS, status.message()};
    case StatusCode::kFailedPrecondition: return {grpc::StatusCode::FAILED_PRECONDITION, status.message()};
    case StatusCode::kUnavailable: return {grpc::StatusCode::UNAVAILABLE, status.message()};
    case StatusCode::kResourceExhausted: return {grpc::StatusCode::RESOURCE_EXHAUSTED, status.message()};
    default: return {grpc::StatusCode::INTERNAL, status.ToString()};
  }
}

// What the loop answers later, once. An answer that never comes, since nobody is left to give it, is one too.
template <class T>
class Answer {
 public:
  ~Answer() { Give(Unavailable("the JobManager is stopping, or the job is gone")); }
  void Give(T value) {
    if (!given_.exchange(true)) promise_.set_value(std::move(value));
  }
  std::future<T> TakeFuture() { return promise_.get_future(); }

 private:
  std::promise<T> promise_;
  std::atomic<bool> given_{false};
};

// Runs `begin` on the loop with the callback that takes its answer. An error: the loop has ended.
template <class T>
StatusOr<std::future<T>> Ask(EventLoop& loop, const std::function<void(std::function<void(T)>)>& begin) {
  auto answer = std::make_shared<Answer<T>>();
  std::future<T> future = answer->TakeFuture();
  const bool posted = loop.Post([begin, give = std::function<void(T)>([answer](T value) { answer->Give(std::move(value)); })] { begin(give); });
  if (!posted) return Unavailable("the JobManager is stopping");
  return future;
}

// The same, and waits for the answer.
template <class T>
T AwaitAnswer(EventLoop& loop, const std::function<void(std::function<void(T)>)>& begin) {
  StatusOr<std::future<T>> future = Ask<T>(loop, begin);
  return future.ok() ? future->get() : T(future.status());
}

// How long a submission may wait for its snapshot to be read: the client waits longer, and gets the job's id all the same.
std::chrono::system_clock::time_point RestoreDeadline(const grpc::ServerContext& context) {
  const auto now = std::chrono::system_clock::now();
  const auto half = (std::max(context.deadline(), now) - now) / 2;
  return now + std::min<std::chrono::system_clock::duration>(half, kRestoreWaitMax);
}

StatusOr<JobMaster::SavepointWish> WishOf(const proto::TriggerSavepointRequest& request) {
  JobMaster::SavepointWish wish;
  wish.target = request.target_directory();
  switch (request.format()) {
    case proto::SAVEPOINT_FORMAT_CANONICAL: wish.format = SavepointFormat::kCanonical; break;
    case proto::SAVEPOINT_FORMAT_NATIVE: wish.format = SavepointFormat::kNative; break;
    default: return InvalidArgument("unknown savepoint format, format=" + std::to_string(request.format()));
  }
  switch (request.after()) {
    case proto::AFTER_SAVEPOINT_CONTINUE: wish.after = AfterSavepoint::kContinue; break;
    case proto::AFTER_SAVEPOINT_STOP: wish.after = AfterSavepoint::kStop; break;
    case proto::AFTER_SAVEPOINT_DRAIN: wish.after = AfterSavepoint::kDrain; break;
    case proto::AFTER_SAVEPOINT_CANCEL: wish.after = AfterSavepoint::kCancel; break;
    default: return InvalidArgument("unknown wish of what follows the savepoint, after=" + std::to_string(request.after()));
  }
  return wish;
}

}  // namespace

grpc::Status ClientService::OnLoop(const std::function<Status()>& work) {
  std::promise<Status> done;
  if (!loop_.Post([&] { done.set_value(work()); })) return {grpc::StatusCode::UNAVAILABLE, "the JobManager is stopping"};
  return ToGrpc(done.get_future().get());
}

grpc::Status ClientService::HasArtifact(grpc::ServerContext*, const proto::HasArtifactRequest* request, proto::HasArtifactReply* reply) {
  reply->set_present(artifacts_.Has(request->hash()));
  return grpc::Status::OK;
}

grpc::Status ClientService::UploadArtifact(grpc::ServerContext*, grpc::ServerReader<proto::UploadArtifactRequest>* reader,
                                           proto::UploadArtifactReply* reply) {
  proto::UploadArtifactRequest request;
  if (!reader->Read(&request) || !request.has_artifact()) return {grpc::StatusCode::INVALID_ARGUMENT, "an upload begins with the artifact's hash and size"};
  const proto::Artifact artifact = request.artifact();
  StatusOr<std::unique_ptr<ArtifactStore::Upload>> upload = artifacts_.Begin(artifact.hash(), artifact.size_bytes());
  if (!upload.ok()) return ToGrpc(upload.status());
  Status status = (*upload)->Append(request.data());
  while (status.ok() && reader->Read(&request)) status = (*upload)->Append(request.data());
  if (status.ok()) status = (*upload)->Finish();
  *reply->mutable_artifact() = artifact;
  return ToGrpc(status);
}

grpc::Status ClientService::SubmitJob(grpc::ServerContext* context, const proto::SubmitJobRequest* request, proto::SubmitJobReply* reply) {
  JobId job;
  const grpc::Status submitted = OnLoop([&] {
    const StatusOr<JobId> accepted = dispatcher_.Submit(*request);
    if (accepted.ok()) job = *accepted;
    return accepted.status();
  });
  if (!submitted.ok()) return submitted;
  reply->set_job_id(IdBytes(job));
  if (request->restore_path().empty()) return grpc::Status::OK;
  StatusOr<std::future<Status>> opened = Ask<Status>(loop_, [this, job](std::function<void(Status)> done) { dispatcher_.WhenOpened(job, std::move(done)); });
  if (!opened.ok()) return ToGrpc(opened.status());
  // A storage that hangs holds this thread for a while, and nothing else: the job goes on reading.
  if (opened->wait_until(RestoreDeadline(*context)) != std::future_status::ready) return grpc::Status::OK;
  const Status failure = opened->get();
  if (failure.ok()) return grpc::Status::OK;
  const std::string what = "job " + job.ToHex() + " cannot start from " + request->restore_path() + ": ";
  // The storage cannot be reached; the JobManager was.
  return ToGrpc(Status(failure.code() == StatusCode::kUnavailable ? StatusCode::kFailedPrecondition : failure.code(), what + failure.message()));
}

grpc::Status ClientService::ListJobs(grpc::ServerContext*, const proto::ListJobsRequest*, proto::ListJobsReply* reply) {
  return OnLoop([&] {
    *reply = dispatcher_.List();
    return Status::Ok();
  });
}

grpc::Status ClientService::GetJob(grpc::ServerContext*, const proto::GetJobRequest* request, proto::JobDetails* reply) {
  const StatusOr<JobId> job = JobIdFromBytes(request->job_id());
  if (!job.ok()) return ToGrpc(job.status());
  return OnLoop([&] {
    StatusOr<proto::JobDetails> details = dispatcher_.Get(*job);
    if (details.ok()) *reply = std::move(*details);
    return details.status();
  });
}

grpc::Status ClientService::CancelJob(grpc::ServerContext*, const proto::CancelJobRequest* request, proto::CancelJobReply*) {
  const StatusOr<JobId> job = JobIdFromBytes(request->job_id());
  if (!job.ok()) return ToGrpc(job.status());
  return OnLoop([&] { return dispatcher_.Cancel(*job); });
}

grpc::Status ClientService::TriggerSavepoint(grpc::ServerContext*, const proto::TriggerSavepointRequest* request, proto::TriggerSavepointReply* reply) {
  const StatusOr<JobId> job = JobIdFromBytes(request->job_id());
  if (!job.ok()) return ToGrpc(job.status());
  const StatusOr<JobMaster::SavepointWish> wish = WishOf(*request);
  if (!wish.ok()) return ToGrpc(wish.status());
  using Begun = StatusOr<JobMaster::SavepointBegun>;
  const Begun begun = AwaitAnswer<Begun>(loop_, [this, &job, &wish](std::function<void(Begun)> done) { dispatcher_.TriggerSavepoint(*job, *wish, std::move(done)); });
  if (!begun.ok()) return ToGrpc(begun.status());
  reply->set_trigger_id(begun->trigger_id);
  reply->set_directory(begun->directory);
  return grpc::Status::OK;
}

grpc::Status ClientService::GetSavepoint(grpc::ServerContext*, const proto::GetSavepointRequest* request, proto::SavepointDetails* reply) {
  const StatusOr<JobId> job = JobIdFromBytes(request->job_id());
  if (!job.ok()) return ToGrpc(job.status());
  return OnLoop([&] {
    StatusOr<proto::SavepointDetails> details = dispatcher_.GetSavepoint(*job, request->trigger_id());
    if (details.ok()) *reply = std::move(*details);
    return details.status();
  });
}

grpc::Status ClientService::DisposeSavepoint(grpc::ServerContext*, const proto::DisposeSavepointRequest* request, proto::DisposeSavepointReply*) {
  if (!request->path().starts_with('/')) return ToGrpc(InvalidArgument("a savepoint's path must be absolute, got \"" + request->path() + "\""));
  return ToGrpc(AwaitAnswer<Status>(loop_, [this, request](std::function<void(Status)> done) { dispatcher_.DisposeSavepoint(request->path(), std::move(done)); }));
}

grpc::Status ClientService::GetCluster(grpc::ServerContext*, const proto::GetClusterRequest*, proto::ClusterDetails* reply) {
  return OnLoop([&] {
    *reply = dispatcher_.Cluster();
    return Status::Ok();
  });
}

}  // namespace weir
