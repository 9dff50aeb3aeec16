// The CLI's connection to a JobManager.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <weir/core/status.h>

#include "base/ids.h"
#include "proto/services.pb.h"

namespace weir {

// Blocking calls with the time-out of client.timeout. Errors carry the address. Thread-compatible.
class ClusterClient {
 public:
  ClusterClient(const std::string& address, int64_t timeout_ms);
  ~ClusterClient();

  // Sends the file unless the cluster has its content already. `progress` gets bytes sent and bytes in all.
  StatusOr<proto::Artifact> Upload(const std::string& path, const std::function<void(uint64_t sent, uint64_t total)>& progress);
  StatusOr<JobId> Submit(const proto::SubmitJobRequest& request);
  StatusOr<proto::ListJobsReply> List();
  StatusOr<proto::JobDetails> Get(JobId job);
  Status Cancel(JobId job);
  StatusOr<proto::TriggerSavepointReply> TriggerSavepoint(const proto::TriggerSavepointRequest& request);
  StatusOr<proto::SavepointDetails> GetSavepoint(JobId job, const std::string& trigger_id);
  Status DisposeSavepoint(const std::string& path);
  StatusOr<proto::ClusterDetails> Cluster();

 private:
  struct Stub;
  const std::string address_;
  const int64_t timeout_ms_;
  std::unique_ptr<Stub> stub_;
};

}  // namespace weir
