// Stacks of threads that spin, wait in the kernel, run on a fiber or do not answer.
#include "taskmanager/worker/thread_stack.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <latch>
#include <thread>

#include "runtime/task/task_fiber.h"
#include "taskmanager/worker/crash_handler.h"

namespace weir {
namespace {

constexpr int kTimeoutMs = 10'000;

std::atomic<bool> spinning{false};
std::atomic<bool> stop{false};

[[gnu::noinline]] void SpinHere() {
  while (!stop.load(std::memory_order_relaxed)) spinning.store(true, std::memory_order_relaxed);
}
[[gnu::noinline]] void ReadHere(int fd, std::latch& begun) {
  char byte = 0;
  begun.count_down();
  EXPECT_EQ(::read(fd, &byte, 1), 1);  // Goes on after the signal.
  asm volatile("" ::: "memory");       // No tail call.
}
[[gnu::noinline]] void SpinDeeply(int depth) {
  if (depth == 0) return SpinHere();
  SpinDeeply(depth - 1);
  asm volatile("" ::: "memory");
}

[[gnu::always_inline]] inline void SpinInlined() {
  while (!stop.load(std::memory_order_relaxed)) spinning.store(true, std::memory_order_relaxed);
}
constexpr int kInlinedLine = __LINE__ - 2;
[[gnu::noinline]] void SpinAround() {
  SpinInlined();
  asm volatile("" ::: "memory");
}
constexpr int kAroundLine = __LINE__ - 3;

void AwaitSpinning() {
  while (!spinning.load()) std::this_thread::yield();
}

class ThreadStackTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { InstallThreadStacks(); }
  void SetUp() override {
    spinning = false;
    stop = false;
  }
  static std::string StackOf(std::thread& thread) {
    const std::optional<StackTrace> stack = TakeThreadStack(thread.native_handle(), kTimeoutMs);
    return stack.has_value() ? SymbolizeStack(*stack) : "none";
  }
};

TEST_F(ThreadStackTest, NamesTheFunctionThatSpins) {
  std::thread thread([] {
    UseAlternateSignalStack();
    SpinHere();
  });
  AwaitSpinning();
  const std::string text = StackOf(thread);
  stop = true;
  thread.join();
  EXPECT_NE(text.find(" SpinHere at "), std::string::npos) << text;
  for (const char* own : {"CaptureStack", "OnSignal", "restore_rt"}) EXPECT_EQ(text.find(own), std::string::npos) << text;
}

TEST_F(ThreadStackTest, InlinedFunctionsStandAtTheirOwnLines) {
  std::thread thread(SpinAround);
  AwaitSpinning();
  const std::string text = StackOf(thread);
  stop = true;
  thread.join();
  // The path before the file's name depends on where the build runs.
  const auto stands_at = [&](const std::string& function, int line) {
    const size_t begin = text.find(" " + function + " at ");
    const std::string place = "thread_stack_test.cc:" + std::to_string(line) + "\n";
    return begin != std::string::npos && text.find(place, begin) < text.find('\n', begin);
  };
  EXPECT_TRUE(stands_at("SpinInlined", kInlinedLine)) << text;
  EXPECT_TRUE(stands_at("SpinAround", kAroundLine)) << text;
}

#ifndef WEIR_SANITIZED
TEST_F(ThreadStackTest, EndsAtTheRootOfAFiber) {
  std::thread thread([] {
    UseAlternateSignalStack();
    TaskFiber fiber([] { SpinHere(); });
    fiber.Resume();
  });
  AwaitSpinning();
  const std::optional<StackTrace> stack = TakeThreadStack(thread.native_handle(), kTimeoutMs);
  stop = true;
  thread.join();
  ASSERT_TRUE(stack.has_value());
  EXPECT_LT(stack->frame_count, 20);
  EXPECT_NE(SymbolizeStack(*stack).find("SpinHere"), std::string::npos);
}
#endif

TEST_F(ThreadStackTest, OfAThreadThatWaitsInTheKernelWhichGoesOnAfterwards) {
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  std::latch begun(1);
  std::thread thread([&] { ReadHere(pipe_ends[0], begun); });
  begun.wait();
  const std::string text = StackOf(thread);
  ASSERT_EQ(::write(pipe_ends[1], "x", 1), 1);
  thread.join();
  EXPECT_NE(text.find("ReadHere"), std::string::npos) << text;
  for (const int fd : pipe_ends) ::close(fd);
}

TEST_F(ThreadStackTest, ADeepStackIsCutAtTheTop) {
  std::thread thread([] { SpinDeeply(1'000); });
  AwaitSpinning();
  const std::optional<StackTrace> stack = TakeThreadStack(thread.native_handle(), kTimeoutMs);
  stop = true;
  thread.join();
  ASSERT_TRUE(stack.has_value());
  EXPECT_NE(SymbolizeStack(*stack).find("SpinHere"), std::string::npos);
}

TEST_F(ThreadStackTest, NothingOfAThreadThatBlocksTheSignalAndItsLateAnswerDisturbsNobody) {
  std::latch blocked(1), unblock(1), unblocked(1), end(1);
  std::thread deaf([&] {
    sigset_t own;
    ::sigemptyset(&own);
    ::sigaddset(&own, ThreadStackSignal());
    ::pthread_sigmask(SIG_BLOCK, &own, nullptr);
    blocked.count_down();
    unblock.wait();
    ::pthread_sigmask(SIG_UNBLOCK, &own, nullptr);  // The late answer.
    unblocked.count_down();
    end.wait();
  });
  blocked.wait();
  EXPECT_FALSE(TakeThreadStack(deaf.native_handle(), /*timeout_ms=*/20).has_value());
  unblock.count_down();
  unblocked.wait();
  std::thread thread(SpinHere);
  AwaitSpinning();
  EXPECT_NE(StackOf(thread).find("SpinHere"), std::string::npos);
  EXPECT_TRUE(TakeThreadStack(deaf.native_handle(), kTimeoutMs).has_value());
  stop = true;
  end.count_down();
  thread.join();
  deaf.join();
}

TEST_F(ThreadStackTest, ASignalFromElsewhereIsIgnored) {
  EXPECT_EQ(::kill(::getpid(), ThreadStackSignal()), 0);
  sigval value{};
  EXPECT_EQ(::sigqueue(::getpid(), ThreadStackSignal(), value), 0);
}

}  // namespace
}  // namespace weir
