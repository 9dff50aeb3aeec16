#include "jobmanager/client_service.h"

#include <future>

#include "proto/convert.h"

namespace weir {
namespace {

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

grpc::Status ClientService::SubmitJob(grpc::ServerContext*, const proto::SubmitJobRequest* request, proto::SubmitJobReply* reply) {
  return OnLoop([&] {
    const StatusOr<JobId> job = dispatcher_.Submit(*request);
    if (job.ok()) reply->set_job_id(IdBytes(*job));
    return job.status();
  });
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

grpc::Status ClientService::GetCluster(grpc::ServerContext*, const proto::GetClusterRequest*, proto::ClusterDetails* reply) {
  return OnLoop([&] {
    *reply = dispatcher_.Cluster();
    return Status::Ok();
  });
}

}  // namespace weir
