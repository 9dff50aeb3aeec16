// The ends of the channels of one worker's tasks.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <mutex>

#include "runtime/task/stream_task.h"
#include "runtime/task/worker_runtime.h"

namespace weir {

// Local ends are made in pairs when the tasks are deployed; remote ones when a task asks for them. Thread-safe.
class WorkerChannels final : public ChannelFactory {
 public:
  // `options` outlives this.
  WorkerChannels(const WorkerOptions& options, AttemptId attempt) : options_(options), attempt_(attempt) {}

  void AddLocal(uint32_t edge, uint32_t producer, uint32_t consumer, SlotTask& producer_task, SlotTask& consumer_task);
  std::unique_ptr<ChannelWriter> MakeWriter(uint32_t edge, uint32_t producer, const ChannelPeer& consumer, const TypeInfo& type, SlotTask& task,
                                            Reactor& reactor) override;
  std::unique_ptr<ChannelReader> MakeReader(uint32_t edge, uint32_t consumer, const ChannelPeer& producer, const TypeInfo& type, SlotTask& task,
                                            Reactor& reactor, RemoteReader*& remote) override;

 private:
  using Key = std::array<uint32_t, 3>;  // edge, producer, consumer

  const WorkerOptions& options_;
  const AttemptId attempt_;
  std::mutex mutex_;
  std::map<Key, std::unique_ptr<ChannelWriter>> writers_;  // Guarded by mutex_; taken once.
  std::map<Key, std::unique_ptr<ChannelReader>> readers_;  // Guarded by mutex_; taken once.
};

}  // namespace weir
