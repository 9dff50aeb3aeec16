#include "runtime/task/result_partition.h"

#include <stdexcept>

#include "base/check.h"

namespace weir {
namespace {

uint64_t NextRandom(uint64_t& state) {  // splitmix64: reproducible per subtask, and cheap.
  state += 0x9e3779b97f4a7c15ULL;
  uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

}  // namespace

uint32_t RowsPerBatch(const PartitionLimits& limits, const TypeInfo& type) {
  const size_t by_bytes = std::max<size_t>(1, limits.batch_bytes_max / type.size_bytes);
  return static_cast<uint32_t>(std::min<size_t>(limits.batch_rows_max, by_bytes));
}

ResultPartition::ResultPartition(const Options& options, std::vector<std::unique_ptr<ChannelWriter>> writers, TaskWaiter& waiter)
    : options_(options),
      rows_max_(RowsPerBatch(options.limits, *options.routing->type)),
      waiter_(waiter),
      pool_(std::make_shared<BlockPool>()),
      random_state_(options.producer_subtask) {
  CHECK(!writers.empty());
  CHECK(writers.size() < UINT16_MAX);
  for (std::unique_ptr<ChannelWriter>& writer : writers) channels_.emplace_back().writer = std::move(writer);
  builders_.resize(channels_.size());
  builders = builders_.data();
  owned_bytes_max = options.limits.batch_bytes_max;
  // Producers start at different channels, so that few records still spread.
  next_channel_ = options.producer_subtask % static_cast<uint32_t>(channels_.size());
  if (options.kind == PartitionerKind::kKeyGroup) {
    channel_of_key_group_.resize(options.consumer_max_parallelism);
    for (uint32_t group = 0; group < options.consumer_max_parallelism; ++group) {
      channel_of_key_group_[group] =
          static_cast<uint16_t>(SubtaskOfKeyGroup(group, options.consumer_parallelism, options.consumer_max_parallelism));
    }
  }
}

ResultPartition::~ResultPartition() {
  for (uint32_t i = 0; i < channels_.size(); ++i) {
    if (channels_[i].batch.allocated()) channels_[i].batch.SetSize(PartialRows(i));
  }
}

uint32_t ResultPartition::PartialRows(uint32_t channel) const {
  const RecordBatch& batch = channels_[channel].batch;
  if (!batch.allocated()) return 0;
  return static_cast<uint32_t>((builders_[channel].cursor - static_cast<const std::byte*>(batch.rows())) / batch.type().size_bytes);
}

RecordBatch ResultPartition::TakePartial(uint32_t channel) {
  Channel& target = channels_[channel];
  target.batch.SetSize(PartialRows(channel), builders_[channel].owned_bytes);
  target.first_row_ns = 0;
  builders_[channel] = {};
  ++batches_out_;
  return std::move(target.batch);
}

void ResultPartition::WaitForCredit(uint32_t channel) {
  ChannelWriter& writer = *channels_[channel].writer;
  if (writer.CanSendBatch()) return;
  waiter_.WaitUntil([&writer] { return writer.CanSendBatch() || !writer.health().ok(); });
  if (!writer.health().ok()) throw ChannelBroken{writer.health().message()};
}

void ResultPartition::SendPartial(uint32_t channel) {
  if (PartialRows(channel) == 0) return;
  WaitForCredit(channel);
  channels_[channel].writer->Send(Element::Batch(TakePartial(channel)));
}

void ResultPartition::MakeRoom(uint32_t channel) {
  if (PartialRows(channel) > 0) {
    ++flushes_.full;
    SendPartial(channel);
  }
  Channel& target = channels_[channel];
  if (target.batch.allocated()) return;
  const BatchShape shape{rows_max_, options_.kind == PartitionerKind::kKeyGroup, with_timestamps_};
  target.batch = RecordBatch(*options_.routing->type, shape, pool_);
  ChannelBuilder& builder = builders_[channel];
  builder.cursor = static_cast<std::byte*>(target.batch.rows());
  builder.end = builder.cursor + size_t{rows_max_} * target.batch.type().size_bytes;
  builder.hashes = shape.has_hashes ? target.batch.hashes() : nullptr;
  builder.timestamps = with_timestamps_ ? target.batch.timestamps() : nullptr;
}

void ResultPartition::SwitchTimestamps(bool with_timestamps) {
  for (uint32_t i = 0; i < channels_.size(); ++i) {
    SendPartial(i);
    channels_[i].batch.Reset();
    builders_[i] = {};
  }
  with_timestamps_ = with_timestamps;
}

bool ResultPartition::CopiesRows() const {
  if (options_.kind == PartitionerKind::kGlobal || options_.kind == PartitionerKind::kBroadcast) return false;
  return channels_.size() > 1 || options_.kind == PartitionerKind::kKeyGroup;
}

void ResultPartition::Push(RecordBatch batch) {
  if (batch.empty()) return;
  rows_out_ += batch.size();
  if (batch.has_timestamps() != with_timestamps_) SwitchTimestamps(batch.has_timestamps());
  if (options_.kind == PartitionerKind::kBroadcast) return SendFrozen(std::move(batch));
  // A batch that is well filled moves as it is; a small one joins others.
  const bool fills = batch.size() >= rows_max_ / 2 || batch.SizeBytes() >= options_.limits.batch_bytes_max / 2;
  const bool overflows = batch.SizeBytes() > 2 * options_.limits.batch_bytes_max && batch.size() > 1;  // A map may have made long strings of short ones.
  if (!CopiesRows() && !batch.has_hashes() && fills && !overflows) return SendWhole(0, std::move(batch));
  Route(batch);
}

void ResultPartition::SendWhole(uint32_t channel, RecordBatch batch) {
  SendPartial(channel);
  WaitForCredit(channel);
  ++flushes_.full;
  ++batches_out_;
  channels_[channel].writer->Send(Element::Batch(std::move(batch)));
}

void ResultPartition::SendFrozen(RecordBatch batch) {
  const FrozenBatch frozen = std::make_shared<const RecordBatch>(std::move(batch));
  for (uint32_t i = 0; i < channels_.size(); ++i) {
    WaitForCredit(i);
    ++batches_out_;
    channels_[i].writer->Send(Element::Frozen(frozen));
  }
}

void ResultPartition::Route(RecordBatch& batch) {
  const uint32_t count = batch.size();
  const uint32_t channel_count = static_cast<uint32_t>(channels_.size());
  channel_of_row_.resize(count);
  const uint64_t* hashes = nullptr;
  switch (options_.kind) {
    case PartitionerKind::kKeyGroup: {
      hashes_.resize(count);
      options_.routing->hash_keys(batch, hashes_.data());
      hashes = hashes_.data();
      const uint32_t groups = options_.consumer_max_parallelism;
      if ((groups & (groups - 1)) == 0) {
        for (uint32_t i = 0; i < count; ++i) channel_of_row_[i] = channel_of_key_group_[hashes[i] & (groups - 1)];
      } else {
        for (uint32_t i = 0; i < count; ++i) channel_of_row_[i] = channel_of_key_group_[KeyGroupOf(hashes[i], groups)];
      }
      break;
    }
    case PartitionerKind::kRebalance:
    case PartitionerKind::kRescale:
      for (uint32_t i = 0; i < count; ++i) {
        channel_of_row_[i] = static_cast<uint16_t>(next_channel_);
        if (++next_channel_ == channel_count) next_channel_ = 0;
      }
      break;
    case PartitionerKind::kShuffle:
      for (uint32_t i = 0; i < count; ++i) channel_of_row_[i] = static_cast<uint16_t>(NextRandom(random_state_) % channel_count);
      break;
    case PartitionerKind::kCustom:
      options_.routing->custom(batch, channel_count, channel_of_row_.data());
      for (uint32_t i = 0; i < count; ++i) {
        if (channel_of_row_[i] >= channel_count) {
          throw std::out_of_range("custom partitioner chose a channel that does not exist, channel=" + std::to_string(channel_of_row_[i]) +
                                  ", channels=" + std::to_string(channel_count));
        }
      }
      break;
    case PartitionerKind::kForward:
    case PartitionerKind::kGlobal:
      std::fill(channel_of_row_.begin(), channel_of_row_.end(), uint16_t{0});
      break;
    case PartitionerKind::kBroadcast:
      CHECK(false);
  }
  options_.routing->scatter(batch, channel_of_row_.data(), hashes, *this);
}

void ResultPartition::Broadcast(const std::function<Element()>& make) {
  for (uint32_t i = 0; i < channels_.size(); ++i) {
    if (PartialRows(i) > 0) ++flushes_.control;
    SendPartial(i);
    channels_[i].writer->Send(make());
  }
}

std::optional<int64_t> ResultPartition::FlushIdle(int64_t now_ns) {
  std::optional<int64_t> next_due;
  for (uint32_t i = 0; i < channels_.size(); ++i) {
    if (PartialRows(i) == 0) continue;
    Channel& channel = channels_[i];
    if (channel.first_row_ns == 0) channel.first_row_ns = now_ns;
    const bool timed = options_.limits.flush_timeout_ns >= 0;
    const int64_t due = channel.first_row_ns + options_.limits.flush_timeout_ns;
    const bool overdue = timed && due <= now_ns;
    // Only full batches when the time-out is off. CanSendBatch and ReceiverIdle ask to be woken when they say no.
    if (timed && channel.writer->CanSendBatch() && (channel.writer->ReceiverIdle() || overdue)) {
      ++(overdue ? flushes_.time : flushes_.idle);
      channel.writer->Send(Element::Batch(TakePartial(i)));
    } else if (timed && !overdue) {
      next_due = std::min(next_due.value_or(due), due);
    }
  }
  return next_due;
}

void ResultPartition::FlushOverdue(int64_t now_ns) {
  if (options_.limits.flush_timeout_ns < 0) return;
  for (uint32_t i = 0; i < channels_.size(); ++i) {
    if (PartialRows(i) == 0) continue;
    Channel& channel = channels_[i];
    if (channel.first_row_ns == 0) channel.first_row_ns = now_ns;
    if (channel.first_row_ns + options_.limits.flush_timeout_ns > now_ns || !channel.writer->CanSendBatch()) continue;
    ++flushes_.time;
    channel.writer->Send(Element::Batch(TakePartial(i)));
  }
}

std::optional<uint32_t> ResultPartition::NextRequest() {
  for (uint32_t tried = 0; tried < channels_.size(); ++tried) {
    const uint32_t index = (next_request_channel_ + tried) % static_cast<uint32_t>(channels_.size());
    Channel& channel = channels_[index];
    channel.requests += channel.writer->TakeWorkRequests();
    if (channel.requests == 0) continue;
    // A request whose channel has no credit stays: the writer wakes the task when it has.
    if (!channel.writer->CanSendBatch()) continue;
    --channel.requests;
    next_request_channel_ = index + 1;
    return index;
  }
  return std::nullopt;
}

void ResultPartition::Assign(uint32_t consumer, RecordBatch work) {
  ++batches_out_;
  rows_out_ += work.size();
  channels_[consumer].writer->Send(Element::Batch(std::move(work)));
}

bool ResultPartition::Flushed() {
  return std::all_of(channels_.begin(), channels_.end(), [](Channel& channel) { return channel.writer->Flushed(); });
}

Status ResultPartition::health() const {
  for (const Channel& channel : channels_) {
    if (Status status = channel.writer->health(); !status.ok()) return status;
  }
  return Status::Ok();
}

}  // namespace weir
