// The durable side of one job: its chain, its checkpoints, what may be deleted. All of it on one strand of the I/O pool.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/event_loop.h"
#include "base/file_system.h"
#include "base/strand.h"
#include "state/checkpoint/chain.h"
#include "state/checkpoint/retention.h"

namespace weir {

// Calls come from the JobMaster's loop; answers are posted back to it. Work runs in order, one piece at a time; what a full
// pool refuses is tried again until it has room. Shared with the work under way, which may outlast the JobMaster.
class JobStorage : public std::enable_shared_from_this<JobStorage> {
 public:
  struct Options {
    std::string checkpoints_directory;
    JobId job;
    LeaderEpoch epoch;
    uint32_t retained_max = 1;
    int64_t grace_ms = 5'000;  // Files unused for less than this stay (R18).
  };
  JobStorage(Options options, FileSystem& files, ThreadPool& pool, EventLoop& loop, const Clock& clock);

  struct Opened {
    CheckpointId highest_used;                    // No id up to this one is used again.
    std::optional<LoadedCheckpoint> restored;     // From `restore_path`.
  };
  // Claims the chain (R2) and loads what the job starts from. `claims`: that snapshot counts as the oldest of the job's own from
  // now on, and goes when it is beyond the retained ones; else it is never touched.
  void Open(const std::string& restore_path, bool claims, std::function<void(StatusOr<Opened>)> done);
  // The job does not start from what it wanted to claim, which stays whose it was.
  void GiveUpClaim();
  // One try at publishing; call again with the same id after kUnknown (R5). `error`: of all outcomes but kPublished and kFenced.
  void Publish(const CheckpointMetadata& metadata, std::function<void(CheckpointPublication::Outcome, Status error, uint64_t metadata_bytes)> done);
  void RetryPublish(std::function<void(CheckpointPublication::Outcome, Status error, uint64_t metadata_bytes)> done);
  // Where a savepoint is to lie; made, and writable.
  void CreateSavepoint(const std::string& target, std::function<void(StatusOr<std::string> directory)> done);
  // Completes the savepoint in `directory`; nothing of the job depends on it. An error: there is none.
  void WriteSavepoint(const CheckpointMetadata& metadata, const std::string& directory, std::function<void(StatusOr<uint64_t> metadata_bytes)> done);
  // The same, and the job may recover from it (a record in the chain). Of no effect on the job when kBurned.
  void PublishSavepoint(const CheckpointMetadata& metadata, const std::string& directory,
                        std::function<void(CheckpointPublication::Outcome, Status error, uint64_t metadata_bytes)> done);
  // Removes what is left of a savepoint that failed. Best effort.
  void DiscardSavepoint(const std::string& directory);
  // Deletes what no retained record uses any more, nor a snapshot of `running` may still name, whose checkpoints begin with
  // `first_id`. Best effort, at most every grace period: call it freely.
  void Prune(AttemptId running, CheckpointId first_id);
  // Retries until the record is there. kFailedPrecondition when another leader owns the chain, kCorruption when the chain is
  // damaged where the record belongs (R7).
  void WriteTerminal(TerminalEntry::State state, const std::string& reason, std::function<void(const Status& written)> done);
  // After the terminal record: removes all checkpoints of the job.
  void DeleteCheckpoints();
  // After the terminal record, where checkpoints are kept: exactly the files of the retained ones stay. `last` ran last.
  void DeleteAllButRetained(AttemptId last);

  std::string CheckpointPath(CheckpointId id) const { return layout_.CheckpointDirectory(id); }

 private:
  void Enqueue(std::function<void()> work);
  void Retry();
  StatusOr<Opened> OpenNow(const std::string& restore_path, bool claims);
  struct Directory {
    CheckpointId id;
    std::vector<std::string> files;  // Paths.
  };
  // Thread: strand, as all that follow. `first_id`: no directory below it is written to any more.
  void DeleteUnused(RetentionFacts facts, CheckpointId first_id);
  void Retain();
  std::vector<PresentFile> SeenFiles(const std::vector<Directory>& directories, const RetentionFacts& facts);
  std::vector<CheckpointId> CheckpointDirectories();
  std::vector<Directory> ListDirectories();
  void ReleaseClaimed();
  void TryTerminal(TerminalEntry entry, std::function<void(const Status&)> done);

  const Options options_;
  FileSystem& files_;
  EventLoop& loop_;
  const Clock& clock_;
  const CheckpointLayout layout_;

  const std::shared_ptr<Strand> strand_;
  std::deque<std::function<void()>> refused_;  // Thread: the loop's. By the pool; a retry is due unless it is empty.

  // Only inside queued work.
  Chain chain_;
  std::unique_ptr<CheckpointPublication> publication_;
  uint64_t publication_bytes_ = 0;
  Status savepoint_failure_;              // Of the one that is being published: it cannot be.
  std::optional<LoadedCheckpoint> claimed_;  // Until it is deleted.
  std::map<CheckpointId, RetainedCheckpoint> published_;  // Of this leader.
  std::optional<CheckpointId> unsettled_;  // Stands in published_ too, though its publication may yet fail.
  std::map<std::string, int64_t> unreferenced_since_ms_;
  std::optional<int64_t> last_prune_ms_;
};

}  // namespace weir
