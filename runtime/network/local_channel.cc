#include "runtime/network/local_channel.h"

#include <deque>
#include <mutex>

#include "base/check.h"

namespace weir {
namespace {

// One lock per element, never per record; both ends of a slot's own channel take it uncontended.
class SharedQueue {
 public:
  SharedQueue(ChannelLimits limits, WakeTarget& producer, WakeTarget& consumer)
      : limits_(limits), producer_(producer), consumer_(consumer) {}

  bool CanSendBatch() {
    std::lock_guard lock(mutex_);
    const bool can_send = batches_ == 0 || (batches_ < limits_.batches_max && bytes_ < limits_.bytes_max);
    if (!can_send) producer_waits_credit_ = true;
    return can_send;
  }

  bool ReceiverIdle() {
    std::lock_guard lock(mutex_);
    if (batches_ > 0) producer_waits_idle_ = true;
    return batches_ == 0;
  }

  void Push(Element element) {
    bool was_empty = false;
    {
      std::lock_guard lock(mutex_);
      if (element.IsBatch()) {
        ++batches_;
        bytes_ += element.rows().SizeBytes();
      }
      was_empty = queue_.empty();
      queue_.push_back(std::move(element));
    }
    if (was_empty) consumer_.Wake();
  }

  std::optional<Element> Pop() {
    std::optional<Element> element;
    bool wake = false;
    {
      std::lock_guard lock(mutex_);
      if (queue_.empty()) return element;
      element.emplace(std::move(queue_.front()));
      queue_.pop_front();
      if (element->IsBatch()) {
        --batches_;
        bytes_ -= element->rows().SizeBytes();
      }
      if (producer_waits_credit_ && batches_ <= limits_.batches_max / 2) {
        wake = true;
        producer_waits_credit_ = false;
      }
      if (producer_waits_idle_ && batches_ == 0) {
        wake = true;
        producer_waits_idle_ = false;
      }
    }
    if (wake) producer_.Wake();
    return element;
  }

  // The front stays where it is while the consumer looks at it: pushes to a deque move no element.
  const Element* Front() {
    std::lock_guard lock(mutex_);
    return queue_.empty() ? nullptr : &queue_.front();
  }

  void RequestWork(uint32_t count) {
    {
      std::lock_guard lock(mutex_);
      work_requests_ += count;
    }
    producer_.Wake();
  }

  uint32_t TakeWorkRequests() {
    std::lock_guard lock(mutex_);
    return std::exchange(work_requests_, 0);
  }

 private:
  const ChannelLimits limits_;
  WakeTarget& producer_;
  WakeTarget& consumer_;
  std::mutex mutex_;  // Guards everything below.
  std::deque<Element> queue_;
  uint32_t batches_ = 0;  // Invariant: batches in queue_.
  size_t bytes_ = 0;      // Invariant: their SizeBytes.
  uint32_t work_requests_ = 0;
  bool producer_waits_credit_ = false;
  bool producer_waits_idle_ = false;
};

class LocalWriter final : public ChannelWriter {
 public:
  explicit LocalWriter(std::shared_ptr<SharedQueue> queue) : queue_(std::move(queue)) {}
  bool CanSendBatch() override { return queue_->CanSendBatch(); }
  void Send(Element element) override { queue_->Push(std::move(element)); }
  bool ReceiverIdle() override { return queue_->ReceiverIdle(); }
  uint32_t TakeWorkRequests() override { return queue_->TakeWorkRequests(); }
  bool Flushed() override { return true; }
  Status health() const override { return Status::Ok(); }

 private:
  std::shared_ptr<SharedQueue> queue_;  // Shared by the two ends, which end at different times.
};

class LocalReader final : public ChannelReader {
 public:
  explicit LocalReader(std::shared_ptr<SharedQueue> queue) : queue_(std::move(queue)) {}
  std::optional<Element> Poll() override { return queue_->Pop(); }
  const Element* Peek() override { return queue_->Front(); }
  void RequestWork(uint32_t count) override { queue_->RequestWork(count); }
  Status health() const override { return Status::Ok(); }

 private:
  std::shared_ptr<SharedQueue> queue_;
};

}  // namespace

std::pair<std::unique_ptr<ChannelWriter>, std::unique_ptr<ChannelReader>> NewLocalChannel(ChannelLimits limits,
                                                                                          WakeTarget& producer,
                                                                                          WakeTarget& consumer) {
  CHECK(limits.batches_max > 0);
  auto queue = std::make_shared<SharedQueue>(limits, producer, consumer);
  return {std::make_unique<LocalWriter>(queue), std::make_unique<LocalReader>(queue)};
}

}  // namespace weir
