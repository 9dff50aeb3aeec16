#include "runtime/task/slot_loop.h"

#include <pthread.h>

#include "base/check.h"
#include "runtime/task/current_task.h"

namespace weir {
namespace {

constexpr int64_t kIdleWaitNs = 1'000'000'000;
// An idle slot looks again a few times before it sleeps: a wake-up costs more than a few rounds.
constexpr int kSpinRounds = 50;

void Add(std::atomic<int64_t>& sum, int64_t value) {  // One writer: no locked instruction.
  sum.store(sum.load(std::memory_order_relaxed) + value, std::memory_order_relaxed);
}

}  // namespace

SlotTask::SlotTask(SlotLoop& loop, Threading threading) : loop_(loop), threading_(threading) {}

SlotTask::~SlotTask() = default;

void SlotTask::Wake() {
  if (!awake_.exchange(true, std::memory_order_seq_cst)) loop_.Interrupt();
}

bool SlotTask::Run(int64_t now_ns) {
  if (done_) return false;
  if (waiting_ != nullptr) {
    // A suspended step goes on when its condition holds. Checked on every wake-up of the task only.
    if (!awake_.exchange(false, std::memory_order_acq_rel)) return false;
    if (!WaitIsOver()) return false;
    SetCurrentTask(body_->name());
    fiber_->Resume();
  } else {
    const bool due = body_->next_wake_ns().has_value() && *body_->next_wake_ns() <= now_ns;
    const bool awake = awake_.exchange(false, std::memory_order_acq_rel);
    if (!awake && !due && last_result_ != StepResult::kProgress) return false;
    if (idle_since_ns_ != 0) Add(times_.idle_ns, now_ns - idle_since_ns_);
    idle_since_ns_ = 0;
    step_now_ns_ = now_ns;
    times_.step_started_ns.store(now_ns, std::memory_order_relaxed);
    SetCurrentTask(body_->name());
    if (threading_ == Threading::kTask) {
      last_result_ = body_->Step(now_ns);
    } else {
      if (fiber_ == nullptr) {
        // One fiber for the task's whole life: a step per Resume.
        fiber_ = std::make_unique<TaskFiber>([this] {
          while (true) {
            last_result_ = body_->Step(step_now_ns_);
            if (last_result_ == StepResult::kDone) return;
            fiber_->Suspend();
          }
        });
      }
      fiber_->Resume();
    }
  }
  SetCurrentTask(nullptr);
  if (waiting_ != nullptr) {
    Add(times_.busy_ns, loop_.clock().MonotonicNanos() - now_ns);
    return true;
  }
  times_.step_started_ns.store(0, std::memory_order_relaxed);
  const int64_t end_ns = loop_.clock().MonotonicNanos();
  Add(times_.busy_ns, end_ns - now_ns);
  if (last_result_ == StepResult::kIdle) idle_since_ns_ = end_ns;
  if (last_result_ == StepResult::kDone) done_ = true;
  return last_result_ != StepResult::kIdle;
}

void SlotTask::ThrowIfDisturbed() const {
  if (cancelled_) throw TaskCancelled();
  if (broken_.has_value()) throw ChannelBroken{*broken_};
}

void SlotTask::WaitUntil(const std::function<bool()>& ready) {
  ThrowIfDisturbed();
  const int64_t begin_ns = loop_.clock().MonotonicNanos();
  times_.backpressured.store(true, std::memory_order_relaxed);
  waiting_ = &ready;
  if (threading_ == Threading::kSlot) {
    // The loop resumes when the condition holds; a wake-up before now must not be lost.
    awake_.store(true, std::memory_order_release);
    fiber_->Suspend();
  } else {
    while (!WaitIsOver()) {
      loop_.Sleep(kIdleWaitNs, [this] { return awake_.load(std::memory_order_seq_cst); });
      awake_.store(false, std::memory_order_seq_cst);
    }
  }
  waiting_ = nullptr;
  // A wake-up that the wait took may have been for more than the wait, such as mail: the task is looked at once more.
  awake_.store(true, std::memory_order_release);
  const int64_t end_ns = loop_.clock().MonotonicNanos();
  const int64_t waited_ns = end_ns - begin_ns;
  // First, so that the watchdog does not take the wait for a part of the step.
  times_.step_started_ns.store(end_ns, std::memory_order_relaxed);
  times_.backpressured.store(false, std::memory_order_release);
  Add(times_.backpressured_ns, waited_ns);
  // In this form the whole step counts as busy at its end.
  if (threading_ == Threading::kTask) Add(times_.busy_ns, -waited_ns);
  ThrowIfDisturbed();
}

SlotLoop::SlotLoop(std::string thread_name, const Clock& clock) : clock_(clock) {
  thread_ = std::thread([this, name = std::move(thread_name)] { Run(name); });
}

SlotLoop::~SlotLoop() { CHECK(joined_); }

void SlotLoop::Post(std::function<void()> closure) { reactor_.Post(std::move(closure)); }

void SlotLoop::Interrupt() {
  if (waiting_.load(std::memory_order_seq_cst)) reactor_.Interrupt();
}

void SlotLoop::RemoveTask(SlotTask* task) { std::erase(tasks_, task); }

void SlotLoop::Stop() {
  stopping_.store(true);
  reactor_.Interrupt();
}

void SlotLoop::Join() {
  CHECK(stopping_.load());
  thread_.join();
  joined_ = true;
}

int64_t SlotLoop::IdleTimeoutNs(int64_t now_ns) const {
  int64_t wake_ns = now_ns + kIdleWaitNs;
  for (const SlotTask* const task : tasks_) {
    if (task->done_ || task->waiting_ != nullptr) continue;
    if (const std::optional<int64_t> due = task->body_->next_wake_ns()) wake_ns = std::min(wake_ns, *due);
  }
  return std::max<int64_t>(0, wake_ns - now_ns);
}

void SlotLoop::Sleep(int64_t timeout_ns, const std::function<bool()>& woken) {
  waiting_.store(true, std::memory_order_seq_cst);
  // A wake-up before the flag was not signalled: look once more.
  reactor_.Wait(woken() ? 0 : timeout_ns);
  waiting_.store(false, std::memory_order_seq_cst);
}

void SlotLoop::Run(const std::string& thread_name) {
  pthread_setname_np(pthread_self(), thread_name.substr(0, 15).c_str());
  while (!stopping_.load(std::memory_order_relaxed)) {
    reactor_.Poll();
    bool progress = false;
    // By index: a closure run by a waiting task's loop may change the list.
    for (size_t i = 0; i < tasks_.size(); ++i) progress |= tasks_[i]->Run(clock_.MonotonicNanos());
    idle_rounds_ = progress ? 0 : idle_rounds_ + 1;
    if (idle_rounds_ < kSpinRounds) continue;
    Sleep(IdleTimeoutNs(clock_.MonotonicNanos()), [this] {
      return std::any_of(tasks_.begin(), tasks_.end(), [](const SlotTask* task) { return !task->done_ && task->awake_.load(std::memory_order_seq_cst); });
    });
    idle_rounds_ = 0;
  }
}

}  // namespace weir
