// The gRPC service for clients: checks what comes from outside, then asks the Dispatcher on its loop.
#pragma once

#include <functional>

#include "base/event_loop.h"
#include "jobmanager/artifact_store.h"
#include "jobmanager/dispatcher.h"
#include "proto/services.grpc.pb.h"

namespace weir {

// Called on gRPC threads, which wait for the loop.
class ClientService final : public proto::ClientService::Service {
 public:
  ClientService(Dispatcher& dispatcher, ArtifactStore& artifacts, EventLoop& loop) : dispatcher_(dispatcher), artifacts_(artifacts), loop_(loop) {}

  grpc::Status HasArtifact(grpc::ServerContext* context, const proto::HasArtifactRequest* request, proto::HasArtifactReply* reply) override;
  grpc::Status UploadArtifact(grpc::ServerContext* context, grpc::ServerReader<proto::UploadArtifactRequest>* reader,
                              proto::UploadArtifactReply* reply) override;
  grpc::Status SubmitJob(grpc::ServerContext* context, const proto::SubmitJobRequest* request, proto::SubmitJobReply* reply) override;
  grpc::Status ListJobs(grpc::ServerContext* context, const proto::ListJobsRequest* request, proto::ListJobsReply* reply) override;
  grpc::Status GetJob(grpc::ServerContext* context, const proto::GetJobRequest* request, proto::JobDetails* reply) override;
  grpc::Status CancelJob(grpc::ServerContext* context, const proto::CancelJobRequest* request, proto::CancelJobReply* reply) override;
  grpc::Status TriggerSavepoint(grpc::ServerContext* context, const proto::TriggerSavepointRequest* request,
                                proto::TriggerSavepointReply* reply) override;
  grpc::Status GetSavepoint(grpc::ServerContext* context, const proto::GetSavepointRequest* request, proto::SavepointDetails* reply) override;
  grpc::Status DisposeSavepoint(grpc::ServerContext* context, const proto::DisposeSavepointRequest* request,
                                proto::DisposeSavepointReply* reply) override;
  grpc::Status GetCluster(grpc::ServerContext* context, const proto::GetClusterRequest* request, proto::ClusterDetails* reply) override;

 private:
  // Runs `work` on the loop and waits for it.
  grpc::Status OnLoop(const std::function<Status()>& work);

  Dispatcher& dispatcher_;
  ArtifactStore& artifacts_;
  EventLoop& loop_;
};

}  // namespace weir
