#include "runtime/task/worker_channels.h"

#include "runtime/network/local_channel.h"

namespace weir {

void WorkerChannels::AddLocal(uint32_t edge, uint32_t producer, uint32_t consumer, SlotTask& producer_task, SlotTask& consumer_task) {
  auto [writer, reader] = NewLocalChannel(options_.channel_limits, producer_task, consumer_task);
  std::lock_guard lock(mutex_);
  writers_[{edge, producer, consumer}] = std::move(writer);
  readers_[{edge, producer, consumer}] = std::move(reader);
}

std::unique_ptr<ChannelWriter> WorkerChannels::MakeWriter(uint32_t edge, uint32_t producer, const ChannelPeer& consumer, const TypeInfo& type,
                                                          SlotTask& task, Reactor& reactor) {
  if (consumer.task_manager_id == options_.task_manager_id) {
    std::lock_guard lock(mutex_);
    return std::move(writers_.at({edge, producer, consumer.subtask}));
  }
  const ChannelHandshake handshake{options_.job, attempt_, edge, producer, consumer.subtask};
  return NewRemoteWriter(reactor, consumer.data_address, handshake, type, options_.connect_timeout_ms, task);
}

std::unique_ptr<ChannelReader> WorkerChannels::MakeReader(uint32_t edge, uint32_t consumer, const ChannelPeer& producer, const TypeInfo& type,
                                                          SlotTask& task, Reactor& reactor, RemoteReader*& remote) {
  if (producer.task_manager_id == options_.task_manager_id) {
    std::lock_guard lock(mutex_);
    return std::move(readers_.at({edge, producer.subtask, consumer}));
  }
  std::unique_ptr<RemoteReader> reader = NewRemoteReader(reactor, type, options_.channel_limits, task);
  remote = reader.get();
  return reader;
}

}  // namespace weir
