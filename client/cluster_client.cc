#include "client/cluster_client.h"

#include <grpcpp/create_channel.h>

#include <filesystem>
#include <fstream>

#include "base/content_hash.h"
#include "base/status_macros.h"
#include "proto/convert.h"
#include "proto/services.grpc.pb.h"

namespace weir {
namespace {

constexpr size_t kChunkBytes = 1024 * 1024;
constexpr int64_t kUploadTimeoutMs = 3'600'000;

Status FromGrpc(const grpc::Status& status, const std::string& address) {
  if (status.ok()) return Status::Ok();
  const std::string message = status.error_message();
  switch (status.error_code()) {
    case grpc::StatusCode::INVALID_ARGUMENT: return InvalidArgument(message);
    case grpc::StatusCode::NOT_FOUND: return NotFound(message);
    case grpc::StatusCode::FAILED_PRECONDITION: return FailedPrecondition(message);
    case grpc::StatusCode::RESOURCE_EXHAUSTED: return ResourceExhausted(message);
    case grpc::StatusCode::UNAVAILABLE: return Unavailable("cannot reach the JobManager at " + address + ": " + message);
    // A JobManager that stops in order ends the calls that wait: the next one may be there soon.
    case grpc::StatusCode::CANCELLED: return Unavailable("the JobManager at " + address + " ended the call: is it stopping?");
    case grpc::StatusCode::DEADLINE_EXCEEDED: return DeadlineExceeded("the JobManager at " + address + " did not answer in time (client.timeout)");
    default: return Internal("JobManager at " + address + ": " + message);
  }
}

}  // namespace

struct ClusterClient::Stub {
  std::unique_ptr<proto::ClientService::Stub> service;
};

ClusterClient::ClusterClient(const std::string& address, int64_t timeout_ms) : address_(address), timeout_ms_(timeout_ms), stub_(std::make_unique<Stub>()) {
  stub_->service = proto::ClientService::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
}

ClusterClient::~ClusterClient() = default;

namespace {

// One unary call with a deadline.
template <class Request, class Reply, class Stub, class Method>
StatusOr<Reply> Call(Stub& service, Method method, const Request& request, int64_t timeout_ms, const std::string& address) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(timeout_ms));
  Reply reply;
  RETURN_IF_ERROR(FromGrpc((service.*method)(&context, request, &reply), address));
  return reply;
}

}  // namespace

StatusOr<proto::Artifact> ClusterClient::Upload(const std::string& path, const std::function<void(uint64_t, uint64_t)>& progress) {
  proto::Artifact artifact;
  ASSIGN_OR_RETURN(const std::string hash, ContentHashOfFile(path));
  std::error_code error;
  const uint64_t size_bytes = std::filesystem::file_size(path, error);
  if (error) return Unavailable("cannot read " + path + ": " + error.message());
  artifact.set_hash(hash);
  artifact.set_size_bytes(size_bytes);
  artifact.set_file_name(std::filesystem::path(path).filename().string());

  proto::HasArtifactRequest has;
  has.set_hash(hash);
  StatusOr<proto::HasArtifactReply> present =
      Call<proto::HasArtifactRequest, proto::HasArtifactReply>(*stub_->service, &proto::ClientService::Stub::HasArtifact, has, timeout_ms_, address_);
  if (!present.ok()) return present.status();
  if (present->present()) return artifact;

  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(kUploadTimeoutMs));
  proto::UploadArtifactReply reply;
  const std::unique_ptr<grpc::ClientWriter<proto::UploadArtifactRequest>> writer = stub_->service->UploadArtifact(&context, &reply);
  std::ifstream file(path, std::ios::binary);
  proto::UploadArtifactRequest chunk;
  *chunk.mutable_artifact() = artifact;
  uint64_t sent = 0;
  do {
    std::string& data = *chunk.mutable_data();
    data.resize(kChunkBytes);
    file.read(data.data(), static_cast<std::streamsize>(data.size()));
    data.resize(static_cast<size_t>(file.gcount()));
    sent += data.size();
    if (!writer->Write(chunk)) break;
    progress(sent, size_bytes);
    chunk.clear_artifact();
  } while (file);
  writer->WritesDone();
  RETURN_IF_ERROR(FromGrpc(writer->Finish(), address_));
  return artifact;
}

StatusOr<JobId> ClusterClient::Submit(const proto::SubmitJobRequest& request) {
  StatusOr<proto::SubmitJobReply> reply =
      Call<proto::SubmitJobRequest, proto::SubmitJobReply>(*stub_->service, &proto::ClientService::Stub::SubmitJob, request, timeout_ms_, address_);
  if (!reply.ok()) return reply.status();
  return JobIdFromBytes(reply->job_id());
}

StatusOr<proto::ListJobsReply> ClusterClient::List() {
  return Call<proto::ListJobsRequest, proto::ListJobsReply>(*stub_->service, &proto::ClientService::Stub::ListJobs, {}, timeout_ms_, address_);
}

StatusOr<proto::JobDetails> ClusterClient::Get(JobId job) {
  proto::GetJobRequest request;
  request.set_job_id(IdBytes(job));
  return Call<proto::GetJobRequest, proto::JobDetails>(*stub_->service, &proto::ClientService::Stub::GetJob, request, timeout_ms_, address_);
}

Status ClusterClient::Cancel(JobId job) {
  proto::CancelJobRequest request;
  request.set_job_id(IdBytes(job));
  return Call<proto::CancelJobRequest, proto::CancelJobReply>(*stub_->service, &proto::ClientService::Stub::CancelJob, request, timeout_ms_, address_).status();
}

StatusOr<proto::TriggerSavepointReply> ClusterClient::TriggerSavepoint(const proto::TriggerSavepointRequest& request) {
  return Call<proto::TriggerSavepointRequest, proto::TriggerSavepointReply>(*stub_->service, &proto::ClientService::Stub::TriggerSavepoint, request, timeout_ms_, address_);
}

StatusOr<proto::SavepointDetails> ClusterClient::GetSavepoint(JobId job, const std::string& trigger_id) {
  proto::GetSavepointRequest request;
  request.set_job_id(IdBytes(job));
  request.set_trigger_id(trigger_id);
  return Call<proto::GetSavepointRequest, proto::SavepointDetails>(*stub_->service, &proto::ClientService::Stub::GetSavepoint, request, timeout_ms_, address_);
}

Status ClusterClient::DisposeSavepoint(const std::string& path) {
  proto::DisposeSavepointRequest request;
  request.set_path(path);
  return Call<proto::DisposeSavepointRequest, proto::DisposeSavepointReply>(*stub_->service, &proto::ClientService::Stub::DisposeSavepoint, request, timeout_ms_, address_)
      .status();
}

StatusOr<proto::ClusterDetails> ClusterClient::Cluster() {
  return Call<proto::GetClusterRequest, proto::ClusterDetails>(*stub_->service, &proto::ClientService::Stub::GetCluster, {}, timeout_ms_, address_);
}

}  // namespace weir
