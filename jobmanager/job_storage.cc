#include "jobmanager/job_storage.h"

#include <algorithm>
#include <set>

#include "base/check.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "state/checkpoint/savepoint_directory.h"

namespace weir {
namespace {

constexpr int64_t kRetryMs = 200;

}  // namespace

JobStorage::JobStorage(Options options, FileSystem& files, ThreadPool& pool, EventLoop& loop, const Clock& clock)
    : options_(std::move(options)),
      files_(files),
      loop_(loop),
      clock_(clock),
      layout_(options_.checkpoints_directory, options_.job),
      strand_(Strand::On(pool)),
      chain_(files, layout_, options_.epoch) {}

void JobStorage::Enqueue(std::function<void()> work) {
  DCHECK(loop_.InLoopThread());
  std::function<void()> kept_alive = [self = shared_from_this(), work = std::move(work)] { work(); };
  // Behind what waits already: the order is part of the protocol.
  if (refused_.empty() && strand_->Post(kept_alive)) return;
  refused_.push_back(std::move(kept_alive));
  if (refused_.size() > 1) return;
  LOG_WARN("Storage work waits: the I/O pool is full, job={}", options_.job.ToHex());
  loop_.PostDelayed(kRetryMs, [self = shared_from_this()] { self->Retry(); });
}

void JobStorage::Retry() {
  while (!refused_.empty() && strand_->Post(refused_.front())) refused_.pop_front();
  if (!refused_.empty()) loop_.PostDelayed(kRetryMs, [self = shared_from_this()] { self->Retry(); });
}

void JobStorage::Open(const std::string& restore_path, bool claims, std::function<void(StatusOr<Opened>)> done) {
  Enqueue([this, restore_path, claims, done = std::move(done)] {
    loop_.Post([done, opened = OpenNow(restore_path, claims)] { done(opened); });
  });
}

StatusOr<JobStorage::Opened> JobStorage::OpenNow(const std::string& restore_path, bool claims) {
  RETURN_IF_ERROR(chain_.Load());
  switch (chain_.TryTakeOver()) {
    case ChainAppend::kAppended: break;
    case ChainAppend::kFenced: return FailedPrecondition("another leader owns the chain of the job");
    case ChainAppend::kEnded: return FailedPrecondition("the job has ended already");
    case ChainAppend::kStale:
    case ChainAppend::kCorrupt:
    case ChainAppend::kUnknown: return chain_.last_error().WithContext("cannot claim the chain of the job");
  }
  Opened opened;
  ASSIGN_OR_RETURN(opened.highest_used, HighestCheckpointDirectory(files_, layout_));
  if (!restore_path.empty()) {
    ASSIGN_OR_RETURN(opened.restored, LoadCheckpoint(files_, restore_path));
    opened.highest_used = std::max(opened.highest_used, opened.restored->metadata.id);
    if (claims) claimed_ = opened.restored;
  }
  return opened;
}

void JobStorage::GiveUpClaim() {
  Enqueue([this] { claimed_.reset(); });
}

void JobStorage::Publish(const CheckpointMetadata& metadata, std::function<void(CheckpointPublication::Outcome, Status, uint64_t)> done) {
  Enqueue([this, metadata] {
    publication_ = std::make_unique<CheckpointPublication>(files_, chain_, metadata);
    publication_bytes_ = metadata.Encode().size();
    published_[metadata.id] = {metadata.id, layout_.MetadataPath(metadata.id), metadata.ReferencedFiles()};
    unsettled_ = metadata.id;
  });
  RetryPublish(std::move(done));
}

void JobStorage::CreateSavepoint(const std::string& target, std::function<void(StatusOr<std::string>)> done) {
  Enqueue([this, target, done = std::move(done)] {
    loop_.Post([done, directory = CreateSavepointDirectory(files_, target, options_.job)] { done(directory); });
  });
}

void JobStorage::WriteSavepoint(const CheckpointMetadata& metadata, const std::string& directory, std::function<void(StatusOr<uint64_t>)> done) {
  Enqueue([this, metadata, directory, done = std::move(done)] {
    loop_.Post([done, written = WriteSavepointMetadata(files_, metadata, directory)] { done(written); });
  });
}

void JobStorage::PublishSavepoint(const CheckpointMetadata& metadata, const std::string& directory,
                                  std::function<void(CheckpointPublication::Outcome, Status, uint64_t)> done) {
  Enqueue([this, metadata, directory] {
    publication_.reset();
    const StatusOr<uint64_t> written = WriteSavepointMetadata(files_, metadata, directory);
    savepoint_failure_ = written.status();
    if (!written.ok()) return;
    const std::string metadata_path = directory + "/_metadata";
    publication_ = std::make_unique<CheckpointPublication>(files_, chain_, *metadata.NamedIn(directory), metadata_path);
    publication_bytes_ = *written;
    published_[metadata.id] = {metadata.id, metadata_path, metadata.ReferencedFiles()};
    unsettled_ = metadata.id;
  });
  RetryPublish(std::move(done));
}

void JobStorage::DiscardSavepoint(const std::string& directory) {
  Enqueue([this, directory] {
    if (const Status removed = files_.RemoveDirectory(directory); !removed.ok()) LOG_WARN("Directory of a failed savepoint stays, error={}", removed.ToString());
  });
}

void JobStorage::RetryPublish(std::function<void(CheckpointPublication::Outcome, Status, uint64_t)> done) {
  Enqueue([this, done = std::move(done)] {
    if (publication_ == nullptr) {  // A savepoint without metadata: no record names it, so it is as good as never begun.
      return static_cast<void>(loop_.Post([done, error = savepoint_failure_] { done(CheckpointPublication::Outcome::kBurned, error, 0); }));
    }
    const CheckpointPublication::Outcome outcome = publication_->TryOnce();
    // An unknown outcome keeps its place: nothing of it may be deleted meanwhile (R5).
    const bool never = outcome != CheckpointPublication::Outcome::kPublished && outcome != CheckpointPublication::Outcome::kUnknown;
    if (never) published_.erase(publication_->entry().id);
    if (outcome != CheckpointPublication::Outcome::kUnknown) unsettled_.reset();
    loop_.Post([done, outcome, error = publication_->last_error(), bytes = publication_bytes_] { done(outcome, error, bytes); });
  });
}

void JobStorage::Prune(AttemptId running, CheckpointId first_id) {
  Enqueue([this, running, first_id] {
    const int64_t now_ms = clock_.MonotonicMillis();
    Retain();
    ReleaseClaimed();
    if (last_prune_ms_.has_value() && now_ms - *last_prune_ms_ < options_.grace_ms) return;
    last_prune_ms_ = now_ms;
    if (const Status pruned = chain_.Prune(options_.retained_max); !pruned.ok()) LOG_WARN("Old chain records stay, error={}", pruned.ToString());
    RetentionFacts facts;
    facts.running = running;
    facts.now_ms = now_ms;
    facts.grace_ms = options_.grace_ms;
    DeleteUnused(std::move(facts), first_id);
  });
}

void JobStorage::DeleteAllButRetained(AttemptId last) {
  Enqueue([this, last] {
    Retain();
    ReleaseClaimed();
    RetentionFacts facts;
    facts.running = last;
    facts.ended = true;
    facts.now_ms = clock_.MonotonicMillis();
    DeleteUnused(std::move(facts), {UINT64_MAX});
  });
}

// Leaves the newest in published_. What may yet fail to be published does not count as one of them.
void JobStorage::Retain() {
  while (published_.size() > options_.retained_max + (unsettled_.has_value() ? 1 : 0)) published_.erase(published_.begin());
}

void JobStorage::DeleteUnused(RetentionFacts facts, CheckpointId first_id) {
  for (const auto& [id, retained] : published_) facts.retained.push_back(retained);
  const std::vector<Directory> directories = ListDirectories();
  facts.present = SeenFiles(directories, facts);
  std::set<std::string> removed;
  for (const std::string& path : DeletableFiles(layout_, facts)) {
    if (const Status status = files_.Remove(path); !status.ok()) {
      LOG_WARN("Unused checkpoint file stays, error={}", status.ToString());
      continue;
    }
    unreferenced_since_ms_.erase(path);
    removed.insert(path);
  }
  const CheckpointId oldest = published_.empty() ? CheckpointId{} : published_.begin()->first;
  for (const Directory& directory : directories) {
    const bool empty = std::all_of(directory.files.begin(), directory.files.end(), [&](const std::string& path) { return removed.contains(path); });
    if (!empty || published_.contains(directory.id) || directory.id >= std::max(oldest, first_id)) continue;
    if (const Status status = files_.RemoveDirectory(layout_.CheckpointDirectory(directory.id)); !status.ok()) {
      LOG_WARN("Empty checkpoint directory stays, error={}", status.ToString());
    }
  }
}

// Since when each file has been without a use, as far as was seen.
std::vector<PresentFile> JobStorage::SeenFiles(const std::vector<Directory>& directories, const RetentionFacts& facts) {
  std::set<std::string_view> used;
  for (const RetainedCheckpoint& retained : facts.retained) {
    used.insert(retained.metadata_path);
    used.insert(retained.files.begin(), retained.files.end());
  }
  std::vector<PresentFile> present;
  std::map<std::string, int64_t> unreferenced;
  for (const Directory& directory : directories) {
    for (const std::string& path : directory.files) {
      if (used.contains(path)) continue;
      const auto known = unreferenced_since_ms_.find(path);
      const int64_t since_ms = known != unreferenced_since_ms_.end() ? known->second : facts.now_ms;
      unreferenced[path] = since_ms;
      present.push_back({path, since_ms});
    }
  }
  unreferenced_since_ms_ = std::move(unreferenced);
  return present;
}

// The claimed snapshot is the oldest one. Nothing of a later checkpoint lies in it: every job begins with a base of its own.
void JobStorage::ReleaseClaimed() {
  const size_t settled = published_.size() - (unsettled_.has_value() ? 1 : 0);
  if (!claimed_.has_value() || settled < options_.retained_max) return;
  const Status deleted = DeleteSnapshot(files_, *claimed_);
  if (!deleted.ok()) {
    LOG_WARN("Claimed snapshot stays for now, error={}", deleted.ToString());
    return;
  }
  LOG_INFO("Claimed snapshot {} was replaced by the job's own checkpoints and is deleted.", claimed_->metadata_path);
  claimed_.reset();
}

void JobStorage::WriteTerminal(TerminalEntry::State state, const std::string& reason, std::function<void(const Status&)> done) {
  TryTerminal({state, reason}, std::move(done));
}

void JobStorage::TryTerminal(TerminalEntry entry, std::function<void(const Status&)> done) {
  Enqueue([this, entry = std::move(entry), done = std::move(done)] {
    const ChainAppend outcome = chain_.TryAppend(entry);
    if (outcome == ChainAppend::kUnknown) {
      LOG_WARN("Terminal record not written yet, retrying, job={}, error={}", options_.job.ToHex(), chain_.last_error().ToString());
      loop_.PostDelayed(kRetryMs, [self = shared_from_this(), entry, done] { self->TryTerminal(entry, done); });
      return;
    }
    Status written;
    if (outcome != ChainAppend::kAppended) written = FailedPrecondition("another leader owns the chain of the job");
    if (outcome == ChainAppend::kCorrupt) written = chain_.last_error().WithContext("the end of the job cannot be recorded");
    loop_.Post([done, written] { done(written); });
  });
}

// Those whose content can be listed.
std::vector<JobStorage::Directory> JobStorage::ListDirectories() {
  std::vector<Directory> directories;
  for (const CheckpointId id : CheckpointDirectories()) {
    const std::string path = layout_.CheckpointDirectory(id);
    const StatusOr<std::vector<std::string>> names = files_.List(path);
    if (!names.ok()) continue;
    Directory& directory = directories.emplace_back(Directory{id, {}});
    for (const std::string& name : *names) directory.files.push_back(path + "/" + name);
  }
  return directories;
}

// Those that there are; none when they cannot be listed.
std::vector<CheckpointId> JobStorage::CheckpointDirectories() {
  std::vector<CheckpointId> ids;
  const StatusOr<std::vector<std::string>> names = files_.List(layout_.job_directory());
  if (!names.ok()) return ids;
  for (const std::string& name : *names) {
    const StatusOr<CheckpointId> id = CheckpointLayout::ParseCheckpointDirectoryName(name);
    if (id.ok()) ids.push_back(*id);
  }
  return ids;
}

void JobStorage::DeleteCheckpoints() {
  Enqueue([this] {
    if (claimed_.has_value()) {
      if (const Status deleted = DeleteSnapshot(files_, *claimed_); !deleted.ok()) LOG_WARN("Claimed snapshot of a finished job stays, error={}", deleted.ToString());
      claimed_.reset();
    }
    for (const CheckpointId id : CheckpointDirectories()) {
      if (const Status removed = files_.RemoveDirectory(layout_.CheckpointDirectory(id)); !removed.ok()) {
        LOG_WARN("Checkpoint of a finished job stays, error={}", removed.ToString());
      }
    }
  });
}

}  // namespace weir
